package backup_test

import (
	"bytes"
	"fmt"
	"io"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/backup"
)

func Example() {
	var file bytes.Buffer
	w, err := backup.NewWriter(&file, backup.Meta{
		Node: 3, Group: core.DefaultGroup,
		Snapshot: core.SnapshotMeta{
			Position:   core.Position{Term: 4, Index: 500},
			Membership: core.Membership{Members: []core.Member{{ID: 3, Role: core.Voter}}},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Fprint(w, "the whole state")
	if err := w.Close(); err != nil {
		fmt.Println(err)
		return
	}
	r, err := backup.NewReader(&file, "monday.snap")
	if err != nil {
		fmt.Println(err)
		return
	}
	body, err := io.ReadAll(r)
	meta := r.Meta()
	fmt.Printf("%s %v\n", body, err)
	fmt.Println(meta.Snapshot.Position, meta.Snapshot.Size, meta.Snapshot.Membership)
	// Output:
	// the whole state <nil>
	// t4/i500 15 voters=3
}
