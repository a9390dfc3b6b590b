package sim

import (
	"bytes"

	"github.com/tidelock-raft/tidelock/core"
)

// appliedChecker: no two hosts apply different entries at one index, nor come to different results
// (Raft §5.4.3, State Machine Safety), and none leaves a command out. It keeps what was applied
// for the checkers that compare it with what clients were told.
type appliedChecker struct {
	Bystander
	s    *shadow
	all  []application              // by index
	last map[core.NodeID]core.Index // of a command that a host has applied; zero: not known
}

// application is a command and what it came to.
type application struct {
	entry  core.Entry // zero: not seen, or no command
	result core.Result
}

func newAppliedChecker(s *shadow) *appliedChecker {
	return &appliedChecker{s: s, last: map[core.NodeID]core.Index{}}
}

// Started implements Observer.
func (c *appliedChecker) Started(h *Host) { c.last[h.ID] = c.s.disk(h.ID).snapshot.Index }

// Restored implements Observer.
func (c *appliedChecker) Restored(h *Host) { delete(c.last, h.ID) }

// Applied implements Observer.
func (c *appliedChecker) Applied(h *Host, entries []core.Entry, results []core.Result) {
	for i := range entries {
		c.order(h, &entries[i])
		c.apply(h, &entries[i], &results[i])
		c.last[h.ID] = entries[i].Index
	}
}

// order checks that a host goes from one command to the next.
func (c *appliedChecker) order(h *Host, e *core.Entry) {
	last, ok := c.last[h.ID]
	if ok && e.Index <= last {
		c.s.w.Fail("state machine safety", "host %d applies %v after index %d", h.ID, e.Position, last)
	}
	d := c.s.disk(h.ID)
	for i := last + 1; ok && i < e.Index; i++ {
		if left := d.entry(i); left != nil && left.Kind == core.EntryCommand {
			c.s.w.Fail("state machine safety", "host %d applies %v and leaves out %v",
				h.ID, e.Position, left.Position)
		}
	}
}

func (c *appliedChecker) apply(h *Host, e *core.Entry, r *core.Result) {
	for core.Index(len(c.all)) <= e.Index {
		c.all = append(c.all, application{})
	}
	was := &c.all[e.Index]
	switch {
	case was.entry.Index == 0:
		*was = application{*e, *r}
	case was.entry.Position != e.Position, was.entry.Time != e.Time,
		!bytes.Equal(was.entry.Data, e.Data):
		c.s.w.Fail("state machine safety", "host %d applies %v %x, elsewhere %v %x was applied",
			h.ID, e.Position, e.Data, was.entry.Position, was.entry.Data)
	case !sameResult(&was.result, r):
		c.s.w.Fail("state machine safety", "%v comes to %x %v at host %d, elsewhere to %x %v",
			e.Position, r.Value, r.Failure, h.ID, was.result.Value, was.result.Failure)
	}
}

// at returns what was applied at an index, nil if nothing was.
func (c *appliedChecker) at(i core.Index) *application {
	if i >= core.Index(len(c.all)) || c.all[i].entry.Index == 0 {
		return nil
	}
	return &c.all[i]
}

func sameResult(a, b *core.Result) bool {
	if a.Failure != nil && b.Failure != nil {
		return *a.Failure == *b.Failure
	}
	return a.Failure == nil && b.Failure == nil && bytes.Equal(a.Value, b.Value)
}
