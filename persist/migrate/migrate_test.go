package migrate

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/memory"
)

func meta(term core.Term, i core.Index) *core.SnapshotMeta {
	return &core.SnapshotMeta{Position: core.Position{Term: term, Index: i}, Time: 5, Size: int64(i),
		Checksum: 9, Membership: core.Membership{Members: []core.Member{{ID: 1, Role: core.Voter,
			Addr: "a:1"}}}}
}

func entries(term core.Term, lo, hi core.Index, size int) (list []core.Entry) {
	for i := lo; i < hi; i++ {
		list = append(list, core.Entry{Position: core.Position{Term: term, Index: i}, Time: int64(i),
			Kind: core.EntryCommand, Data: fmt.Appendf(make([]byte, size), "entry %d", i)})
	}
	return list
}

// full returns a store that holds what can be: a log within which the snapshot lies, one without
// entries, one of more than a piece, and one that was just created.
func full(t *testing.T) *memory.Store {
	t.Helper()
	s := memory.New()
	if err := s.Write([]core.Update{
		{Group: 1, Install: meta(2, 7), Hard: core.HardState{Term: 4, Vote: 2, Commit: 9},
			Entries: entries(3, 8, 20, 9), Snapshot: meta(3, 12), Compact: 10},
		{Group: 2, Install: meta(5, 100), Hard: core.HardState{Term: 6}},
		{Group: 3, Install: meta(1, 1), Entries: entries(1, 2, 12, pieceBytes/4)},
		{Group: 4, Install: &core.SnapshotMeta{Membership: meta(0, 0).Membership}},
	}); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCopyHoldsTheSame(t *testing.T) {
	src, dst := full(t), memory.New()
	copied, err := Copy(context.Background(), dst, src)
	if err != nil {
		t.Fatal(err)
	}
	compared, err := Compare(context.Background(), dst, src)
	if err != nil || compared != copied || copied.Groups != 4 || copied.Entries != 19 {
		t.Errorf("copied %+v, compared %+v, %v", copied, compared, err)
	}
	if _, err := Copy(context.Background(), dst, src); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("a second copy: %v", err)
	}
}

func TestCopyEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Copy(ctx, memory.New(), full(t)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestCompareFindsEveryDifference(t *testing.T) {
	changed := entries(3, 19, 20, 9)
	changed[0].Data[3] ^= 1
	later := entries(3, 19, 20, 9)
	later[0].Time++
	noop := entries(3, 19, 20, 9)
	noop[0].Kind = core.EntryNoop
	for what, u := range map[string]core.Update{
		"a term":       {Group: 1, Hard: core.HardState{Term: 5, Vote: 2, Commit: 9}},
		"a vote":       {Group: 1, Hard: core.HardState{Term: 4, Vote: 3, Commit: 9}},
		"a commit":     {Group: 1, Hard: core.HardState{Term: 4, Vote: 2, Commit: 8}},
		"data":         {Group: 1, Entries: changed},
		"a time":       {Group: 1, Entries: later},
		"a kind":       {Group: 1, Entries: noop},
		"an entry":     {Group: 1, Entries: entries(3, 20, 21, 9)},
		"a snapshot":   {Group: 1, Snapshot: meta(3, 13)},
		"a start":      {Group: 1, Compact: 11},
		"a group gone": {Group: 2, Remove: true},
		"a group more": {Group: 9, Install: meta(1, 1)},
	} {
		got := full(t)
		if err := got.Write([]core.Update{u}); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if _, err := Compare(context.Background(), got, full(t)); !errors.Is(err, ErrDifferent) {
			t.Errorf("%s: got %v, want ErrDifferent", what, err)
		}
	}
}
