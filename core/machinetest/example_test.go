package machinetest_test

import (
	"fmt"

	"github.com/tidelock-raft/tidelock/core/machinetest"
)

// Example checks a machine outside of go test; within, it is machinetest.Run(t, subject).
func Example() {
	for _, c := range machinetest.Checks() {
		if err := subject("Digest").Verify(c); err != nil {
			fmt.Println(c.Name, "is broken")
		}
	}
	// Output:
	// Digest is broken
}
