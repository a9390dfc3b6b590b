package change

import (
	"errors"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// one holds group 1: the entries 4 … 10 of term 2, with a snapshot at 6.
type one struct{}

func (one) State(g core.GroupID) (core.State, error) {
	if g != 1 {
		return core.State{}, core.ErrNoGroup
	}
	return core.State{Hard: core.HardState{Term: 2}, Start: core.Position{Term: 1, Index: 3},
		Last: core.Position{Term: 2, Index: 10}, Snapshot: *meta(6)}, nil
}

func (one) Term(core.GroupID, core.Index) (core.Term, error) { return 2, nil }

func meta(i core.Index) *core.SnapshotMeta {
	return &core.SnapshotMeta{Position: core.Position{Term: 2, Index: i},
		Membership: core.Membership{Members: []core.Member{{ID: 1, Role: core.Voter}}}}
}

func entries(term core.Term, lo, hi core.Index) (list []core.Entry) {
	for i := lo; i < hi; i++ {
		list = append(list, core.Entry{Position: core.Position{Term: term, Index: i}})
	}
	return list
}

func TestUpdatesThatFit(t *testing.T) {
	pos := func(term core.Term, i core.Index) core.Position {
		return core.Position{Term: term, Index: i}
	}
	for what, c := range map[string]struct {
		batch []core.Update
		start core.Position // after the last update
	}{
		"nothing":            {[]core.Update{{Group: 1}}, pos(1, 3)},
		"compaction":         {[]core.Update{{Group: 1, Compact: 6}}, pos(2, 6)},
		"an old compaction":  {[]core.Update{{Group: 1, Compact: 2}}, pos(1, 3)},
		"a replaced suffix":  {[]core.Update{{Group: 1, Entries: entries(3, 6, 7)}}, pos(1, 3)},
		"a rewritten prefix": {[]core.Update{{Group: 1, Entries: entries(3, 4, 9)}}, pos(1, 3)},
		"an install":         {[]core.Update{{Group: 1, Install: meta(2)}}, pos(2, 2)},
		"an update on another": {[]core.Update{{Group: 1, Entries: entries(3, 11, 20)},
			{Group: 1, Entries: entries(4, 15, 17)}, {Group: 1, Snapshot: meta(16), Compact: 14},
			{Group: 1, Compact: 15}}, pos(4, 15)},
		"a new life": {[]core.Update{{Group: 1, Remove: true}, {Group: 1, Install: meta(0)},
			{Group: 1, Entries: entries(9, 1, 2), Snapshot: meta(1), Compact: 1}}, pos(9, 1)},
	} {
		var p Plan
		if err := p.Make(one{}, c.batch); err != nil {
			t.Errorf("%s: %v", what, err)
		} else if got := p.Start(len(c.batch) - 1); got != c.start {
			t.Errorf("%s: log starts behind %v, want %v", what, got, c.start)
		}
	}
}

func TestUpdatesThatDoNotFit(t *testing.T) {
	nobody := meta(7)
	nobody.Membership = core.Membership{}
	for what, u := range map[string]core.Update{
		"a snapshot beyond the log":        {Group: 1, Snapshot: meta(11)},
		"a snapshot before the log":        {Group: 1, Snapshot: meta(2)},
		"a snapshot of nobody":             {Group: 1, Snapshot: nobody},
		"an install of nobody":             {Group: 2, Install: nobody},
		"a log that ends before snapshot":  {Group: 1, Entries: entries(3, 4, 6)},
		"a removal that changes":           {Group: 1, Remove: true, Compact: 5},
		"a removal that installs":          {Group: 1, Remove: true, Install: meta(1)},
		"an index that is far too high":    {Group: 2, Install: meta(MaxIndex + 1)},
		"a compaction beyond the snapshot": {Group: 1, Compact: 7},
		"a gap":                            {Group: 1, Entries: entries(3, 12, 13)},
	} {
		var p Plan
		if err := p.Make(one{}, []core.Update{u}); !errors.Is(err, core.ErrInvalidUpdate) {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

func TestRange(t *testing.T) {
	st, _ := one{}.State(1)
	for _, c := range []struct {
		lo, hi core.Index
		want   error
	}{
		{4, 11, nil}, {11, 11, nil}, {3, 4, core.ErrCompacted}, {3, 99, core.ErrCompacted},
		{10, 12, core.ErrUnavailable}, {12, 12, core.ErrUnavailable},
	} {
		if err := Range(&st, c.lo, c.hi); !errors.Is(err, c.want) {
			t.Errorf("%d … %d-1: got %v, want %v", c.lo, c.hi, err, c.want)
		}
	}
}

// TestPlanTellsWhatABatchComesTo is what stores need that keep no state of their own.
func TestPlanTellsWhatABatchComesTo(t *testing.T) {
	var p Plan
	if err := p.Make(one{}, []core.Update{
		{Group: 1, Entries: entries(3, 8, 10)},
		{Group: 1, Entries: entries(4, 9, 13), Snapshot: meta(9), Compact: 8},
		{Group: 2, Install: meta(5), Entries: entries(2, 6, 8)},
		{Group: 2, Remove: true},
	}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []core.Index{10, 9, 5} {
		if got := p.Last(i); got != want {
			t.Errorf("update %d: replaces up to %d, want %d", i, got, want)
		}
	}
	st, exists := p.State(1)
	start, last := core.Position{Term: 3, Index: 8}, core.Position{Term: 4, Index: 12}
	if !exists || st.Start != start || st.Last != last || st.Snapshot.Index != 9 {
		t.Errorf("group 1: got %+v, %t", st, exists)
	}
	if _, exists := p.State(2); exists {
		t.Error("group 2 is still there")
	}
}
