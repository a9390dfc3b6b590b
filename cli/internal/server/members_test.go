package server

import (
	"errors"
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/memory"
)

// TestFlagsAreComparedUntilMembersChange refuses flags that contradict the beginning of a cluster,
// lets an old start command work after a change, be it in the log or before a snapshot, and asks
// nothing of a node that joins.
func TestFlagsAreComparedUntilMembersChange(t *testing.T) {
	begun, err := Config{ID: 1, Peers: []Peer{{ID: 2}}}.complete()
	if err != nil {
		t.Fatal(err)
	}
	store := memory.New()
	p := &parts{Config: begun, store: store}
	check := func(what string, want error) {
		t.Helper()
		if got := p.checkMembers(); !errors.Is(got, want) {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	write := func(u core.Update) {
		t.Helper()
		u.Group = core.DefaultGroup
		if err := store.Write([]core.Update{u}); err != nil {
			t.Fatal(err)
		}
	}
	entry := func(i core.Index, kind core.EntryKind, m core.Membership) core.Entry {
		e := core.Entry{Position: core.Position{Term: 1, Index: i}, Kind: kind}
		if kind == core.EntryMembership {
			e.Data, _ = m.AppendBinary(nil)
		}
		return e
	}
	check("no data", nil)
	write(core.Update{Install: &core.SnapshotMeta{Membership: begun.membership()}})
	check("the same", nil)
	if p.Config, err = (Config{ID: 1, Peers: []Peer{{ID: 3}}}).complete(); err != nil {
		t.Fatal(err)
	}
	check("others", exit.ErrUsage)
	p.Join = true
	check("to join", nil)
	p.Join = false
	write(core.Update{Hard: core.HardState{Term: 1},
		Entries: []core.Entry{entry(1, core.EntryNoop, core.Membership{})}})
	check("others, and no change", exit.ErrUsage)
	write(core.Update{Entries: []core.Entry{
		entry(2, core.EntryCommand, core.Membership{}),
		entry(3, core.EntryMembership, begun.membership()),
	}})
	check("after a change", nil)
	write(core.Update{Snapshot: &core.SnapshotMeta{
		Position: core.Position{Term: 1, Index: 3}, Membership: begun.membership(),
	}, Compact: 3})
	check("after a snapshot", nil)
}

// TestJoiningNodeHasNoVote begins as a learner among the members that it is told of.
func TestJoiningNodeHasNoVote(t *testing.T) {
	c, err := Config{ID: 4, Join: true, Peers: []Peer{{ID: 1}, {ID: 2}}}.complete()
	if err != nil {
		t.Fatal(err)
	}
	if got := c.membership().String(); got != "voters=1,2 learners=4" {
		t.Errorf("got %s", got)
	}
	if _, err := (Config{ID: 4, Join: true}).complete(); !errors.Is(err, exit.ErrUsage) {
		t.Errorf("join nobody: got %v", err)
	}
}
