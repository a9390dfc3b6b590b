package sim

import (
	"encoding/json"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// asks has the leader do what an administrator wants, until it is done.
func (s *stage) asks(kind core.RequestKind, value any) {
	s.Helper()
	data, err := json.Marshal(value)
	s.ok(err)
	for range 50 {
		var got *core.Reply
		s.leader().Submit(core.Request{Group: core.DefaultGroup, Kind: kind, Data: data,
			Caller: caller(func(r core.Reply) { got = &r })})
		s.until("answer to "+string(data), func() bool { return got != nil })
		if got.Err == nil && got.Result.Failure == nil {
			return
		}
		s.run(Second / 5)
	}
	s.Fatalf("%s: never done", data)
}

// caller is a core.Caller that is a function.
type caller func(core.Reply)

// Replied implements core.Caller.
func (c caller) Replied(_ uint64, r core.Reply) { c(r) }

// join adds a node and waits until it votes.
func (s *stage) join() *Host {
	s.Helper()
	h := s.w.addHost("")
	s.start(h.ID)
	s.asks(core.RequestChange, core.Change{Steps: []core.ChangeStep{
		{Op: core.ChangeAdd, Node: h.ID, Addr: h.addr}}})
	s.until("another voter", func() bool {
		member, _ := s.w.shadow.newest.Find(h.ID)
		return member.Role&core.Voter != 0
	})
	return h
}

// TestLaggardMeetsStranger: a node that was away comes back to a leader that joined meanwhile. It
// does not know its address, nor would it find it in a log that has been cut; the leader has to
// tell.
func TestLaggardMeetsStranger(t *testing.T) {
	for _, tail := range []int{-1, 1 << 20} {
		o := Options{Nodes: 3}
		o.Engine.SnapshotEntries, o.Engine.TailEntries = 10, tail
		staged(t, o, 2, func(s *stage) {
			s.lead(1)
			s.kill(2)
			h := s.join()
			s.fill("a", 100)
			s.asks(core.RequestTransfer, core.Transfer{To: h.ID})
			s.until("leader that has joined", func() bool { return s.w.Leader() == h })
			s.start(2)
			s.until("node that has caught up", func() bool {
				return s.w.Host(2).Status().AppliedIndex >= h.Status().CommitIndex
			})
		})
	}
}
