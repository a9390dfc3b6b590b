package raftscript_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/raftscript"
)

func TestRunPutsOutputInItsPlace(t *testing.T) {
	text := "# A comment.\n\nnodes 1\n----\nstale output\n\ncampaign 1\nstatus\n----\n"
	want := `# A comment.

nodes 1
----
ok

campaign 1
status
----
1: candidate term=1 leader=0
1: write 1 term=1 vote=1 commit=0
1: leader term=1 leader=1
1: write 2 term=1 vote=1 commit=0 t1/i1=noop
1: commit 1
1: apply t1/i1=noop
1: leader term=1 vote=1 leader=1 commit=1 applied=1 log=1..1 durable=1 voters=1
`
	got, err := raftscript.Run(text)
	if err != nil || got != want {
		t.Errorf("got %v and\n%s\nwant\n%s", err, got, want)
	}
	if again, err := raftscript.Run(got); err != nil || again != got {
		t.Errorf("a second run changed it: %v\n%s", err, again)
	}
}

func TestRunNamesWhatItDoesNotUnderstand(t *testing.T) {
	for commands, want := range map[string]string{
		"tick 1":                    "nodes has to come first",
		"nodes":                     "how many nodes?",
		"nodes 2 speed=9":           `no limit "speed"`,
		"nodes 2 learners=3":        "no node 3",
		"nodes 2\nfly":              "no such command",
		"nodes 2\ntick 3":           "no node 3",
		"nodes 2\ntick x":           `"x" is not a number`,
		"nodes 2\ndeliver":          "a link is missing",
		"nodes 2\ndeliver 12":       "not a link",
		"nodes 2\ndrop 1->3":        "no link 1->3",
		"nodes 2\nchange 1 kings=2": "not a role",
		"nodes 2\nchange 1 voters=": "not a list of nodes",
		"nodes 2\nwipe 1":           "which node that is down?",
		"nodes 2\nadd 2 voters=1":   "which new node",
	} {
		_, err := raftscript.Run(commands + "\n----\n")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", commands, err, want)
		}
	}
	for _, text := range []string{"----\n", "nodes 1\n"} {
		if _, err := raftscript.Run(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func TestDiskRefusesWhatNoReplicaMayAskFor(t *testing.T) {
	at := func(term core.Term, i core.Index) core.Position {
		return core.Position{Term: term, Index: i}
	}
	entries := func(positions ...core.Position) (list []core.Entry) {
		for _, p := range positions {
			list = append(list, core.Entry{Position: p, Kind: core.EntryNoop})
		}
		return list
	}
	snapshot := core.SnapshotMeta{Position: at(1, 2)}
	missing := core.SnapshotMeta{Position: at(2, 2)}
	for name, u := range map[string]core.Update{
		"gap":           {Entries: entries(at(1, 5))},
		"below start":   {Entries: entries(at(1, 1))},
		"term falls":    {Hard: core.HardState{Term: 1}},
		"second vote":   {Hard: core.HardState{Term: 2, Vote: 2, Commit: 1}},
		"commit falls":  {Hard: core.HardState{Term: 3}},
		"commit beyond": {Hard: core.HardState{Term: 3, Commit: 9}},
		"no such entry": {Snapshot: &missing},
		"cut too far":   {Snapshot: &snapshot, Compact: 3},
	} {
		disk := raftscript.NewDisk(core.Membership{})
		first := core.SnapshotMeta{Position: at(1, 1)}
		for _, u := range []core.Update{
			{Entries: entries(at(1, 1), at(1, 2), at(2, 3)), Hard: core.HardState{
				Term: 2, Vote: 1, Commit: 1,
			}},
			{Snapshot: &first, Compact: 1},
		} {
			if err := disk.Write(u); err != nil {
				t.Fatal(err)
			}
		}
		if err := disk.Write(u); !errors.Is(err, core.ErrInvalidUpdate) {
			t.Errorf("%s: got %v, want an invalid update", name, err)
		}
	}
}
