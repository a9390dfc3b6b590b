package raft_test

import (
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/raft"
	"github.com/tidelock-raft/tidelock/core/raftscript"
)

// The owner of a replica feeds it and carries out what it takes: here a cluster of one.
func Example() {
	disk := raftscript.NewDisk(core.Membership{
		Members: []core.Member{{ID: 1, Role: core.Voter}},
	})
	r, err := raft.New(raft.Config{ID: 1, Group: 1}, disk.State(), disk)
	if err != nil {
		fmt.Println(err)
		return
	}
	var out raft.Output
	run := func() {
		for r.Take(&out) {
			if out.HasWrite {
				if err := disk.Write(out.Write); err != nil {
					fmt.Println(err)
				}
				r.Wrote(out.Seq)
			}
			for _, e := range out.Apply {
				fmt.Printf("apply %v %v %q\n", e.Position, e.Kind, e.Data)
				r.Applied(e.Index)
			}
		}
	}
	r.Campaign()
	run()
	if err := r.Propose([]core.Entry{{Kind: core.EntryCommand, Data: []byte("x=1")}}); err != nil {
		fmt.Println(err)
	}
	run()
	// Output:
	// apply t1/i1 noop ""
	// apply t1/i2 command "x=1"
}
