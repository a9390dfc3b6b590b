package persisttest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// diskRules are about disks that are full, slow, or rot.
var diskRules = []rule{
	{"FullDisk", "After any error but ErrInvalidUpdate and ErrFull the store is poisoned: nothing " +
		"of the batch may be relied upon and every further Write returns ErrPoisoned until the " +
		"store is opened anew.", checkFullDisk},
	{"SlowDisk", "When it returns nil, everything is synced.", checkSlowDisk},
	{"Rot", "State returns what is known of a group. Errors: ErrNoGroup, ErrCorrupt, ErrClosed.",
		checkRot},
}

// checkFullDisk lets the disk be full from every operation on, until the store is opened again.
func checkFullDisk(b *bench) error {
	return b.everyOperation(func(h *history, seed uint64, at int) error {
		full := &countdown{at: at, fault: syscall.ENOSPC, more: true}
		hook := func(op vfs.Op) error {
			err := full.hook(op)
			switch op.Kind {
			case vfs.OpCreate, vfs.OpMkdir, vfs.OpWrite, vfs.OpPreallocate:
				return err
			}
			return nil
		}
		fresh := &bench{Subject: b.Subject, disk: vfs.NewMemory(seed), hook: hook, dir: b.dir}
		acknowledged := 0
		if err := fresh.open(); err == nil {
			if acknowledged, err = h.play(fresh.store); err != nil {
				err = poisoned(fresh.store, err, h)
			}
			fresh.store.Close() // may fail, too
			if err != nil {
				return fmt.Errorf("disk full at %v: %w", full.struck(), err)
			}
		}
		return fresh.survives(h, acknowledged, full.struck())
	})
}

// patience bounds how long anything may take that does not wait for the disk.
const patience = time.Minute

// gate holds one sync up, once it is armed.
type gate struct {
	armed            atomic.Bool
	reached, release chan struct{}
}

// slowFS is a file system whose syncs pass a gate.
type slowFS struct {
	vfs.FS
	gate *gate
}

type slowFile struct {
	vfs.File
	gate *gate
}

func (s slowFS) Create(path string) (vfs.File, error) { return s.slow(s.FS.Create(path)) }

func (s slowFS) OpenReadWrite(path string) (vfs.File, error) {
	return s.slow(s.FS.OpenReadWrite(path))
}

func (s slowFS) slow(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return slowFile{f, s.gate}, nil
}

func (f slowFile) Sync() error {
	if f.gate.armed.CompareAndSwap(true, false) {
		close(f.gate.reached)
		<-f.gate.release
	}
	return f.File.Sync()
}

// checkSlowDisk holds the sync of a Write up: the Write waits, and readers do not. Whether they see
// it by then is the store's choice.
func checkSlowDisk(b *bench) error {
	if err := b.crashable(); err != nil {
		return err
	}
	g := &gate{reached: make(chan struct{}), release: make(chan struct{})}
	slow := &bench{disk: vfs.NewMemory(1), dir: b.dir, Subject: b.Subject}
	slow.Open = func(fs vfs.FS, dir string) (core.Store, error) { return b.Open(slowFS{fs, g}, dir) }
	if err := slow.open(); err != nil {
		return err
	}
	defer func() { slow.store.Close() }() // in whatever state it is
	m, err := tenEntries(slow)
	if err != nil {
		return err
	}
	g.armed.Store(true)
	next := core.Update{Group: 1, Entries: entries(3, 11, 13)}
	after := m.clone()
	after.apply(next)
	written, read := make(chan error, 1), make(chan error, 1)
	go func() { written <- slow.write(next) }() // ended by release
	err = errors.Join(
		whileHeld(g.reached, written, nil, "the write comes to its sync"),
		func() error {
			go func() { read <- slow.holdsEither(m, after) }() // ended by itself, unless the check fails
			return whileHeld(nil, written, read, "readers go on")
		}())
	close(g.release)
	if err != nil {
		return err
	}
	return errors.Join(<-written, slow.holds(after))
}

// holdsEither is holds for a moment in which a store may show a Write, or not yet.
func (b *bench) holdsEither(before, after model) error {
	if err := b.holds(before); err != nil {
		return b.holds(after)
	}
	return nil
}

// whileHeld waits for reached or done, which must come before the Write returns.
func whileHeld(reached <-chan struct{}, written, done <-chan error, what string) error {
	select {
	case <-reached:
		return nil
	case err := <-done:
		return err
	case err := <-written:
		return fmt.Errorf("the write returned before its sync: %w", err)
	case <-time.After(patience):
		return fmt.Errorf("a slow sync: it took more than %v until %s", patience, what)
	}
}

// rotPlaces is how many places of each file are damaged, one after the other.
const rotPlaces = 24

// checkRot flips bits at rest. The store tells, or holds what it held.
func checkRot(b *bench) error {
	if err := b.crashable(); err != nil {
		return err
	}
	h := newHistory(1)
	for n := 0; ; n++ {
		place, err := b.rot(h, n)
		if err != nil {
			return fmt.Errorf("%s: %w", place, err)
		}
		if place == "" {
			return nil
		}
	}
}

// rot plays the history, damages the disk at a place, and looks.
func (b *bench) rot(h *history, n int) (place string, err error) {
	fresh := &bench{Subject: b.Subject, disk: vfs.NewMemory(1), dir: b.dir}
	if err := fresh.open(); err != nil {
		return "", err
	}
	_, err = h.play(fresh.store)
	if err = errors.Join(err, fresh.store.Close()); err != nil {
		return "", err
	}
	if place, err = fresh.damage(n); err != nil || place == "" {
		return place, err
	}
	if err := fresh.open(); err != nil {
		return place, orCorrupt(err)
	}
	defer func() { fresh.store.Close() }() // in whatever state it is
	got, err := describe(fresh.store)
	if err != nil {
		return place, orCorrupt(err)
	}
	if all := h.states[len(h.states)-1]; got != all {
		err = fmt.Errorf("without an error the store holds\n%s\nwant\n%s", got, all)
	}
	return place, err
}

func orCorrupt(err error) error {
	if errors.Is(err, core.ErrCorrupt) {
		return nil
	}
	return fmt.Errorf("%w, want one that is ErrCorrupt", err)
}

// damage flips a bit at the n-th place of the directory; there is none if the place is empty.
func (b *bench) damage(n int) (place string, err error) {
	names, err := b.disk.List(b.dir)
	if err != nil {
		return "", err
	}
	for _, name := range names {
		path := b.dir + "/" + name
		size, err := b.disk.Size(path)
		if err != nil {
			return "", err
		}
		if places := int(min(size, rotPlaces)); n >= places {
			n -= places
			continue
		}
		// Most of a file may be empty, so half of the places are close to its beginning.
		at := size * int64(n) / rotPlaces
		if n%2 == 0 {
			at = min(at, 512*int64(n)/rotPlaces)
		}
		return fmt.Sprintf("bit 4 of byte %d of %s", at, name), b.disk.Flip(path, min(at, size-1), 16)
	}
	return "", nil
}
