package snapfile_test

import (
	"fmt"
	"io"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/snapfile"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

func Example() {
	snapshots, err := snapfile.Open(vfs.NewMemory(1), "snapshots")
	if err != nil {
		fmt.Println(err)
		return
	}
	at := core.Position{Term: 3, Index: 17}
	w, err := snapshots.Create(core.DefaultGroup, at)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Fprint(w, "the whole state")
	size, _, err := w.Commit()
	fmt.Println(size, err)
	r, err := snapshots.Open(core.DefaultGroup, at)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()
	body, err := io.ReadAll(io.NewSectionReader(r, 4, 5))
	fmt.Printf("%s %v\n", body, err)
	// Output:
	// 15 <nil>
	// whole <nil>
}
