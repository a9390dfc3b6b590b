package sim

import "github.com/tidelock-raft/tidelock/core"

// aheadChecker: a machine is never ahead of what is committed, nor of its own host's disk (the
// etcd v3.5 postmortem: an applied index that outlived the entries that it spoke of).
type aheadChecker struct {
	Bystander
	s *shadow
}

func newAheadChecker(s *shadow) Observer { return &aheadChecker{s: s} }

// Applied implements Observer.
func (c *aheadChecker) Applied(h *Host, entries []core.Entry, _ []core.Result) {
	d := c.s.disk(h.ID)
	for i := range entries {
		at := entries[i].Position
		fixed := c.s.committed(at.Index)
		if at.Index > c.s.commit || fixed.Index != 0 && fixed != at {
			c.s.w.Fail("applied is committed", "host %d applies %v; committed is %v, up to %d",
				h.ID, at, fixed, c.s.commit)
		}
		if !d.holds(at) {
			c.s.w.Fail("applied is committed", "host %d applies %v; its disk ends at %v",
				h.ID, at, d.last())
		}
	}
}
