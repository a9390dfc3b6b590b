package sim

import (
	"flag"
	"fmt"
	"testing"
)

var until = flag.Int("sim.until", 0, "run seeds from 1 on until one fails, so many at most")

// TestUntilCaught is what core/sim/mutants runs with production code that is broken on purpose. It
// fails as soon as a world does, and passes if none does.
func TestUntilCaught(t *testing.T) {
	for n := 1; n <= *until; n++ {
		fmt.Println("run", n) // before it, for one that panics
		if o := Run(Draw(uint64(n), Options{})); o.Failed() {
			t.Fatalf("caught by %s after %d seeds: %v", o.Rule(), n, o.Err)
		}
	}
}
