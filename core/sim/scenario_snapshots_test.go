package sim

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/node"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// often are options under which snapshots are taken all the time and leave no tail.
func often(nodes int) Options {
	o := Options{Nodes: nodes}
	o.Engine.SnapshotEntries = 10
	o.Engine.TailEntries = -1
	return o
}

// TestSnapshotFileFirst: the power is cut at every operation while snapshots are taken. The log
// never speaks of a snapshot that is not there.
func TestSnapshotFileFirst(t *testing.T) {
	var op *Operation
	everyCut(t, often(1), func(s *stage) {
		for i := range 24 {
			if s.w.Host(1).Up() {
				op = s.send(1, "put", "a", i)
				s.run(20 * Millisecond)
			}
		}
	}, func(s *stage) {
		s.holds("before", 1)
		if op.Fate == Acked {
			s.holds("a", op.Args[1])
		}
	})
}

// TestInstallFileFirst: the same on a follower that gets a snapshot.
func TestInstallFileFirst(t *testing.T) {
	for n := 1; n < 60; n += 3 {
		o := often(3)
		staged(t, o, 1, func(s *stage) {
			s.lead(1)
			s.kill(3)
			s.fill("k", 60)
			s.start(3)
			s.crashAt(3, n)
			s.run(2 * Second)
			s.disk(3, nil)
			if !s.w.Host(3).Up() {
				s.w.Host(3).Disk = s.w.Host(3).Disk.Crash()
				s.start(3)
			}
		})
	}
}

// TestSnapshotLogContiguous: there is no gap between a snapshot and the log, however a follower
// came to them.
func TestSnapshotLogContiguous(t *testing.T) {
	staged(t, often(3), 6, func(s *stage) {
		for round := range 6 {
			victim := s.other(s.leader().ID)
			victim.Power()
			s.fill(fmt.Sprint("r", round, "-"), 25)
			s.start(victim.ID)
			s.run(core.Instant(s.w.schedule.Int64N(int64(300 * Millisecond))))
			victim.Power()
			s.start(victim.ID)
			status := victim.Status()
			if status.FirstIndex > status.SnapshotIndex+1 {
				s.Errorf("log begins at %d, snapshot ends at %d", status.FirstIndex, status.SnapshotIndex)
			}
		}
	})
}

// TestInstallDuringApply: a snapshot arrives while the machine is busy with older entries.
func TestInstallDuringApply(t *testing.T) {
	staged(t, often(3), 6, func(s *stage) {
		s.lead(1)
		h := s.w.Host(3)
		h.Takes = func(l node.Lane) core.Instant {
			if l.Kind == node.LaneApply {
				return 500 * Millisecond
			}
			return Millisecond
		}
		s.fill("a", 15)
		s.w.Net.Isolate(3)
		s.fill("b", 40)
		s.until("compaction", func() bool {
			return s.w.Host(1).Status().FirstIndex > h.Status().LastIndex+1
		})
		applied := h.Status().AppliedIndex
		s.w.Net.Heal()
		s.until("snapshot", func() bool {
			now := h.Status().AppliedIndex
			if now < applied {
				s.Fatalf("applied index went from %d to %d", applied, now)
			}
			applied = now
			return h.Status().SnapshotIndex > 30 // its own are of before
		})
		h.Takes = h.usual
	})
}

// TestTmpSnapshotIgnored: what a crash left of a snapshot that was being written is not one.
func TestTmpSnapshotIgnored(t *testing.T) {
	staged(t, often(1), 2, func(s *stage) {
		s.fill("k", 30)
		s.run(Second)
		h := s.w.Host(1)
		h.Kill()
		names, err := h.Disk.List("snapshots")
		s.ok(err)
		s.ok(write(h.Disk, "snapshots/"+strings.TrimSuffix(names[len(names)-1], "snap")+"tmp", "half"))
		s.start(1)
		s.holds("k7", 7)
	})
}

func write(fsys vfs.FS, path, text string) error {
	f, err := fsys.Create(path)
	if err != nil {
		return err
	}
	if _, err := f.WriteAt([]byte(text), 0); err != nil {
		return err
	}
	return f.Close()
}

