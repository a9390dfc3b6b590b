package pebble_test

import (
	"fmt"
	"os"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/pebble"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

func Example() {
	dir, err := os.MkdirTemp("", "pebble-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	store, err := pebble.Open(vfs.OS(), dir, pebble.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	begin := core.SnapshotMeta{Membership: core.Membership{
		Members: []core.Member{{ID: 1, Role: core.Voter, Addr: "localhost:9001"}},
	}}
	err = store.Write([]core.Update{{Group: 1, Install: &begin, Entries: []core.Entry{
		{Position: core.Position{Term: 1, Index: 1}, Kind: core.EntryCommand, Data: []byte("hello")},
	}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	entries, err := store.Entries(nil, 1, 1, 2, 1<<20)
	fmt.Printf("%s %v\n", entries[0].Data, err)
	// Output: hello <nil>
}
