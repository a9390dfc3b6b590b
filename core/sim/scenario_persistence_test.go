package sim

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/node"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// crashAt cuts the power of a host at the n-th operation from now on that changes its disk, and
// reports whether it came to that.
func (s *stage) crashAt(id core.NodeID, n int) (cut func() bool) {
	h, left, done := s.w.Host(id), n, false
	h.DiskFault = func(op vfs.Op) error {
		if done {
			return vfs.ErrCrashed
		}
		if !op.Kind.Changes() {
			return nil
		}
		if left--; left > 0 {
			return nil
		}
		done = true
		s.w.After(0, func() {
			if h.Up() {
				h.Power()
			}
		})
		return vfs.ErrCrashed
	}
	return func() bool { return done }
}

// everyCut plays once for each operation of host 1's disk, with the power cut there, until play
// makes no more of them.
func everyCut(t *testing.T, o Options, play func(s *stage), after func(s *stage)) {
	t.Helper()
	for n, more := 1, true; more; n++ {
		if n > 500 {
			t.Fatal("no end of operations")
		}
		staged(t, o, 1, func(s *stage) {
			s.put("before", 1)
			cut := s.crashAt(1, n)
			play(s)
			more = cut()
			if more {
				s.until("power cut", func() bool { return !s.w.Host(1).Up() })
			}
			if !s.w.Host(1).Up() {
				s.disk(1, nil)
				s.w.Host(1).Disk = s.w.Host(1).Disk.Crash()
				s.start(1)
			}
			after(s)
		})
		if t.Failed() {
			t.Fatalf("power cut at operation %d", n)
		}
	}
}

// TestSingleNodeAckDurable: a cluster of one acknowledges nothing that a power cut takes back.
func TestSingleNodeAckDurable(t *testing.T) {
	var op *Operation
	everyCut(t, Options{Nodes: 1}, func(s *stage) {
		op = s.send(1, "put", "a", 1)
		s.run(Second)
	}, func(s *stage) {
		s.holds("before", 1)
		if op.Fate == Acked {
			s.holds("a", 1)
		}
	})
}

// TestApplyNeverAheadOfDurableLog: a machine of a cluster of one never knows a command that its
// disk does not, wherever the power is cut.
func TestApplyNeverAheadOfDurableLog(t *testing.T) {
	var seen any
	everyCut(t, Options{Nodes: 1}, func(s *stage) {
		seen = nil
		op := s.send(1, "incr", "n", 1)
		for s.w.Host(1).Up() && op.Fate == Pending {
			if got, err := s.read(1, core.Stale, "n"); err == nil {
				seen = got
			}
		}
	}, func(s *stage) {
		if seen != nil {
			s.holds("n", seen)
		}
	})
}

// TestAppliedIndexAtomic: after a restart each command counts once, whether it was in the snapshot,
// in the log, or in both.
func TestAppliedIndexAtomic(t *testing.T) {
	o := Options{Nodes: 1}
	o.Engine.SnapshotEntries = 7
	staged(t, o, 8, func(s *stage) {
		low, high := 0, 0
		for i := range 30 {
			switch s.fate(s.send(s.leader().ID, "incr", "n", 1)) {
			case Acked:
				low, high = low+1, high+1
			case Unknown:
				high++
			}
			if i%4 == 3 {
				s.power(1)
				s.start(1)
			}
		}
		if n := s.number("n"); n < low || n > high {
			s.Errorf("n: got %d, want %d to %d", n, low, high)
		}
	})
}

// TestPowerMajority: the power of a majority, and of all, is cut at one instant under load. What
// was acknowledged is there.
func TestPowerMajority(t *testing.T) {
	for _, some := range [][]core.NodeID{ids(1, 2), ids(1, 3)} {
		scenario(t, 3, func(s *stage) {
			acked := map[string]int{}
			for round := range 5 {
				s.leader()
				var ops []*Operation
				for i := range 20 {
					ops = append(ops, s.send(s.leader().ID, "put", fmt.Sprint("k", i), round))
				}
				s.run(core.Instant(s.w.schedule.Int64N(int64(20 * Millisecond))))
				s.power(some...)
				for i, op := range ops {
					if op.Fate == Acked {
						acked[fmt.Sprint("k", i)] = round
					}
				}
				s.run(Second)
				s.start(some...)
			}
			for i := range 20 {
				key := fmt.Sprint("k", i)
				if round, ok := acked[key]; ok && s.number(key) < round {
					s.Errorf("%s: got %d, %d was acknowledged", key, s.number(key), round)
				}
			}
		})
	}
}

