package sim

import (
	"cmp"

	"github.com/tidelock-raft/tidelock/core"
)

// commitChecker: what is committed is on the disks of a quorum, in the configuration that counts
// there (Raft §5.3, §6), a leader commits by counting only entries of its own term (Raft §5.4.2,
// figure 8), and what a host takes for committed is what was committed.
type commitChecker struct {
	Bystander
	s  *shadow
	at map[core.NodeID]core.Index // the commit index on each disk, as far as it was checked
	// led is the term that each host led in at its last step; zero: none.
	led map[core.NodeID]core.Term
}

func newCommitChecker(s *shadow) Observer {
	return &commitChecker{
		s: s, at: map[core.NodeID]core.Index{}, led: map[core.NodeID]core.Term{},
	}
}

// Started implements Observer.
func (c *commitChecker) Started(h *Host) { c.at[h.ID], c.led[h.ID] = 0, 0 }

// Sent implements Observer.
func (c *commitChecker) Sent(h *Host, m *core.Message) {
	if m.Kind == core.MsgAppend || m.Kind == core.MsgReadIndexReply {
		c.learn(h, m.Commit, m.Term)
	}
}

// Stepped implements Observer. A leader may count and step down in one step: what it counted by may
// not be on its disk.
func (c *commitChecker) Stepped(h *Host) {
	now := c.s.seen(h)
	term := now.Term
	if now.Role != "leader" {
		term = 0
	}
	c.learn(h, now.CommitIndex, cmp.Or(term, c.led[h.ID]))
	c.led[h.ID] = term
}

// Wrote implements Observer. Commit index and entries are written together, so what a disk says is
// committed must be.
func (c *commitChecker) Wrote(h *Host, _ []core.Update) {
	d := c.s.disk(h.ID)
	if d.hard.Commit > d.last().Index {
		c.s.w.Fail("commit", "host %d writes commit index %d, its log ends at %v",
			h.ID, d.hard.Commit, d.last())
	}
	for i := max(c.at[h.ID], d.start.Index) + 1; i <= min(d.hard.Commit, d.last().Index); i++ {
		if at := c.s.committed(i); at.Index != 0 && !d.holds(at) {
			c.s.w.Fail("commit", "host %d holds %v for committed, but %v is",
				h.ID, d.entry(i).Position, at)
		}
	}
	c.at[h.ID] = d.hard.Commit
}

// learn takes note that a host holds everything up to i for committed. A term says that it leads.
func (c *commitChecker) learn(h *Host, i core.Index, term core.Term) {
	if i <= c.s.commit {
		return
	}
	at, ok := c.s.quorum(h, i, term)
	switch {
	case !ok:
		c.s.w.Fail("commit", "host %d in term %d commits up to %d, which no quorum of %v holds",
			h.ID, term, i, c.s.configurations(c.s.disk(h.ID), term))
		return
	case term != 0 && at.Term != term:
		c.s.w.Fail("commit", "host %d, leader of term %d, commits %v by counting", h.ID, term, at)
	}
	c.s.fix(at)
}
