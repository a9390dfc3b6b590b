package snapfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
	"github.com/tidelock-raft/tidelock/persist/wal"
)

// bodyAt is the body of a snapshot, unlike that of any other.
func bodyAt(at core.Position) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "<%v>", at), 200+5000*int(at.Index%3))
}

// save does what a node does to record a snapshot: the body first.
func save(d *Directory, g core.GroupID, at core.Position) (core.SnapshotMeta, error) {
	w, err := d.Create(g, at)
	if err != nil {
		return core.SnapshotMeta{}, err
	}
	if _, err := w.Write(bodyAt(at)); err != nil {
		w.Abort()
		return core.SnapshotMeta{}, err
	}
	size, checksum, err := w.Commit()
	return core.SnapshotMeta{Position: at, Size: size, Checksum: checksum, Membership: one()}, err
}

func one() core.Membership {
	return core.Membership{Members: []core.Member{{ID: 1, Role: core.Voter, Addr: "host:9"}}}
}

// whole checks that every snapshot that is listed is there as it was written, and that nothing
// unfinished is.
func whole(fsys vfs.FS, g core.GroupID) ([]core.Position, error) {
	d, err := Open(fsys, "snap")
	if err != nil {
		return nil, err
	}
	list, err := d.List(g)
	if err != nil {
		return nil, err
	}
	for _, at := range list {
		r, err := d.Open(g, at)
		if err != nil {
			return nil, err
		}
		got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
		if err = errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, bodyAt(at)) {
			return nil, fmt.Errorf("the body at %v is another: %w", at, err)
		}
	}
	names, err := fsys.List("snap")
	if unfinished := func(s string) bool { return strings.HasSuffix(s, temporary) }; err == nil &&
		slices.ContainsFunc(names, unfinished) {
		err = fmt.Errorf("left unfinished: %v", names)
	}
	return list, err
}

// everyEnd does something to a disk as often as it has operations, and each time fails one of them,
// and with the power cut all after it. check sees the disk afterwards, and what came of it.
func everyEnd(t *testing.T, begin func(m *vfs.Memory), do func(fsys vfs.FS) error,
	check func(m *vfs.Memory, err error) error) {
	t.Helper()
	for _, fault := range []error{vfs.ErrCrashed, syscall.EIO, &vfs.Short{Bytes: 30}} {
		for at, done := 1, false; !done; at++ {
			m, n, hit := vfs.NewMemory(uint64(at)), 0, vfs.Op{}
			begin(m)
			err := do(vfs.NewFaulty(m, func(op vfs.Op) error {
				if op.Kind.Changes() {
					n++
				}
				if n < at || n > at && fault != vfs.ErrCrashed {
					return nil
				}
				if n == at {
					hit = op
				}
				return fault
			}))
			if done = n < at; done && err != nil {
				t.Fatalf("without a fault: %v", err)
			}
			for seed := range uint64(8) {
				cut := vfs.Cut{Keep: float64(seed%3) / 2, Names: float64(seed%4) / 3, Garbage: seed > 4}
				if err := check(m.Fork(seed).CrashWith(cut), err); err != nil {
					t.Fatalf("%v in %v, then power cut %+v: %v", fault, hit, cut, err)
				}
			}
		}
	}
}

const snapshots = 6

func position(i int) core.Position { return core.Position{Term: 1, Index: core.Index(10 * i)} }

// TestSnapshotFileFirst takes snapshots as a node does: body, then log, then the removal of older
// bodies. Whichever step power or disk fail at, the log never speaks of a body that is not there.
func TestSnapshotFileFirst(t *testing.T) {
	recorded, most := 0, 0
	do := func(fsys vfs.FS) (err error) {
		recorded, err = record(fsys)
		return err
	}
	everyEnd(t, func(*vfs.Memory) {}, do, func(m *vfs.Memory, _ error) error {
		log, err := openLog(m)
		if err != nil {
			return err
		}
		defer log.Close()
		held, err := whole(m, 1)
		if err != nil {
			return err
		}
		st, err := log.State(1)
		if errors.Is(err, core.ErrNoGroup) && recorded == 0 {
			return nil
		}
		if meta := st.Snapshot; err != nil || int(meta.Index) < 10*recorded ||
			meta.Index > 0 && !slices.Contains(held, meta.Position) {
			return fmt.Errorf("the log speaks of %v, %w, recorded was %d, there are %v",
				meta.Position, err, 10*recorded, held)
		}
		most = max(most, recorded)
		return nil
	})
	if most != snapshots {
		t.Errorf("only %d snapshots were ever recorded", most)
	}
}

// record takes snapshots, and counts those that the log has on record.
func record(fsys vfs.FS) (recorded int, err error) {
	d, err := Open(fsys, "snap")
	if err != nil {
		return 0, err
	}
	log, err := openLog(fsys)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	begin := core.Update{Group: 1, Install: &core.SnapshotMeta{Membership: one()}}
	if err := log.Write([]core.Update{begin}); err != nil {
		return 0, err
	}
	for i := 1; i <= snapshots; i++ {
		meta, err := save(d, 1, position(i))
		if err != nil {
			return recorded, err
		}
		u := core.Update{Group: 1, Snapshot: &meta, Compact: meta.Index}
		for at := position(i-1).Index + 1; at <= meta.Index; at++ {
			u.Entries = append(u.Entries, core.Entry{Position: core.Position{Term: 1, Index: at}})
		}
		if err := log.Write([]core.Update{u}); err != nil {
			return recorded, err
		}
		recorded = i
		if err := d.Retain(1, meta.Position); err != nil {
			return recorded, err
		}
	}
	return recorded, nil
}

