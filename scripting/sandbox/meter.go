package sandbox

import (
	"fmt"
	"strings"
	"time"
)

// What one call may use. These are part of Version: a node with other limits would disagree about
// which commands fail.
const (
	MaxSteps  = 5_000_000 // instructions, and as many more as library functions charge
	MaxMemory = 64 << 20  // bytes allocated in all, freed ones included
	maxString = 1 << 20   // bytes of one string
)

// meter counts what a call uses. It is the context.Context of the LState, whose Done the VM asks
// for before every instruction. When a limit is passed the meter stays closed until the next call:
// a script that catches the error runs into it again at once.
type meter struct {
	vm     *VM
	steps  int64
	memory int64
	spent  string // why no more runs; empty: more may run
	begun  bool   // the first instruction of the call has been asked for
}

var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

func (m *meter) reset() { m.steps, m.memory, m.spent, m.begun = MaxSteps, MaxMemory, "", false }

// Done is called before every instruction. Before the first one it sees to it that errors build no
// traceback, which nobody reads and whose length is the number of tail calls so far.
func (m *meter) Done() <-chan struct{} {
	if !m.begun {
		m.begun, m.vm.L.Panic = true, raise
	}
	if m.steps--; m.steps < 0 {
		m.spend(fmt.Sprintf("more than %d steps", MaxSteps))
		return closed
	}
	return nil
}

// Err is what the VM raises when Done is closed.
func (m *meter) Err() error { return spentError(m.spent) }

// Deadline says that there is none.
func (m *meter) Deadline() (time.Time, bool) { return time.Time{}, false }

// Value has none.
func (m *meter) Value(any) any { return nil }

type spentError string

// Error says which limit was passed, and where.
func (e spentError) Error() string { return string(e) }

// spend closes the meter for the rest of the call. The first reason and place count.
func (m *meter) spend(why string) {
	if m.spent == "" {
		m.spent = strings.TrimSpace(m.vm.where() + " " + why)
	}
	m.steps = -1
}

// Take accounts for work that takes so many steps, and for so many bytes allocated. It reports
// false when either has run out; the call then fails whatever it does.
func (v *VM) Take(steps, bytes int) bool {
	m := &v.meter
	m.steps -= int64(steps)
	m.memory -= int64(bytes)
	switch {
	case m.steps < 0:
		m.spend(fmt.Sprintf("more than %d steps", MaxSteps))
	case m.memory < 0:
		m.spend(fmt.Sprintf("more than %d MiB of memory", MaxMemory>>20))
	default:
		return true
	}
	return false
}

// Charge is Take for library functions: it raises when something has run out.
func (v *VM) Charge(steps, bytes int) {
	if !v.Take(steps, bytes) {
		v.L.RaiseError("%s", v.meter.spent)
	}
}

// exhaust ends the call for good.
func (v *VM) exhaust(why string) {
	v.meter.spend(why)
	v.L.RaiseError("%s", v.meter.spent)
}

// where names file and line of the script that runs.
func (v *VM) where() string {
	for level := range callDepth {
		if place := v.L.Where(level); place != "[G]:" {
			return place
		}
	}
	return ""
}

// Spent says which limit this call has passed; empty: none.
func (v *VM) Spent() string { return v.meter.spent }