// TestDirFsyncRotation: the power is cut at every operation while the log goes on to a new segment.
func TestDirFsyncRotation(t *testing.T) {
	var op *Operation
	everyCut(t, Options{Nodes: 1, SegmentBytes: 4 << 10}, func(s *stage) {
		op = s.send(1, "put", "a", strings.Repeat("x", 3000))
		s.run(Second)
		if op.Fate == Acked {
			op = s.send(1, "put", "a", strings.Repeat("y", 3000))
			s.run(Second)
		}
	}, func(s *stage) {
		s.holds("before", 1)
		if op.Fate == Acked {
			s.holds("a", op.Args[1])
		}
	})
}

// TestFsyncOnceFails: a sync fails once, and the next would lie. The node must not go on with what
// it wrote; after a restart it takes part again.
func TestFsyncOnceFails(t *testing.T) {
	for _, id := range ids(1, 2) {
		scenario(t, 3, func(s *stage) {
			s.lead(1)
			s.put("a", 1)
			h, failed := s.w.Host(id), 0
			s.disk(id, func(op vfs.Op) error {
				if op.Kind != vfs.OpSync || failed > 0 {
					return nil
				}
				failed++
				if err := h.Disk.FailSync(strings.TrimSuffix(op.Path, ".tmp")); err != nil {
					return err
				}
				return errBroken
			})
			s.put("b", 2)
			if err := s.fallen(id); !errors.Is(err, errBroken) || failed != 1 {
				s.Errorf("node %d stopped with %v after %d failures", id, err, failed)
			}
			h.Disk = h.Disk.Crash()
			s.start(id)
			s.holds("a", 1)
			s.holds("b", 2)
		})
	}
}

// TestMidLogCorruptionIsFatal: a bit flips in the middle of a log. The node refuses to start, says
// where, and the others serve on.
func TestMidLogCorruptionIsFatal(t *testing.T) {
	o := Options{Nodes: 3}
	o.Engine.SnapshotEntries = 1 << 30
	staged(t, o, 4, func(s *stage) {
		s.fill("k", 50)
		s.run(Second)
		victim := s.other(s.leader().ID)
		victim.Kill()
		path := s.segment(victim)
		s.ok(victim.Disk.Flip(path, 2000, 4))
		err := victim.Start()
		if !errors.Is(err, core.ErrCorrupt) || !strings.Contains(err.Error(), path) {
			s.Errorf("damaged log: got %v", err)
		}
		s.put("a", 1)
		s.ok(victim.Disk.Flip(path, 2000, 4)) // nothing else was changed by the attempt
		s.start(victim.ID)
	})
}

// TestCorruptionNotTruncated: damage in the durable part is not taken for a torn tail. On the only
// node that has a command, it would be lost.
func TestCorruptionNotTruncated(t *testing.T) {
	o := Options{Nodes: 1}
	o.Engine.SnapshotEntries = 1 << 30
	staged(t, o, 4, func(s *stage) {
		s.put("a", 1)
		for i := range 50 {
			s.put(fmt.Sprint("k", i), i)
		}
		h := s.w.Host(1)
		h.Kill()
		path := s.segment(h)
		for off := int64(600); off < 4000; off += 97 {
			s.ok(h.Disk.Flip(path, off, 1<<(off%8)))
			if err := h.Start(); err == nil {
				s.holds("a", 1) // the bit is of no importance
				h.Kill()
			} else if !errors.Is(err, core.ErrCorrupt) {
				s.Fatalf("damage at %d: got %v", off, err)
			}
			s.ok(h.Disk.Flip(path, off, 1<<(off%8)))
		}
		s.start(1)
		s.holds("a", 1)
	})
}

// segment returns the first segment of a host's log.
func (s *stage) segment(h *Host) string {
	s.Helper()
	names, err := h.Disk.List("wal")
	s.ok(err)
	for _, name := range names {
		if strings.HasSuffix(name, ".wal") {
			return "wal/" + name
		}
	}
	s.Fatal("no segment")
	return ""
}

