package sim

import "bytes"

// resultsChecker: what a client is told of its command is what that very command came to, at the
// index that the reply names (a reply to the wrong caller, or of another entry, is caught here).
type resultsChecker struct {
	Bystander
	applied *appliedChecker
}

func newResultsChecker(a *appliedChecker) Observer { return &resultsChecker{applied: a} }

// Ended implements Observer.
func (c *resultsChecker) Ended(op *Operation) {
	if op.Query || op.Open || op.Fate != Acked {
		return
	}
	w, a := c.applied.s.w, c.applied.at(op.Reply.Index)
	for i := op.Reply.Index; op.tries > 0 && i > 0 && !answers(a, op); i-- {
		a = c.applied.at(i) // it was carried out before, and answered by the table of sessions
	}
	switch {
	case a == nil:
		w.Fail("results", "%s %v is answered of index %d, where nothing was applied",
			op.Name, op.Args, op.Reply.Index)
	case !of(a, op):
		w.Fail("results", "%s %v is answered of index %d, where %x was applied",
			op.Name, op.Args, op.Reply.Index, a.entry.Data)
	case !sameResult(&a.result, &op.Reply.Result):
		w.Fail("results", "%s %v came to %x %v at index %d, its client was told %x %v", op.Name, op.Args,
			a.result.Value, a.result.Failure, op.Reply.Index, op.Reply.Result.Value,
			op.Reply.Result.Failure)
	}
}

// answers reports whether what a came to is what the operation's client was told.
func answers(a *application, op *Operation) bool {
	return of(a, op) && sameResult(&a.result, &op.Reply.Result)
}

// of reports whether a is the operation's command.
func of(a *application, op *Operation) bool {
	return a != nil && bytes.Equal(a.entry.Data, op.Data)
}
