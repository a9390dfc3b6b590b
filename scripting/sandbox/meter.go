package sandbox

import (
	"fmt"
	"strings"
	"time"
)

// Limits are what one call may use. A Program without its own has the defaults. They decide which
// commands fail, so they must be the same on every node: they belong to the script.
type Limits struct {
	Steps int64 // instructions, and what operations on large values cost besides
	Bytes int64 // allocated in all, freed ones included
}

// The default and the largest Limits. A call of fewer than MinSteps would not even raise an error.
const (
	DefaultSteps = 2_000_000
	DefaultBytes = 64 << 20
	MinSteps     = 1_000
	MinBytes     = 64 << 10
	MaxSteps     = 50_000_000
	MaxBytes     = 512 << 20

	maxString = 1 << 20 // bytes of one string
)

// Defaults are the Limits of a script that sets none, and of every load.
func Defaults() Limits { return Limits{DefaultSteps, DefaultBytes} }

// Validate reports Limits that no script may have.
func (l Limits) Validate() error {
	if l.Steps < MinSteps || l.Steps > MaxSteps {
		return fmt.Errorf("steps must be from %d to %d, got %d", MinSteps, MaxSteps, l.Steps)
	}
	if l.Bytes < MinBytes || l.Bytes > MaxBytes {
		return fmt.Errorf("bytes must be from %d to %d, got %d", MinBytes, MaxBytes, l.Bytes)
	}
	return nil
}

// meter counts what a call uses. It is the context.Context of the LState, whose Done the VM asks
// for before every instruction. When a limit is passed the meter stays closed until the next call:
// a script that catches the error runs into it again at once.
type meter struct {
	vm     *VM
	frame  **frame // of the function that runs
	limits Limits
	steps  int64 // left
	memory int64 // left
	used   Limits
	spent  string // why no more runs; empty: more may run
	begun  bool   // the first instruction of the call has been asked for
}

var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

func (m *meter) reset() {
	m.steps, m.memory, m.spent, m.begun = m.limits.Steps, m.limits.Bytes, "", false
}

// Done is called before every instruction, and takes its price. Before the first one it sees to it
// that errors build no traceback, which nobody reads and whose length is the number of tail calls
// so far.
func (m *meter) Done() <-chan struct{} {
	if !m.begun {
		m.begun, m.vm.L.Panic = true, raise
	}
	m.steps--
	f := *m.frame
	inst := f.Fn.Proto.Code[f.Pc-1]
	if price := prices[inst>>26]; price != nil {
		price(m, f, inst)
	}
	if m.steps|m.memory < 0 && !m.settle() { // one of them is negative
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

// settle reports whether more may run, and closes the meter otherwise.
func (m *meter) settle() bool {
	switch {
	case m.steps < 0:
		m.spend(fmt.Sprintf("more than %d steps", m.limits.Steps))
	case m.memory < 0:
		m.spend("more than " + size(m.limits.Bytes) + " of memory")
	default:
		return true
	}
	return false
}

func size(bytes int64) string {
	if bytes%(1<<20) == 0 {
		return fmt.Sprint(bytes>>20, " MiB")
	}
	return fmt.Sprint(bytes, " bytes")
}

// spend closes the meter for the rest of the call. The first reason and place count.
func (m *meter) spend(why string) {
	if m.spent == "" {
		m.spent = strings.TrimSpace(m.vm.where() + " " + why)
		m.used = m.sum()
	}
	m.steps = -1
}

// sum is what the call has used.
func (m *meter) sum() Limits { return Limits{m.limits.Steps - m.steps, m.limits.Bytes - m.memory} }

// Limit sets what every call from the next on may use. Only Validate says whether it may.
func (v *VM) Limit(l Limits) { v.meter.limits = l }

// Limits are what every call may use.
func (v *VM) Limits() Limits { return v.meter.limits }

// Used is what the last call has used: more than its Limits if it was ended for that.
func (v *VM) Used() Limits {
	if v.meter.spent != "" {
		return v.meter.used
	}
	return v.meter.sum()
}

// Take accounts for work that takes so many steps, and for so many bytes allocated. It reports
// false when either has run out; the call then fails whatever it does.
func (v *VM) Take(steps, bytes int) bool {
	v.meter.pay(steps, bytes)
	return v.meter.settle()
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
