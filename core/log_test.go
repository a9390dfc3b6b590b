package core_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

func FuzzDecodeLogRequest(f *testing.F) {
	f.Add([]byte(`{"from":3,"to":9}`))
	f.Add([]byte(`{"snapshot":{"Term":2,"Index":7},"offset":262144}`))
	f.Add([]byte(`{"from":3,"to":2}`))
	f.Add([]byte(`{"offset":-1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := core.DecodeLogRequest(data)
		if err != nil {
			if !errors.Is(err, core.ErrChange) {
				t.Errorf("got %v", err)
			}
			return
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := core.DecodeLogRequest(again); err != nil || !reflect.DeepEqual(s, r) {
			t.Errorf("got %+v, %v, want %+v", s, err, r)
		}
	})
}

func pageForTest() core.LogPage {
	at := func(i core.Index) core.Position { return core.Position{Term: 2, Index: i} }
	members := core.Membership{Members: []core.Member{{ID: 1, Role: core.Voter, Addr: "a:1"}}}
	return core.LogPage{
		State: core.State{
			Hard:  core.HardState{Term: 2, Vote: 1, Commit: 6},
			Start: at(3), Last: at(7), Snapshot: core.SnapshotMeta{
				Position: at(4), Time: 5, Membership: members, Size: 9, Checksum: 1<<64 - 1,
			},
		},
		Entries: []core.Entry{
			{Position: at(5), Kind: core.EntryCommand, Time: 7, Data: []byte{0, 255}},
			{Position: at(6), Kind: core.EntryNoop, Time: 8},
		},
	}
}

func TestLogPageIsReadAsItWasWritten(t *testing.T) {
	want := pageForTest()
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := core.DecodeLogPage(data, 5); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if _, err := core.DecodeLogPage(data, 4); !errors.Is(err, core.ErrLogPage) {
		t.Errorf("entries that were not asked for: got %v", err)
	}
}

func FuzzDecodeLogPage(f *testing.F) {
	data, err := json.Marshal(pageForTest())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"state":{},"entries":[{"Index":5,"Kind":9}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := core.DecodeLogPage(data, 5)
		if err != nil && !errors.Is(err, core.ErrLogPage) {
			t.Errorf("got %v", err)
		}
		for i, e := range p.Entries {
			if err == nil && e.Index != core.Index(5+i) {
				t.Errorf("entry %d has index %d", i, e.Index)
			}
		}
	})
}
