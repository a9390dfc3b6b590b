package sim

import (
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// member is an entry that gives its group these roles, of the nodes from 1 on.
func member(term core.Term, i core.Index, roles ...core.Role) core.Entry {
	var m core.Membership
	for id, role := range roles {
		m.Members = append(m.Members, core.Member{ID: core.NodeID(id + 1), Role: role})
	}
	e := at(term, i)
	e.Kind = core.EntryMembership
	e.Data, _ = m.AppendBinary(nil) // the error is always nil
	return e
}

// TestMembershipsDecide has the leader of reign append a membership, which some hosts come to hold,
// and take it for committed.
func TestMembershipsDecide(t *testing.T) {
	both := core.Voter | core.Outgoing
	for _, canary := range []struct {
		what, rule string
		roles      []core.Role
		holders    []core.NodeID
	}{
		{"both halves", "", []core.Role{both, both, both, core.Voter, core.Voter},
			[]core.NodeID{1, 2, 4}},
		{"the half that was", "commit", []core.Role{both, both, both, core.Voter, core.Voter},
			[]core.NodeID{1, 2}},
		{"the half that will be", "commit", []core.Role{both, core.Outgoing, core.Outgoing},
			[]core.NodeID{1}},
		{"voters", "", []core.Role{core.Voter, core.Voter, core.Learner}, []core.NodeID{1, 2}},
		{"a learner", "commit", []core.Role{core.Voter, core.Voter, core.Learner},
			[]core.NodeID{1, 3}},
	} {
		c := newCage(func(s *shadow) []Observer { return []Observer{s, newCommitChecker(s)} })
		reign(c)
		for len(c.w.Hosts) < len(canary.roles) {
			c.w.shadow = c.s
			c.w.addHost("")
		}
		e := member(1, 3, canary.roles...)
		for _, id := range canary.holders {
			c.hard(id, 1, 1, at(1, 1), at(1, 2), e)
		}
		c.w.now += Second // it is not new any more
		c.leads(1, 1, 3, 3)
		violated(t, c.w, canary.rule, canary.what)
		if got := c.s.ruled; canary.rule == "" && got != 3 {
			t.Errorf("%s: the membership of index %d is in force", canary.what, got)
		}
	}
}

// TestBoundedByWhatWasHeard gives bounded queries answers when index 5 was acknowledged; at 100 the
// host heard that 4 was committed.
func TestBoundedByWhatWasHeard(t *testing.T) {
	for _, canary := range []struct {
		what, rule string
		index      core.Index
		within     core.Instant
	}{
		{"what was heard, within the bound", "", 4, 50},
		{"what was heard, too long ago", "bounded", 4, 10},
		{"less than what was heard", "bounded", 3, 50},
		{"all, long after", "", 5, 10},
	} {
		c := newCage(func(s *shadow) []Observer { return []Observer{newBoundedChecker(s.w)} })
		c.ends(told(0, Acked, 5, "OK", "put", "a"))
		c.w.now = 100
		c.w.tell(func(o Observer) {
			o.Delivered(c.w.Host(1), &core.Message{Kind: core.MsgAppend, Commit: 4})
		})
		op := told(120, Acked, canary.index, nil, "get")
		op.Level, op.MaxStale, op.clock = core.Bounded, canary.within, 120
		c.ends(op)
		violated(t, c.w, canary.rule, canary.what)
	}
}

// TestLeasesAreJudgedWhileClocksAreRight has a read under a lease miss what was acknowledged,
// before and after a clock has broken its promise.
func TestLeasesAreJudgedWhileClocksAreRight(t *testing.T) {
	for broken, rule := range map[core.Instant]string{0: "real time", 200: "real time", 15: ""} {
		c := newCage(func(s *shadow) []Observer { return []Observer{newOrderChecker(s.w)} })
		c.w.broken = broken
		op := told(20, Acked, 4, nil, "get")
		op.Level = core.Lease
		c.ends(told(0, Acked, 5, "OK", "put", "a"), op)
		violated(t, c.w, rule, "a read under a lease")
	}
}

// TestReadsWaitForTheirIndex has a query show less than what it asked for.
func TestReadsWaitForTheirIndex(t *testing.T) {
	c := newCage(func(s *shadow) []Observer {
		return []Observer{newReadsChecker(newAppliedChecker(s))}
	})
	op := stale(told(20, Acked, 4, nil, "get"))
	op.AtLeast = 4
	c.ends(op)
	violated(t, c.w, "", "no less than it asked for")
	op = stale(told(40, Acked, 4, nil, "get"))
	op.AtLeast = 5
	c.ends(op)
	violated(t, c.w, "reads", "less than it asked for")
}

// TestDecidersAreSpared: no disk may be damaged, nor voter taken away, that a membership which may
// come to decide cannot do without.
func TestDecidersAreSpared(t *testing.T) {
	w := watched(t, Options{Seed: 1})
	if err := w.converge(w.Hosts); err != nil {
		t.Fatal(err)
	}
	if h := w.Hosts[0]; !w.spare(h) || !w.bears(lacking(h.ID)) {
		t.Error("one of three healthy hosts cannot be spared")
	}
	w.errands = 1
	if w.spare(w.Hosts[0]) {
		t.Error("a host can be spared while the membership may change in any way")
	}
	w.errands, w.Hosts[1].suspect = 0, true
	if w.spare(w.Hosts[0]) || w.bears(lacking(1)) || !w.bears(lacking(2)) {
		t.Error("with one disk damaged, another voter can be spared, or that one cannot")
	}
}
