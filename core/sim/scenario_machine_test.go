package sim

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/node"
	"github.com/tidelock-raft/tidelock/scripting"
)

// TestReadIndexNewLeader: a new leader answers no linearizable read from a state that lacks what
// the old one acknowledged.
func TestReadIndexNewLeader(t *testing.T) {
	scenario(t, 3, func(s *stage) {
		for i := range 10 {
			leader := s.leader()
			s.put("a", i)
			leader.Power()
			s.firstAnswer("a", i)
			s.start(leader.ID)
		}
	})
}

// firstAnswer has every host that runs be asked all the time, and checks what the first of them to
// answer says.
func (s *stage) firstAnswer(key string, want any) {
	s.Helper()
	var ops []*Operation
	for range 2000 {
		for _, h := range s.w.Hosts {
			if h.Up() {
				ops = append(ops, s.query(h.ID, core.Linearizable, key))
			}
		}
		s.run(5 * Millisecond)
		for _, op := range ops {
			if op.Fate == Acked {
				s.equal("first answer", fmt.Sprint(s.answer(op)), fmt.Sprint(want))
				return
			}
		}
	}
	s.Fatal("no answer")
}

// TestReadRetryAfterPause: a leader that was paused while another took over answers no read from
// what it remembers.
func TestReadRetryAfterPause(t *testing.T) {
	scenario(t, 3, func(s *stage) {
		s.lead(1)
		s.put("a", 1)
		s.pause(1, 5*Second)
		s.w.Host(1).Submit()
		s.leaderAmong(2, 3)
		s.put("a", 2)
		if op := s.query(1, core.Linearizable, "a"); s.fate(op) == Acked {
			s.equal("read after pause", fmt.Sprint(s.answer(op)), "2")
		}
	})
}

// TestLeasePauseSkew: a leader that was paused for longer than its lease, and has not heard since,
// answers nothing by it.
func TestLeasePauseSkew(t *testing.T) {
	o := Options{Nodes: 3}
	o.Engine.ClockDriftPPM = 1000
	staged(t, o, 4, func(s *stage) {
		s.lead(1)
		s.put("a", 1)
		s.run(Second)      // every lease has begun
		s.w.Net.Isolate(1) // or it would hear that another leads
		s.pause(1, 5*Second)
		op := &Operation{Host: 1, Name: "get", Args: []any{"a"}, Query: true, Level: core.Lease}
		s.leaderAmong(2, 3)
		s.put("a", 2)
		s.w.Ask(op, nil)
		s.until("end of the pause", func() bool { return s.w.Host(1).paused <= s.w.now })
		if s.fate(op) == Acked {
			s.equal("read under a lease after a pause", fmt.Sprint(s.answer(op)), "2")
		}
	})
}

// TestAmbiguousIsUnknown: a command whose leader is cut off may be carried out or not; nobody may
// say that it failed.
func TestAmbiguousIsUnknown(t *testing.T) {
	scenario(t, 3, func(s *stage) {
		s.lead(1)
		s.put("a", 1)
		s.cut(2, 1) // its entries arrive, and nobody tells it
		s.cut(3, 1)
		op := s.send(1, "put", "a", 2)
		s.leaderAmong(2, 3)
		if fate := s.fate(op); fate == Refused {
			s.Errorf("command was refused: %v", op.Reply.Err)
		}
		s.holds("a", 2)
	})
}

// TestAmbiguousUnderSnapshot: a command waits at a leader that is cut off and replaced; the others
// carry it out and cut their logs, so that the old leader is given a snapshot in which the command
// is no entry any more. It has no result for it, and may not say that it was not carried out.
func TestAmbiguousUnderSnapshot(t *testing.T) {
	o := Options{Nodes: 3}
	o.Engine.SnapshotEntries, o.Engine.TailEntries = 10, -1
	staged(t, o, 4, func(s *stage) {
		s.lead(1)
		s.put("a", 1)
		s.cut(2, 1) // its entries arrive, and nobody tells it
		s.cut(3, 1)
		op := &Operation{Host: 1, Name: "put", Args: []any{"a", 2}}
		s.w.Ask(op, nil) // and its client waits
		s.leaderAmong(2, 3)
		s.fill("b", 200)
		s.equal("fate of a command while its node hears nothing", op.Fate, Pending)
		s.w.Net.Heal()
		s.until("snapshot installed", func() bool {
			return s.w.Coverage.States[StateInstalled] > 0
		})
		s.equal("fate of a command under a snapshot", s.fate(op), Unknown)
		s.holds("a", 2)
	})
}

// failing is a machine with commands that go wrong in every way.
const failing = `local n = state.map("n")
return {
  name = "failing", version = 1,
  commands = {
    put = function(key, value) n:set(key, value) return "OK" end,
    loop = function() n:set("loop", 1) while true do end end,
    swell = function() n:set("swell", 1) local s = "x" while true do s = s .. s end end,
    err = function() n:set("err", 1) error("as asked") end,
    deep = function() n:set("deep", 1) local function f() return 1 + f() end return f() end,
    refuse = function() n:set("refuse", 1) fail("refused", "as asked") end,
  },
  queries = { get = function(key) return n:get(key) end, len = function() return n:len() end },
}`

// TestPoisonEntryNamed: commands that fail in every way fail alike on every replica, stall none,
// and leave nothing behind, also in what is replayed.
func TestPoisonEntryNamed(t *testing.T) {
	staged(t, Options{Nodes: 3, Script: &scripting.Source{Name: "failing.lua", Text: []byte(failing)}},
		3, func(s *stage) {
			s.put("a", 1)
			for _, name := range []string{"loop", "swell", "err", "deep", "refuse", "nothing"} {
				op := s.send(s.leader().ID, name)
				if s.fate(op) != Acked || op.Reply.Result.Failure == nil {
					s.Fatalf("%s: got %+v", name, op.Reply)
				}
				s.holds(name, nil)
			}
			s.put("b", 2)
			s.power(ids(1, 3)...)
			s.start(ids(1, 3)...)
			s.holds("a", 1)
			s.holds("b", 2)
			s.holds("loop", nil)
		})
}