// TestRestoreReplacesState: what was deleted while a follower was away is not there after it has
// taken over a snapshot.
func TestRestoreReplacesState(t *testing.T) {
	staged(t, often(3), 4, func(s *stage) {
		s.lead(1)
		s.fill("k", 20)
		s.run(Second)
		s.kill(3)
		for i := range 20 {
			s.fate(s.send(1, "del", fmt.Sprint("k", i)))
		}
		s.put("only", 1)
		s.start(3)
		s.until("snapshot", func() bool { return s.w.Host(3).Status().AppliedIndex > 41 })
		op := s.ask(&Operation{Host: 3, Name: "len", Query: true, Level: core.Stale})
		s.fate(op)
		s.equal("keys", fmt.Sprint(s.answer(op)), "1")
	})
}

// TestSnapshotSurvivesLeaders: the leader dies in the middle of a snapshot's way to a follower, and
// so does the next.
func TestSnapshotSurvivesLeaders(t *testing.T) {
	staged(t, often(5), 4, func(s *stage) {
		for i := range 30 {
			s.put(fmt.Sprint("k", i%10), strings.Repeat("v", 50_000))
		}
		victim := s.other(s.leader().ID)
		victim.Kill()
		for i := range 30 {
			s.put(fmt.Sprint("k", i%10), strings.Repeat("w", 50_000))
		}
		s.start(victim.ID)
		fallen, last := 0, core.NodeID(0)
		s.w.Net.Hold = func(m *core.Message) bool {
			if m.Kind == core.MsgSnapshotChunk && m.Offset > 100_000 && m.To == victim.ID &&
				m.From != last && fallen < 2 {
				fallen, last = fallen+1, m.From
				leader := s.w.Host(m.From)
				s.w.After(0, func() {
					leader.Power()
					s.w.After(3*Second, func() { s.ok(leader.Start()) })
				})
			}
			return false
		}
		s.until("end of two leaders", func() bool { return fallen == 2 })
		s.run(5 * Second)
	})
}

// TestReplayedEqualsRestored: a machine that came from a snapshot and one that went through the
// whole log give the same bytes.
func TestReplayedEqualsRestored(t *testing.T) {
	o := Options{Nodes: 3}
	o.Engine.SnapshotEntries = 40
	staged(t, o, 4, func(s *stage) {
		s.lead(1)
		for i := range 100 {
			s.send(1, "incr", fmt.Sprint("k", i%7), i)
			s.send(1, "del", fmt.Sprint("k", i%11))
			s.run(2 * Millisecond) // few at a time: the order of many at once is hard to find
		}
		s.run(Second)
		s.kill(3)
		s.w.Host(3).Wipe()
		s.agree1(1, 2)
		a, b := s.state(1), s.state(2)
		s.power(2)
		s.start(2)
		s.agree1(1, 2)
		s.equal("state of node 2", b, a)
		s.equal("state of node 2, restarted", s.state(2), s.state(1))
	})
}

// agree1 waits until two hosts have applied the same.
func (s *stage) agree1(a, b core.NodeID) {
	s.Helper()
	s.put("x", 1)
	s.until("equal hosts", func() bool {
		one, two := s.w.Host(a).Status(), s.w.Host(b).Status()
		return one.AppliedIndex == two.AppliedIndex && one.AppliedIndex == one.LastIndex
	})
}

// state is the snapshot that a host's machine would take now.
func (s *stage) state(id core.NodeID) string {
	s.Helper()
	snapshot, err := s.w.Host(id).Machine.Snapshot()
	s.ok(err)
	defer snapshot.Release()
	var b strings.Builder
	_, err = snapshot.WriteTo(io.Writer(&b))
	s.ok(err)
	return b.String()
}

// TestWipedPeerGetsSnapshot: a follower loses its disk and comes back under its old name. It votes
// for nobody until a leader has given it everything, and the leader must not believe what it
// remembers.
func TestWipedPeerGetsSnapshot(t *testing.T) {
	staged(t, often(3), 4, func(s *stage) {
		s.lead(1)
		s.fill("k", 30)
		s.w.Net.Isolate(2)
		s.put("precious", 1)
		s.kill(3)
		s.w.Host(3).Wipe()
		s.kill(1)
		s.start(3)
		s.w.Net.Heal()
		s.run(10 * Second)
		if l := s.w.Leader(); l != nil {
			s.Fatalf("node %d leads without the command", l.ID)
		}
		s.start(1)
		s.holds("precious", 1)
		s.until("snapshot", func() bool { return s.w.Host(3).Status().SnapshotIndex > 0 })
		s.run(Second)
		s.kill(1)
		s.leaderAmong(2, 3)
		s.holds("precious", 1)
	})
}
