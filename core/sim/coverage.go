package sim

import (
	"fmt"
	"strings"
)

// Coverage counts what a run has reached, so that nobody believes in a test that tests nothing.
type Coverage struct {
	Faults [faultKinds]uint64 // that had an effect, by FaultKind
	States [states]uint64     // that are rare, by State
}

// Add adds what another run has reached.
func (c *Coverage) Add(o *Coverage) {
	for i, n := range o.Faults {
		c.Faults[i] += n
	}
	for i, n := range o.States {
		c.States[i] += n
	}
}

// Missing names what was never reached.
func (c *Coverage) Missing() []string {
	var names []string
	for k := FaultKind(1); k < faultKinds; k++ {
		if c.Faults[k] == 0 {
			names = append(names, k.String())
		}
	}
	for s := range State(states) {
		if c.States[s] == 0 {
			names = append(names, s.String())
		}
	}
	return names
}

// String prints a table: faults, then states, each with its count.
func (c *Coverage) String() string {
	var b strings.Builder
	for k := FaultKind(1); k < faultKinds; k++ {
		fmt.Fprintf(&b, "%10d  %v\n", c.Faults[k], k)
	}
	for s := range State(states) {
		fmt.Fprintf(&b, "%10d  %v\n", c.States[s], s)
	}
	return b.String()
}