func openLog(fsys vfs.FS) (*wal.Log, error) {
	return wal.Open(fsys, "wal", wal.Config{SegmentBytes: 4 << 10, Inline: true, Salt: 1,
		Logger: slog.New(slog.DiscardHandler)})
}

// TestReapKeepsHighestIndex removes all bodies but the newest, which the names of the files would
// put elsewhere: terms come first in them. Whatever fails, the newest stays, and no other is left
// in pieces; once it was done, it stays done, and no other group has noticed.
func TestReapKeepsHighestIndex(t *testing.T) {
	ascending := []core.Position{{Term: 0x10, Index: 2}, {Term: 3, Index: 5}, {Term: 2, Index: 9},
		{Term: 1, Index: 10}, {Term: 1, Index: 0x10}}
	newest := ascending[len(ascending)-1]
	begin := func(m *vfs.Memory) {
		d, err := Open(m, "snap")
		for _, at := range []int{3, 0, 4, 2, 1} {
			for g := range core.GroupID(2) {
				if err == nil {
					_, err = save(d, g+1, ascending[at])
				}
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	do := func(fsys vfs.FS) error {
		d, err := Open(fsys, "snap")
		if err != nil {
			return err
		}
		list, err := d.List(1)
		if err != nil {
			return err
		}
		if !slices.Equal(list, ascending) {
			t.Errorf("got %v, want %v", list, ascending)
		}
		return d.Retain(1, list[len(list)-1])
	}
	everyEnd(t, begin, do, func(m *vfs.Memory, reaped error) error {
		other, err := whole(m, 2)
		if err != nil || !slices.Equal(other, ascending) {
			return fmt.Errorf("another group: got %v, %w, want %v", other, err, ascending)
		}
		list, err := whole(m, 1)
		if err != nil || len(list) == 0 || list[len(list)-1] != newest ||
			reaped == nil && len(list) > 1 {
			return fmt.Errorf("reaped (%v): got %v, %w, want %v", reaped, list, err, newest)
		}
		return nil
	})
}

// TestNameShownAtOpenIsDurable kills the process between Commit's rename and its sync: whoever sees
// the snapshot afterwards may rely on it.
func TestNameShownAtOpenIsDurable(t *testing.T) {
	m := vfs.NewMemory(1)
	d, err := Open(vfs.NewFaulty(m, func(op vfs.Op) error {
		if op.Kind == vfs.OpSyncDir {
			return vfs.ErrPretend
		}
		return nil
	}), "snap")
	if err == nil {
		_, err = save(d, 1, position(1))
	}
	if err != nil {
		t.Fatal(err)
	}
	m = m.Kill()
	if list, err := whole(m, 1); err != nil || len(list) != 1 {
		t.Fatalf("after the kill: got %v, %v", list, err)
	}
	if list, err := whole(m.CrashWith(vfs.Cut{}), 1); err != nil || len(list) != 1 {
		t.Errorf("after a power cut: got %v, %v, want what was shown before", list, err)
	}
}

func TestRetainSyncsOnlyWhatItChanges(t *testing.T) {
	syncs := 0
	d, err := Open(vfs.NewFaulty(vfs.NewMemory(1), func(op vfs.Op) error {
		if op.Kind == vfs.OpSyncDir {
			syncs++
		}
		return nil
	}), "snap")
	for n := 1; n <= 2 && err == nil; n++ {
		_, err = save(d, 1, position(n))
	}
	for _, want := range []int{1, 0} {
		syncs = 0
		if err = errors.Join(err, d.Retain(1, position(2))); err != nil || syncs != want {
			t.Errorf("got %d syncs, %v, want %d", syncs, err, want)
		}
	}
}

// TestTmpSnapshotIgnored writes a snapshot over an unfinished one of that name, whatever fails: it
// is there as a whole or not at all, and must be there once Commit has said so. Files of others
// stay.
func TestTmpSnapshotIgnored(t *testing.T) {
	at := position(2)
	begin := func(m *vfs.Memory) {
		d, err := Open(m, "snap")
		if err == nil {
			_, err = save(d, 1, position(1))
		}
		longer := bytes.Repeat(bodyAt(position(3)), 3)
		for _, path := range []string{d.path(name{1, at}) + temporary, "snap/notes.txt"} {
			err = errors.Join(err, vfs.WriteFile(m, path, longer))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	do := func(fsys vfs.FS) error {
		d := &Directory{fs: fsys, dir: "snap"} // no Open, which would remove what is unfinished
		if list, err := d.List(1); err == nil && len(list) != 1 {
			t.Errorf("got %v, want the one that was committed", list)
		}
		_, err := save(d, 1, at)
		return err
	}
	everyEnd(t, begin, do, func(m *vfs.Memory, saved error) error {
		list, err := whole(m, 1)
		want := []core.Position{position(1), at}
		if saved != nil && len(list) == 1 {
			want = want[:1]
		}
		if err != nil || !slices.Equal(list, want) {
			return fmt.Errorf("committed (%v): got %v, %w, want %v", saved, list, err, want)
		}
		_, err = m.Size("snap/notes.txt")
		return err
	})
}
