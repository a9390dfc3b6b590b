package raft_test

import (
	"errors"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/raft"
)

// TestProposeKeepsIDsOfRemovedNodes refuses a membership in which a removed node is back, and one
// that forgets who was removed.
func TestProposeKeepsIDsOfRemovedNodes(t *testing.T) {
	r, _ := alone(t, raft.Config{})
	propose := func(m core.Membership) error {
		data, err := m.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		return r.Propose([]core.Entry{{Kind: core.EntryMembership, Data: data}})
	}
	before := r.Status().Membership
	if err := propose(core.Membership{Members: before.Members,
		Retired: core.Retired{IDs: []core.NodeID{7}}}); !errors.Is(err, core.ErrMembership) {
		t.Errorf("a node that was never there is retired: got %v", err)
	}
	with := func(ids ...core.NodeID) core.Membership {
		next := core.Membership{Members: before.Members}
		for _, id := range ids {
			next.Members = append(next.Members[:len(next.Members):len(next.Members)],
				core.Member{ID: id, Role: core.Learner})
		}
		return next
	}
	commit := func(m core.Membership) {
		t.Helper()
		if err := propose(m); err != nil {
			t.Fatal(err)
		}
		var out raft.Output
		for r.Take(&out) {
			r.Wrote(out.Seq)
			if n := len(out.Apply); n > 0 {
				r.Applied(out.Apply[n-1].Index)
			}
		}
	}
	commit(with(2, 3))
	for what, m := range map[string]core.Membership{
		"forgotten": with(3),
		"back":      r.Status().Membership.Succeeded(with(3).Members).Succeeded(with(2, 3).Members),
	} {
		if err := propose(m); !errors.Is(err, core.ErrMembership) {
			t.Errorf("%s: got %v, want ErrMembership", what, err)
		}
	}
	commit(r.Status().Membership.Succeeded(with(3).Members))
	if got := r.Status().Membership.String(); got != "voters=1 learners=3 retired=2" {
		t.Errorf("got %s", got)
	}
}
