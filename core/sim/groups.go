package sim

import (
	"fmt"
	"slices"
	"strings"
)

// groups are what faults concern. Each goes from its first kind to the first of the next.
var groups = []struct {
	name  string
	first FaultKind
}{
	{"network", FaultDelay}, {"process", FaultKill}, {"clock", FaultDrift}, {"disk", FaultReadError},
	{"membership", FaultJoin},
}

// Groups names what faults concern.
func Groups() []string {
	var names []string
	for _, g := range groups {
		names = append(names, g.name)
	}
	return names
}

// Group names what the kind concerns.
func (k FaultKind) Group() string {
	name := ""
	for _, g := range groups {
		if k >= g.first {
			name = g.name
		}
	}
	return name
}

// FaultKinds returns the kinds that a name stands for: those of a group, or a single one, whose
// blanks may be hyphens.
func FaultKinds(name string) ([]FaultKind, error) {
	var kinds []FaultKind
	for k := FaultKind(1); k < faultKinds; k++ {
		if k.Group() == name || strings.ReplaceAll(k.String(), " ", "-") ==
			strings.ReplaceAll(name, " ", "-") {
			kinds = append(kinds, k)
		}
	}
	if len(kinds) == 0 {
		return nil, fmt.Errorf("there are no faults called %q; there are %s, and single kinds such "+
			"as power-cut", name, strings.Join(Groups(), ", "))
	}
	return kinds, nil
}

// Of returns the faults of these kinds. They are as they would be among the others.
func (s Schedule) Of(kinds []FaultKind) Schedule {
	only := Schedule{}
	for _, f := range s {
		if slices.Contains(kinds, f.Kind) {
			only = append(only, f)
		}
	}
	return only
}
