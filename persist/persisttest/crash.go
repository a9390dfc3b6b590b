package persisttest

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

var crashRules = []rule{
	{"Reopen", "When it returns nil, everything is synced.", checkReopen},
	{"PowerCut", "Write makes the batch durable: in order, each Update whole or not at all after a " +
		"crash, and a later one never without those before it.", checkPowerCut},
	{"PowerCutAfterWrite", "When it returns nil, everything is synced.", checkPowerCutAfterWrite},
	{"KillThenPowerCut", "When it returns nil, everything is synced.", checkKillThenPowerCut},
	{"Poisoned", "After any error but ErrInvalidUpdate and ErrFull the store is poisoned: nothing " +
		"of the batch may be relied upon and every further Write returns ErrPoisoned until the " +
		"store is opened anew.", checkPoisoned},
}

const (
	crashBatches = 25 // length of a history with crashes
	crashSeeds   = 3  // histories
	maxOps       = 10_000
)

var errPower = errors.New("the power is cut")

func checkReopen(b *bench) error {
	if b.Volatile {
		return ErrNotApplicable
	}
	m, err := tenEntries(b)
	if err != nil {
		return err
	}
	for range 3 {
		if err := b.restart(); err != nil {
			return err
		}
		if err := b.holds(m); err != nil {
			return err
		}
	}
	return b.follow(m, core.Update{Group: 1, Entries: entries(3, 11, 13)})
}

// history is a workload, and what a store may hold after each update of it.
type history struct {
	batches [][]core.Update
	states  []string // states[n]: after n updates
	counts  []int    // counts[n]: updates in the first n batches
}

func newHistory(seed uint64) *history {
	w, m := newWorkload(seed), model{}
	h := &history{states: []string{m.describe()}, counts: []int{0}}
	for range crashBatches {
		batch := w.batch()
		for _, u := range batch {
			m.apply(u)
			h.states = append(h.states, m.describe())
		}
		h.batches = append(h.batches, batch)
		h.counts = append(h.counts, h.counts[len(h.counts)-1]+len(batch))
	}
	return h
}

// allows checks what a store holds after a crash when so many batches were acknowledged, and
// returns how many updates that is.
func (h *history) allows(s core.Store, acknowledged int) (updates int, err error) {
	got, err := describe(s)
	if err != nil {
		return 0, err
	}
	lo, hi := h.counts[acknowledged], h.counts[min(acknowledged+1, len(h.batches))]
	if n := slices.Index(h.states[lo:hi+1], got); n >= 0 {
		return lo + n, nil
	}
	loss := "which never was"
	if n := slices.Index(h.states, got); n >= 0 {
		loss = fmt.Sprintf("the state after update %d", n)
	}
	return 0, fmt.Errorf("%d batches (%d updates) were acknowledged; the store holds %s:\n%s\n"+
		"want\n%s", acknowledged, lo, loss, got, h.states[lo])
}

// play writes the history until a Write fails, and returns the number of batches that were
// acknowledged.
func (h *history) play(s core.Store) (acknowledged int, err error) {
	for n, batch := range h.batches {
		if err := s.Write(batch); err != nil {
			return n, err
		}
	}
	return len(h.batches), nil
}

// resume writes what is missing from a store that holds so many updates, and checks the result.
func (h *history) resume(b *bench, updates int) error {
	for n, batch := range h.batches {
		if skip := updates - h.counts[n]; skip < len(batch) {
			if err := b.write(batch[max(skip, 0):]...); err != nil {
				return err
			}
		}
	}
	if err := b.restart(); err != nil {
		return err
	}
	_, err := h.allows(b.store, len(h.batches))
	return err
}

// onFreshDisk runs a check on a disk of its own whose operations the hook is shown.
func (b *bench) onFreshDisk(seed uint64, hook func(vfs.Op) error, check func(*bench) error) error {
	fresh := &bench{Subject: b.Subject, disk: vfs.NewMemory(seed), hook: hook, dir: b.dir}
	err := fresh.open()
	if err == nil {
		err = check(fresh)
		fresh.store.Close() // in whatever state it is
	}
	return err
}