// TestApplyErrorDoesNotStall: between commands that fail, others are carried out.
func TestApplyErrorDoesNotStall(t *testing.T) {
	scenario(t, 3, func(s *stage) {
		s.lead(1)
		var ops []*Operation
		for i := range 30 {
			ops = append(ops, s.send(1, "incr", "n", 1), s.send(1, "cas", "none", i, 1))
		}
		for i, op := range ops {
			if s.fate(op) != Acked || (op.Reply.Result.Failure == nil) != (i%2 == 0) {
				s.Fatalf("command %d: got %+v", i, op.Reply)
			}
		}
		s.holds("n", 30)
	})
}

// TestApplyIsPure: what a machine computes depends on no clock and no disk of its host.
func TestApplyIsPure(t *testing.T) {
	scenario(t, 3, func(s *stage) {
		for i, h := range s.w.Hosts {
			h.Clock.Jump = int64(i-1) * int64(9*Hour)
		}
		for i := range 6 {
			s.put("a", i)
			leader := s.leader()
			leader.Kill()
			s.leaderAmong(s.other(leader.ID).ID, s.other(leader.ID, s.other(leader.ID).ID).ID)
			s.start(leader.ID)
		}
	})
}

// TestNoQuorumBoundedMemory: a leader without a quorum takes in only so much.
func TestNoQuorumBoundedMemory(t *testing.T) {
	o := Options{Nodes: 3}
	o.Engine.Raft.ElectionTicks, o.Engine.Raft.HeartbeatTicks = 500, 10
	o.Engine.Raft.MaxUncommittedBytes = 64 << 10
	staged(t, o, 2, func(s *stage) {
		s.lead(1)
		s.w.Net.Isolate(1)
		refused := 0
		var ops []*Operation
		for i := range 200 {
			ops = append(ops, s.send(1, "put", fmt.Sprint("k", i), strings.Repeat("v", 1000)))
		}
		s.run(Second)
		for _, op := range ops {
			if errors.Is(op.Reply.Err, core.ErrBusy) {
				refused++
			}
		}
		for i, op := range ops {
			s.Logf("%d: %v %v", i, op.Fate, op.Reply.Err)
		}
		if refused < 100 || refused > 190 {
			s.Errorf("%d of 200 were refused", refused)
		}
		s.w.Net.Heal()
		s.put("after", 1) // and the quota comes back
	})
}

// TestSlowApplyBoundedMemory: a machine that is slower than the log is given only so much at a
// time, and catches up.
func TestSlowApplyBoundedMemory(t *testing.T) {
	o := Options{Nodes: 3}
	o.Engine.SnapshotEntries = 1 << 30
	o.Engine.Raft.ElectionTicks, o.Engine.Raft.HeartbeatTicks = 20, 4
	o.Engine.Raft.MaxApplyBytes = 2000
	staged(t, o, 2, func(s *stage) {
		s.lead(1)
		h := s.w.Host(3)
		h.Takes = func(l node.Lane) core.Instant {
			if l.Kind == node.LaneApply {
				return 100 * Millisecond
			}
			return Millisecond
		}
		most := 0
		s.w.observers = append(s.w.observers, &applySizes{h: h, most: &most})
		for i := range 100 {
			s.put(fmt.Sprint("k", i), strings.Repeat("v", 500))
			s.fill(fmt.Sprint("f", i, "-"), 5)
		}
		// One batch may be done at the very instant at which the next one is.
		if limit := 2 * (o.Engine.Raft.MaxApplyBytes + 600); most > limit || most < 1000 {
			s.Errorf("%d bytes were applied at once, limit %d", most, limit)
		}
		h.Takes = h.usual
	})
}

// applySizes measures what a host's machine is given at one instant: all that was handed out to it
// while it was busy.
type applySizes struct {
	Bystander
	h    *Host
	most *int
	at   core.Instant
	size int
}

// Applied implements Observer.
func (a *applySizes) Applied(h *Host, entries []core.Entry, _ []core.Result) {
	if h != a.h {
		return
	}
	if a.at != h.w.now {
		a.at, a.size = h.w.now, 0
	}
	for i := range entries {
		a.size += entries[i].Size()
	}
	*a.most = max(*a.most, a.size)
}

// TestBigEntriesBounded: commands up to the limit go through, and what is larger is refused, by a
// follower as by the leader.
func TestBigEntriesBounded(t *testing.T) {
	o := Options{Nodes: 3, SegmentBytes: 256 << 10}
	o.Engine.Raft.ElectionTicks, o.Engine.Raft.HeartbeatTicks = 20, 4
	o.Engine.Raft.MaxMessageBytes = 64 << 10
	o.Engine.MaxCommandBytes = 60 << 10
	staged(t, o, 2, func(s *stage) {
		for _, id := range ids(1, 3) {
			s.leader()
			big := s.send(id, "put", "a", strings.Repeat("b", 59<<10))
			if s.fate(big) != Acked {
				s.Fatalf("node %d: 59 KiB: got %v", id, big.Reply.Err)
			}
			huge := s.send(id, "put", "a", strings.Repeat("h", 61<<10))
			if s.fate(huge) != Refused || !errors.Is(huge.Reply.Err, core.ErrTooLarge) {
				s.Fatalf("node %d: 61 KiB: got %v", id, huge.Reply.Err)
			}
		}
	})
}
