package sim

import (
	"sort"

	"github.com/tidelock-raft/tidelock/core"
)

// orderChecker: the log respects real time (Herlihy and Wing, linearizability): an operation that
// is called after another was answered stands behind it. A command has a greater index than every
// answer before its call, and a linearizable query sees no less than them, nor does one under a
// lease as long as clocks keep to their bound.
type orderChecker struct {
	Bystander
	w        *World
	answered []answered // ascending in both
}

// linearizable reports whether a query has to be, as far as its level and the clocks are concerned.
func (w *World) linearizable(op *Operation) bool {
	return op.Level == core.Linearizable ||
		op.Level == core.Lease && (w.broken == 0 || op.Return < w.broken)
}

// answered says that from an instant on a client knew of an index.
type answered struct {
	at    core.Instant
	index core.Index
}

func newOrderChecker(w *World) Observer { return &orderChecker{w: w} }

// Ended implements Observer.
func (c *orderChecker) Ended(op *Operation) {
	if op.Fate != Acked || op.Query && !c.w.linearizable(op) {
		return
	}
	index := op.Reply.Index
	floor := floor(c.answered, op.Call)
	if index < floor || !op.Query && index == floor {
		c.w.Fail("real time", "%s %v, called at %d, is at index %d; %d had been answered by then",
			op.Name, op.Args, op.Call, index, floor)
	}
	c.answered = rise(c.answered, op.Return, index)
}

// rise notes an index that was answered at an instant, which is not before the last.
func rise(list []answered, at core.Instant, i core.Index) []answered {
	if n := len(list); n > 0 && list[n-1].index >= i {
		return list
	}
	return append(list, answered{at, i})
}

// floor returns the greatest index that was answered before an instant.
func floor(list []answered, at core.Instant) core.Index {
	n := sort.Search(len(list), func(i int) bool { return list[i].at >= at })
	if n == 0 {
		return 0
	}
	return list[n-1].index
}