// crashable returns ErrNotApplicable for a store that nothing can be found out about: it does not
// write to the file system that it was given, not even when it is opened, or keeps nothing.
func (b *bench) crashable() error {
	dir, err := os.MkdirTemp(b.dir, "probe-")
	if err != nil {
		return err
	}
	counter := &countdown{}
	probe := &bench{Subject: b.Subject, disk: vfs.NewMemory(1), hook: counter.hook, dir: dir}
	if err := probe.open(); err != nil {
		return err
	}
	err = errors.Join(probe.write(begin(1)), probe.store.Close())
	if err == nil && (counter.left() == 0 || b.Volatile) {
		err = ErrNotApplicable
	}
	return err
}

// operations counts the operations of a history that change the disk, opening and closing included.
func (b *bench) operations(h *history) (int, error) {
	counter := &countdown{}
	err := b.onFreshDisk(1, counter.hook, func(b *bench) error {
		_, err := h.play(b.store)
		return errors.Join(err, b.store.Close())
	})
	return min(-counter.left(), maxOps), err
}

// everyOperation runs check for each operation of some histories that changes the disk: at is its
// number.
func (b *bench) everyOperation(check func(h *history, seed uint64, at int) error) error {
	if err := b.crashable(); err != nil {
		return err
	}
	for seed := range uint64(crashSeeds) {
		h := newHistory(seed)
		count, err := b.operations(h)
		if err != nil {
			return err
		}
		for at := 1; at <= count; at++ {
			if err := check(h, seed<<32|uint64(at), at); err != nil {
				return fmt.Errorf("history %d, operation %d of %d: %w", seed, at, count, err)
			}
		}
	}
	return nil
}

// countdown fails operation number at, and with more all after it, and remembers which it was.
type countdown struct {
	more  bool
	fault error

	mu  sync.Mutex
	at  int
	hit vfs.Op
}

func (c *countdown) hook(op vfs.Op) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !op.Kind.Changes() {
		if c.at <= 0 && c.more {
			return c.fault
		}
		return nil
	}
	c.at--
	if c.at == 0 {
		c.hit = op
	}
	if c.at == 0 || c.at < 0 && c.more {
		return c.fault
	}
	return nil
}

// left is how many operations are still to come before the one that fails.
func (c *countdown) left() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// struck is the operation that failed.
func (c *countdown) struck() vfs.Op {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hit
}

// checkPowerCut cuts the power before every operation of a history, opening included.
func checkPowerCut(b *bench) error {
	return b.everyOperation(func(h *history, seed uint64, at int) error {
		cut := &countdown{at: at, more: true, fault: errPower}
		fresh := &bench{Subject: b.Subject, disk: vfs.NewMemory(seed), hook: cut.hook, dir: b.dir}
		acknowledged := 0
		if err := fresh.open(); err == nil {
			acknowledged, _ = h.play(fresh.store)
			fresh.store.Close() // may be what the power cut hits
			if cut.left() > 0 && !b.Background {
				return fmt.Errorf("operation %d did not come: the store is not deterministic", at)
			}
		}
		return fresh.survives(h, acknowledged, cut.struck())
	})
}

// survives cuts the power and checks that the store is as it should be, and can go on.
func (b *bench) survives(h *history, acknowledged int, hit vfs.Op) error {
	if b.store == nil {
		b.store = closed{}
	}
	if err := b.reborn(b.disk.Crash()); err != nil {
		return fmt.Errorf("power cut before %v: %w", hit, err)
	}
	defer func() { b.store.Close() }()
	updates, err := h.allows(b.store, acknowledged)
	if err == nil {
		err = h.resume(b, updates)
	}
	if err != nil {
		return fmt.Errorf("power cut before %v: %w", hit, err)
	}
	return nil
}

