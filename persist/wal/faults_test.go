package wal

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// starts are the disks that faults are tried on: an empty one, and one that a power cut has left in
// the midst of the saga, with a torn batch at the end.
func starts(t testing.TB, s *saga) map[string]start {
	t.Helper()
	all := map[string]start{"new": {vfs.NewMemory(1), 0}}
	s.everyMoment(t, func(op vfs.Op, m *vfs.Memory, acked int) {
		if op.Kind == vfs.OpSync && acked == 20 {
			first := vfs.Cut{Only: func(n int) bool { return n == 0 }}
			all["crashed"] = start{m.Fork(1).CrashWith(first), 20}
		}
	})
	return all
}

type start struct {
	disk  *vfs.Memory
	acked int
}

// everyFault plays the saga from each start as often as it has operations that want takes, and lets
// number 0, 1, 2 … of them fail in the way of fault, which is shown the disk, too; nothing works
// any more after vfs.ErrCrashed. What comes of it is for check, which gets the error that ended the
// saga and the disk as the process has left it.
func everyFault(t *testing.T, want func(vfs.Op) bool, fault func(op vfs.Op, m *vfs.Memory) error,
	check func(s *saga, err error, m *vfs.Memory, acked int) error) {
	t.Helper()
	s := newSaga(t)
	for name, from := range starts(t, s) {
		done := false
		for at := 0; !done; at++ {
			m, acked, n, hit := from.disk.Fork(uint64(at)), from.acked, 0, vfs.Op{}
			var failed error
			err := s.play(vfs.NewFaulty(m, func(op vfs.Op) error {
				if errors.Is(failed, vfs.ErrCrashed) {
					return failed
				}
				if !want(op) {
					return nil
				}
				if n++; n != at+1 {
					return nil
				}
				hit, failed = op, fault(op, m)
				return failed
			}), &acked)
			if err := check(s, err, m.Kill(), acked); err != nil {
				t.Fatalf("%s log, fault %d, in %v: %v", name, at, hit, err)
			}
			done = hit.Kind == 0
		}
	}
}

func anything(vfs.Op) bool    { return true }
func writes(op vfs.Op) bool   { return op.Kind == vfs.OpWrite }
func anySync(op vfs.Op) bool  { return op.Kind == vfs.OpSync || op.Kind == vfs.OpSyncDir }
func fileSync(op vfs.Op) bool { return op.Kind == vfs.OpSync }

// fails is a fault that knows nothing of the disk.
func fails(err error) func(vfs.Op, *vfs.Memory) error {
	return func(vfs.Op, *vfs.Memory) error { return err }
}

// intact checks that the log on a disk that a dead process has left holds what it should, as it is
// and after a power cut of each kind.
func intact(t *testing.T) func(s *saga, err error, m *vfs.Memory, acked int) error {
	return func(s *saga, err error, m *vfs.Memory, acked int) error {
		if errors.Is(err, core.ErrCorrupt) {
			return fmt.Errorf("a fault was taken for damage: %w", err)
		}
		for seed := range uint64(2) {
			if err := s.survives(t, m.Fork(seed).Crash(), acked); err != nil {
				return fmt.Errorf("after a power cut: %w", err)
			}
		}
		return s.survives(t, m.Fork(1), acked)
	}
}

// TestErrorAtEveryCall lets each operation fail once, reads included: the log ends with that error
// or gets by without; nothing that was acknowledged is lost, and an error is not taken for an end
// of the log.
func TestErrorAtEveryCall(t *testing.T) {
	for _, fault := range []error{syscall.EIO, syscall.ENOSPC} {
		everyFault(t, anything, fails(fault), func(s *saga, err error, m *vfs.Memory, acked int) error {
			if acked < len(s.batches) && !errors.Is(err, fault) {
				return fmt.Errorf("ended after %d batches: got %w, want %w", acked, err, fault)
			}
			return intact(t)(s, err, m, acked)
		})
	}
}

// TestShortWriteAtEveryCall cuts each write short at some byte.
func TestShortWriteAtEveryCall(t *testing.T) {
	for _, bytes := range []int64{0, 1, 32, 300, 512, 1000} {
		everyFault(t, writes, func(op vfs.Op, _ *vfs.Memory) error {
			return &vfs.Short{Bytes: min(bytes, op.Length-1), Err: syscall.ENOSPC}
		}, intact(t))
	}
}

// TestFsyncOnceFails lets each sync fail once as Linux does: what was to be synced is lost, the
// system shows it until it restarts, and the next sync lies. The log is poisoned. What the next
// Open shows stays, also when the power is cut then.
func TestFsyncOnceFails(t *testing.T) {
	fault := func(op vfs.Op, m *vfs.Memory) error {
		must(t, m.FailSync(op.Path))
		return syscall.EIO
	}
	everyFault(t, anySync, fault, func(s *saga, err error, m *vfs.Memory, acked int) error {
		if acked < len(s.batches) && !errors.Is(err, syscall.EIO) {
			return fmt.Errorf("ended after %d batches: got %w", acked, err)
		}
		return s.staysAsShown(t, m, acked)
	})
}

