package persisttest_test

import (
	"errors"
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/memory"
	"github.com/tidelock-raft/tidelock/persist/persisttest"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// Checks can be made outside of a test, too.
func ExampleChecks() {
	subject := persisttest.Subject{
		Open:     func(vfs.FS, string) (core.Store, error) { return memory.New(), nil },
		Volatile: true,
	}
	broken := 0
	for _, c := range persisttest.Checks() {
		if err := c.Run(subject); err != nil && !errors.Is(err, persisttest.ErrNotApplicable) {
			fmt.Println(c.Name, err, c.Rule)
			broken++
		}
	}
	fmt.Println(broken, "rules are broken")
	// Output: 0 rules are broken
}