// closed stands for a store that could not be opened.
type closed struct{ core.Store }

func (closed) Close() error { return core.ErrClosed }

// checkPowerCutAfterWrite loses everything that was not synced, right after each Write.
func checkPowerCutAfterWrite(b *bench) error {
	if err := b.crashable(); err != nil {
		return err
	}
	h := newHistory(1)
	for length := range len(h.batches) + 1 {
		err := b.onFreshDisk(uint64(length), nil, func(b *bench) error {
			for _, batch := range h.batches[:length] {
				if err := b.write(batch...); err != nil {
					return err
				}
			}
			if err := b.reborn(b.disk.CrashWith(vfs.Cut{})); err != nil {
				return err
			}
			updates, err := h.allows(b.store, length)
			if err == nil && updates != h.counts[length] {
				err = fmt.Errorf("got %d updates, want %d", updates, h.counts[length])
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("power cut after batch %d: %w", length, err)
		}
	}
	return nil
}

// checkKillThenPowerCut kills the process at every operation, opens the store on what the system
// still has in its memory, and cuts the power then: what a store shows after Open must last.
func checkKillThenPowerCut(b *bench) error {
	return b.everyOperation(func(h *history, seed uint64, at int) error {
		kill := &countdown{at: at, more: true, fault: errPower}
		return b.onFreshDiskOr(seed, kill.hook, func(b *bench) error {
			acknowledged, _ := h.play(b.store)
			if err := b.reborn(b.disk.Kill()); err != nil {
				return fmt.Errorf("killed before %v: %w", kill.struck(), err)
			}
			shown, err := h.allows(b.store, acknowledged)
			if err != nil {
				return fmt.Errorf("killed before %v: %w", kill.struck(), err)
			}
			if err := b.reborn(b.disk.CrashWith(vfs.Cut{})); err != nil {
				return fmt.Errorf("killed before %v, then power cut: %w", kill.struck(), err)
			}
			if kept, err := h.allows(b.store, acknowledged); err != nil || kept != shown {
				return fmt.Errorf("killed before %v, then power cut: got %d updates, %w, want %d",
					kill.struck(), kept, err, shown)
			}
			return nil
		})
	})
}

// onFreshDiskOr is onFreshDisk, but for a store that cannot be opened because of the hook.
func (b *bench) onFreshDiskOr(seed uint64, hook func(vfs.Op) error, check func(*bench) error,
) error {
	err := b.onFreshDisk(seed, hook, check)
	if errors.Is(err, errPower) {
		return nil
	}
	return err
}

// checkPoisoned lets every operation fail once: without effect, and for writes half done. Whatever
// comes of it, the store may not go on as if nothing had happened.
func checkPoisoned(b *bench) error {
	faults := []error{syscall.EIO, syscall.ENOSPC, &vfs.Short{Bytes: 40, Err: syscall.EIO}}
	return b.everyOperation(func(h *history, seed uint64, at int) error {
		fault := &countdown{at: at, fault: faults[at%len(faults)]}
		fresh := &bench{Subject: b.Subject, disk: vfs.NewMemory(seed), hook: fault.hook, dir: b.dir}
		acknowledged := 0
		if err := fresh.open(); err == nil {
			if acknowledged, err = h.play(fresh.store); err != nil {
				err = poisoned(fresh.store, err, h)
			}
			if err != nil {
				return fmt.Errorf("%v of %v: %w", fault.fault, fault.struck(), err)
			}
		}
		return fresh.survives(h, acknowledged, fault.struck())
	})
}

// poisoned checks that a store takes no more writes after this error, unless it is one that leaves
// the store as it was.
func poisoned(s core.Store, after error, h *history) error {
	if errors.Is(after, core.ErrFull) {
		return nil
	}
	return errors.Join(
		want("write after one that failed", s.Write(h.batches[0]), core.ErrPoisoned),
		want("another one", s.Write([]core.Update{begin(1000)}), core.ErrPoisoned))
}
