package sim

import "github.com/tidelock-raft/tidelock/core"

// progressChecker: while a node runs, its term and commit index never fall, nor does its applied
// index but for a restoring (Raft figure 2), and it starts with no less than its disk has.
type progressChecker struct {
	Bystander
	s   *shadow
	was map[core.NodeID]core.GroupStatus // as of the last step of this incarnation
}

func newProgressChecker(s *shadow) Observer {
	return &progressChecker{s: s, was: map[core.NodeID]core.GroupStatus{}}
}

// Started implements Observer.
func (c *progressChecker) Started(h *Host) {
	d := c.s.disk(h.ID)
	c.was[h.ID] = core.GroupStatus{Term: d.hard.Term, CommitIndex: d.hard.Commit}
}

// Stepped implements Observer.
func (c *progressChecker) Stepped(h *Host) {
	was, now := c.was[h.ID], *c.s.seen(h)
	switch {
	case now.Term < was.Term, now.CommitIndex < was.CommitIndex,
		now.AppliedIndex < was.AppliedIndex && now.SnapshotIndex <= was.SnapshotIndex:
		c.s.w.Fail("progress", "host %d: term %d, commit %d, applied %d after %d, %d, %d", h.ID,
			now.Term, now.CommitIndex, now.AppliedIndex, was.Term, was.CommitIndex, was.AppliedIndex)
	case now.AppliedIndex > now.CommitIndex, now.CommitIndex > now.LastIndex:
		c.s.w.Fail("progress", "host %d: applied %d, commit %d, last %d",
			h.ID, now.AppliedIndex, now.CommitIndex, now.LastIndex)
	}
	c.was[h.ID] = now
}
