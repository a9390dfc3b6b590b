package node

import (
	"slices"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/engine"
	"github.com/tidelock-raft/tidelock/persist/memory"
)

// recorder is a transport that notes what leaves.
type recorder struct{ sent []string }

func (r *recorder) Send(to core.Addr, messages []core.Message) {
	for i := range messages {
		r.sent = append(r.sent, string(to)+" "+messages[i].String())
	}
}

func (*recorder) Close() error { return nil }

// TestAStartedNodeGreets starts nodes whose first tick is an hour away: what they say, they say of
// themselves.
func TestAStartedNodeGreets(t *testing.T) {
	members := core.Membership{Members: []core.Member{
		{ID: 1, Role: core.Voter, Addr: "a"}, {ID: 2, Role: core.Voter, Addr: "b"},
		{ID: 3, Role: core.Learner, Addr: "c"},
	}}
	for _, test := range []struct {
		term core.Term
		want []string
	}{
		{0, nil},
		{4, []string{
			"a 2->1 ReadIndex group=1 term=4", "a 2->1 ReadIndex group=9 term=4",
			"c 2->3 ReadIndex group=1 term=4", "c 2->3 ReadIndex group=9 term=4",
		}},
	} {
		store := memory.New()
		for _, g := range []core.GroupID{1, 9} {
			u := core.Update{Group: g, Install: &core.SnapshotMeta{Membership: members},
				Hard: core.HardState{Term: test.term}}
			if err := store.Write([]core.Update{u}); err != nil {
				t.Fatal(err)
			}
		}
		n, err := New(Config{
			Engine: engine.Config{Node: 2, Tick: time.Hour.Nanoseconds()}, Store: store,
			Machine: func(core.GroupID) (core.StateMachine, error) { return newJournal(), nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		var r recorder
		n.Start(&r)
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		if !slices.Equal(r.sent, test.want) {
			t.Errorf("term %d: got %q, want %q", test.term, r.sent, test.want)
		}
	}
}
