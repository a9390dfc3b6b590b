package memory_test

import (
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/memory"
)

func Example() {
	store := memory.New()
	err := store.Write([]core.Update{{Group: 7, Hard: core.HardState{Term: 1}}})
	fmt.Println(err)
	// Output: core: update does not fit the log: update 0, group 7: core: no such group
}
