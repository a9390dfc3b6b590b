package sim

import (
	"errors"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// TestVoteWriteFails: a vote is not given when it cannot be written; the node stops instead.
func TestVoteWriteFails(t *testing.T) {
	scenario(t, 3, func(s *stage) {
		s.lead(1)
		s.kill(1)
		s.disk(3, broken(vfs.OpWrite, vfs.OpSync))
		s.w.Net.Hold = func(m *core.Message) bool { return m.Kind == core.MsgPreVote && m.From == 3 }
		if err := s.fallen(3); !errors.Is(err, errBroken) {
			s.Errorf("node 3 stopped with %v", err)
		}
		s.run(3 * Second)
		if l := s.w.Leader(); l != nil {
			s.Errorf("node %d leads by a vote that was not written", l.ID)
		}
	})
}

// TestBrokenDiskDoesNotVote: a node whose disk fails takes part in nothing, and the others go on.
func TestBrokenDiskDoesNotVote(t *testing.T) {
	scenario(t, 3, func(s *stage) {
		s.lead(1)
		s.disk(1, broken(vfs.OpWrite))
		op := s.send(1, "put", "a", 1)
		s.fallen(1)
		s.leaderAmong(2, 3)
		s.put("b", 2)
		if op.Fate == Acked {
			s.Error("a write was acknowledged by a broken disk")
		}
	})
}

// TestCloudflarePartial: two of three cannot see each other. A leader is found within three
// election timeouts, and it stays.
func TestCloudflarePartial(t *testing.T) {
	for _, leader := range ids(1, 3) {
		scenario(t, 3, func(s *stage) {
			s.lead(leader)
			s.cut(1, 2)
			s.cut(2, 1)
			s.run(1200 * Millisecond)
			s.quiet(2 * Minute)
			s.put("a", int(leader))
		})
	}
}

// quiet lets time pass in which the leader is not to change more than once a minute.
func (s *stage) quiet(span core.Instant) {
	s.Helper()
	leader, changes := s.leader(), 0
	for range span / Second {
		s.run(Second)
		if l := s.leader(); l != leader {
			leader, changes = l, changes+1
		}
	}
	if changes > int(span/Minute) {
		s.Errorf("leader changed %d times in %d s", changes, span/Second)
	}
}

// TestBridgeNodeLiveness: nobody but node 3 sees anybody but node 3. The old leader, which has lost
// its quorum, must not keep it from standing.
func TestBridgeNodeLiveness(t *testing.T) {
	scenario(t, 5, func(s *stage) {
		s.lead(1)
		s.part() // everybody alone
		for _, id := range []core.NodeID{1, 2, 4, 5} {
			s.w.Net.Join(3, id)
			s.w.Net.Join(id, 3)
		}
		s.leaderAmong(3)
		s.put("a", 1)
		s.quiet(Minute)
	})
}

// TestIsolatedNodeReturns: a node that was alone for long brings no higher term along.
func TestIsolatedNodeReturns(t *testing.T) {
	scenario(t, 3, func(s *stage) {
		s.lead(1)
		s.put("a", 1)
		term := s.w.Host(1).Status().Term
		s.w.Net.Isolate(3)
		s.run(Minute)
		s.w.Net.Heal()
		s.run(5 * Second)
		s.equal("leader", s.leader().ID, core.NodeID(1))
		s.equal("term", s.leader().Status().Term, term)
	})
}

// TestProposeDuringTermChange: commands that race with an election are carried out once, or told to
// be lost or of unknown outcome.
func TestProposeDuringTermChange(t *testing.T) {
	scenario(t, 3, func(s *stage) {
		s.lead(1)
		s.part(ids(1, 1), ids(2, 3))
		var ops []*Operation
		for i := range 40 {
			ops = append(ops, s.send(1, "incr", "n", 1), s.send(core.NodeID(2+i%2), "incr", "n", 1))
			s.run(50 * Millisecond)
		}
		s.w.Net.Heal()
		s.between("n", ops)
	})
}

// between checks a counter against what became of the commands that count it.
func (s *stage) between(key string, ops []*Operation) {
	s.Helper()
	low, high := 0, 0
	for _, op := range ops {
		switch s.fate(op) {
		case Acked:
			low, high = low+1, high+1
		case Unknown:
			high++
		}
	}
	s.put("settled", 1)
	if n := s.number(key); n < low || n > high {
		s.Errorf("%s: got %d, want %d to %d", key, n, low, high)
	}
	if low == 0 {
		s.Error("nothing was acknowledged")
	}
}

// TestOneWayCutDisruptsNobody: a node that hears nothing but can speak does not depose the leader.
func TestOneWayCutDisruptsNobody(t *testing.T) {
	scenario(t, 3, func(s *stage) {
		s.lead(1)
		term := s.w.Host(1).Status().Term
		s.cut(1, 3)
		s.cut(2, 3)
		s.run(Minute)
		s.equal("term", s.leader().Status().Term, term)
		s.put("a", 1)
	})
}