// staysAsShown opens the log and cuts the power then: it holds the same before and after.
func (s *saga) staysAsShown(t *testing.T, m *vfs.Memory, acked int) error {
	t.Helper()
	_, shown, err := s.holds(t, m, acked)
	if err != nil {
		return err
	}
	m = m.CrashWith(vfs.Cut{})
	_, kept, err := s.holds(t, m.Fork(1), acked)
	if err != nil || kept != shown {
		return fmt.Errorf("after a power cut: %d batches, %w, shown before %d", kept, err, shown)
	}
	return s.survives(t, m, acked)
}

// A process that is killed at the very moment when its sync fails cannot leave word of it. Should
// the power be cut, too, before the system writes the pages, then the loss is reported as what it
// is, because a proof follows.
func TestFsyncFailsUnseenIsNoSilentLoss(t *testing.T) {
	fault := func(op vfs.Op, m *vfs.Memory) error {
		must(t, m.FailSync(op.Path))
		return vfs.ErrCrashed
	}
	reported := 0
	everyFault(t, fileSync, fault, func(s *saga, _ error, m *vfs.Memory, acked int) error {
		_, shown, err := s.holds(t, m, acked)
		if err != nil {
			return err
		}
		_, kept, err := s.holds(t, m.CrashWith(vfs.Cut{}), acked)
		if errors.Is(err, core.ErrCorrupt) {
			reported++
		} else if err != nil || kept != shown {
			return fmt.Errorf("%d batches, %w, shown before %d", kept, err, shown)
		}
		return nil
	})
	if reported == 0 {
		t.Error("no loss was reported: the test tests nothing")
	}
}

// full is a disk without room for anything but what has it already.
func full(m *vfs.Memory) func(vfs.Op) bool {
	return func(op vfs.Op) bool {
		size, err := m.Size(op.Path)
		switch op.Kind {
		case vfs.OpCreate:
			return true
		case vfs.OpWrite, vfs.OpPreallocate:
			return err != nil || op.Offset+op.Length > size
		}
		return false
	}
}

// fullFrom is a disk that is full from operation number at on.
func fullFrom(m *vfs.Memory, at int, hit *int) vfs.FS {
	isFull, n := full(m), 0
	return vfs.NewFaulty(m, func(op vfs.Op) error {
		if n++; n <= at || !isFull(op) {
			return nil
		}
		*hit++
		return syscall.ENOSPC
	})
}

// TestStartOnFullDisk opens, on a disk without any room, what a power cut or a kill has left before
// each operation: all there is can be read, and a log that is there can be closed again.
func TestStartOnFullDisk(t *testing.T) {
	s := newSaga(t)
	s.everyMoment(t, func(op vfs.Op, m *vfs.Memory, acked int) {
		for n, after := range []*vfs.Memory{m.Fork(1).Kill(), m.Fork(1).Crash(), m.Fork(2).Crash()} {
			hit := 0
			l, err := Open(fullFrom(after, 0, &hit), testDir, s.config())
			if errors.Is(err, syscall.ENOSPC) && acked == 0 {
				continue // there was no log yet
			}
			if err != nil || !slices.Contains(s.states[acked:min(acked+2, len(s.states))], text(t, l)) {
				t.Fatalf("after end %d before %v: got %v, or another state", n, op, err)
			}
			if err := l.Close(); err != nil {
				t.Fatalf("after end %d before %v: close: %v", n, op, err)
			}
		}
	})
}

// TestDiskFreedRecovers fills the disk before each operation of the saga. The log stops when it has
// to grow, opens on the full disk, and goes on to the end once there is room.
func TestDiskFreedRecovers(t *testing.T) {
	s := newSaga(t)
	stopped := map[int]bool{}
	for at, done := 0, false; !done; at++ {
		m, acked, hit := vfs.NewMemory(uint64(at)), 0, 0
		err := s.play(fullFrom(m, at, &hit), &acked)
		if done = hit == 0; (err == nil) != (acked == len(s.batches)) ||
			err != nil && !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("full from operation %d on: %d batches, %v", at, acked, err)
		}
		stopped[acked] = true
		m = m.Kill()
		l, err := Open(fullFrom(m, 0, &hit), testDir, s.config())
		switch {
		case err == nil:
			if got := text(t, l); got != s.states[acked] {
				t.Fatalf("full from operation %d on: %d batches, then %s", at, acked, got)
			}
			must(t, l.Close())
		case acked > 0 || !errors.Is(err, syscall.ENOSPC):
			t.Fatalf("full from operation %d on, opened after %d batches: %v", at, acked, err)
		}
		must(t, s.play(m, &acked))
		must(t, s.survives(t, m.CrashWith(vfs.Cut{}), acked))
	}
	if len(stopped) < 5 {
		t.Errorf("the disk only ever is full after %v batches", stopped)
	}
}