// TestReorderedTail: what was not synced at a power cut reaches the disk in any order and in part,
// and the node starts.
func TestReorderedTail(t *testing.T) {
	scenario(t, 3, func(s *stage) {
		for _, keep := range []float64{0, 0.1, 0.5, 0.9} {
			for _, garbage := range []bool{false, true} {
				var ops []*Operation
				for i := range 30 {
					ops = append(ops, s.send(s.leader().ID, "put", fmt.Sprint("k", i), len(s.w.History)))
				}
				s.run(2 * Millisecond)
				for _, h := range s.w.Hosts {
					h.stop(StopPower)
					h.Disk = h.Disk.CrashWith(vfs.Cut{Keep: keep, Names: 0.5, Lengths: true, Garbage: garbage})
				}
				s.start(ids(1, 3)...)
				for _, op := range ops {
					s.fate(op)
				}
			}
		}
	})
}

// TestRecycledSegment: segments are used again, and what they held before never comes back.
func TestRecycledSegment(t *testing.T) {
	o := Options{Nodes: 1, SegmentBytes: 4 << 10}
	o.Engine.SnapshotEntries = 10
	o.Engine.TailEntries = -1
	staged(t, o, 4, func(s *stage) {
		for round := range 30 {
			for i := range 8 {
				s.put(fmt.Sprint("k", i), fmt.Sprint(round, strings.Repeat("v", 200)))
			}
			if round%3 == 2 {
				s.power(1)
				s.start(1)
			}
			s.holds("k7", fmt.Sprint(round, strings.Repeat("v", 200)))
		}
	})
}

// TestStartOnFullDisk: a node starts on a disk on which no file can grow, and serves what it
// has.
func TestStartOnFullDisk(t *testing.T) {
	scenario(t, 3, func(s *stage) {
		s.put("a", 1)
		s.run(Second)
		victim := s.other(s.leader().ID)
		victim.Kill()
		full := true
		victim.DiskFault = func(op vfs.Op) error {
			size, _ := victim.Disk.Size(op.Path)
			if full && op.Kind.Changes() && op.Offset+op.Length > size {
				return syscall.ENOSPC
			}
			return nil
		}
		if err := victim.Start(); err != nil {
			s.Fatalf("start on a full disk: %v", err)
		}
		s.until("state", func() bool { return victim.Status().AppliedIndex >= 3 })
		got, err := s.read(victim.ID, core.Stale, "a")
		if err != nil || fmt.Sprint(got) != "1" {
			s.Errorf("read on a full disk: got %v, %v", got, err)
		}
		full = false
	})
}

// TestSnapshotsMakeRoom: on a disk that has not enough of it for the log until the next snapshot is
// due, that snapshot is taken early, and the log goes without a tail.
func TestSnapshotsMakeRoom(t *testing.T) {
	o := Options{Nodes: 1, SegmentBytes: 32 << 10}
	o.Engine.SnapshotEntries, o.Engine.TailEntries, o.Engine.DigestEvery = 400, 10_000, 2
	staged(t, o, 4, func(s *stage) {
		h := s.w.Host(1)
		s.disk(1, func(op vfs.Op) error {
			names, _ := h.Disk.List("wal")
			if op.Kind == vfs.OpPreallocate && len(names) > 8 {
				return syscall.ENOSPC
			}
			return nil
		})
		for i := range 1000 {
			s.put(fmt.Sprint("key", i%5), strings.Repeat("v", 400))
		}
	})
}

// TestSlowDiskHoldsNobodyUp: one of three disks is slow; the others commit without it.
func TestSlowDiskHoldsNobodyUp(t *testing.T) {
	scenario(t, 3, func(s *stage) {
		s.lead(1)
		s.w.Host(3).Takes = func(l node.Lane) core.Instant {
			if l.Kind == node.LaneDisk {
				return 2 * Second
			}
			return Millisecond
		}
		start := s.w.Now()
		for i := range 20 {
			s.put("a", i)
		}
		if took := s.w.Now() - start; took > 2*Second {
			s.Errorf("20 writes took %d ms", took/Millisecond)
		}
		s.w.Host(3).Takes = s.w.Host(3).usual
	})
}
