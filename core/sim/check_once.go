package sim

import (
	"bytes"

	"github.com/tidelock-raft/tidelock/scripting"
)

// onceChecker: a command that was acknowledged was applied once, one that was refused never, and
// one of unknown outcome once at most; nothing was applied that nobody asked for. Commands are
// told apart by their bytes: of those that are alike the numbers have to fit.
type onceChecker struct {
	Bystander
	applied *appliedChecker
}

func newOnceChecker(a *appliedChecker) Observer { return &onceChecker{applied: a} }

// count is of commands that are alike.
type count struct {
	op                    *Operation // one of them
	acked, maybe, applied int
}

// Checkpoint implements Observer.
func (c *onceChecker) Checkpoint() {
	w := c.applied.s.w
	counts, order := map[string]*count{}, []*count{}
	for _, op := range w.History {
		if op.Query || op.Open {
			continue
		}
		n := counts[string(op.Data)]
		if n == nil {
			n = &count{op: op}
			counts[string(op.Data)], order = n, append(order, n)
		}
		switch {
		case op.Fate == Acked:
			n.acked++
		case op.maybe():
			n.maybe++
		}
	}
	for i := range c.applied.all {
		a := &c.applied.all[i]
		if n := counts[string(a.entry.Data)]; n != nil {
			n.applied++
		} else if a.entry.Index != 0 && !reserved(a.entry.Data) {
			w.Fail("exactly once", "%x was applied at index %d, and nobody asked for it",
				a.entry.Data, a.entry.Index)
		}
	}
	for _, n := range order {
		if n.applied < n.acked || n.applied > n.acked+n.maybe {
			w.Fail("exactly once", "%s %v was applied %d times: %d acknowledged, %d of unknown outcome",
				n.op.Name, n.op.Args, n.applied, n.acked, n.maybe)
		}
	}
}

// reserved reports whether a command is the machine's own, such as the installing of a script.
func reserved(data []byte) bool {
	return bytes.IndexByte(data[:min(len(data), 11)], '@') >= 0 || bytes.Equal(data, scripting.Fire())
}
