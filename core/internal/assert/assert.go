// Package assert stops the program when it has broken one of its own rules.
//
// It is for invariants: things that no input, disk or network can bring about unless our code is
// wrong. Whatever can come from outside is an error, never an assertion.
package assert

import "fmt"

// That panics with the formatted message unless ok holds. Where the call is hot, guard it with an
// if of its own, so that the arguments are not evaluated for nothing.
func That(ok bool, format string, args ...any) {
	if !ok {
		panic("broken invariant: " + fmt.Sprintf(format, args...))
	}
}
