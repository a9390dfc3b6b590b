package wal

import (
	"errors"
	"fmt"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// TestWalkVisitsEveryRecord compares what is visited with what was written.
func TestWalkVisitsEveryRecord(t *testing.T) {
	m := vfs.NewMemory(1)
	log, err := Open(m, testDir, small())
	if err != nil {
		t.Fatal(err)
	}
	meta := core.SnapshotMeta{Membership: core.Membership{
		Members: []core.Member{{ID: 1, Role: core.Voter, Addr: "a:1"}},
	}}
	taken := meta
	taken.Position, taken.Size = core.Position{Term: 1, Index: 2}, 9
	u := core.Update{Group: 4, Snapshot: &taken, Compact: 1}
	u.Hard = core.HardState{Term: 1, Vote: 1, Commit: 2}
	for i := core.Index(1); i <= 3; i++ {
		u.Entries = append(u.Entries, core.Entry{
			Position: core.Position{Term: 1, Index: i}, Kind: core.EntryCommand, Data: []byte{byte(i)},
		})
	}
	must(t, log.Write([]core.Update{{Group: 4, Install: &meta}, u}))
	must(t, log.Close())

	var got []string
	last := int64(-1)
	visit := func(i Item) error {
		if i.Group != 4 || i.Offset <= last || i.Segment != segmentName(1) || i.Frame == 0 {
			t.Errorf("got %+v behind offset %d", i, last)
		}
		last = i.Offset
		text := i.Kind
		switch {
		case i.Entry != nil:
			text += fmt.Sprint(" ", i.Entry.Position, i.Entry.Data)
		case i.Snapshot != nil:
			text += fmt.Sprint(" ", i.Snapshot.Position, i.Snapshot.Size)
		case i.Hard != nil:
			text += fmt.Sprint(" ", *i.Hard)
		case i.Start != nil:
			text += fmt.Sprint(" ", *i.Start)
		}
		got = append(got, text)
		return nil
	}
	r, err := Walk(m, testDir, visit)
	want := "[install t0/i0 0 hard {1 1 2} entry t1/i1 [1] entry t1/i2 [2] entry t1/i3 [3] " +
		"snapshot t1/i2 9 compact t1/i1]"
	if err != nil || r.Records != len(got) || fmt.Sprint(got) != want {
		t.Errorf("got %v, %+v, %v\nwant %s", got, r, err, want)
	}
	enough := errors.New("enough")
	if _, err := Walk(m, testDir, func(Item) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("got %v, want the visitor's error", err)
	}
}
