package wal_test

import (
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
	"github.com/tidelock-raft/tidelock/persist/wal"
)

func Example() {
	log, err := wal.Open(vfs.NewMemory(1), "wal", wal.Config{SegmentBytes: 64 << 10})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer log.Close()
	members := []core.Member{{ID: 1, Role: core.Voter}}
	err = log.Write([]core.Update{{
		Group:   core.DefaultGroup,
		Install: &core.SnapshotMeta{Membership: core.Membership{Members: members}},
		Hard:    core.HardState{Term: 1, Vote: 1},
		Entries: []core.Entry{{Position: core.Position{Term: 1, Index: 1}, Kind: core.EntryCommand,
			Data: []byte("put x 1")}},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	entries, err := log.Entries(nil, core.DefaultGroup, 1, 2, 1<<20)
	fmt.Printf("%v %s %v\n", entries[0].Position, entries[0].Data, err)
	// Output: t1/i1 put x 1 <nil>
}
