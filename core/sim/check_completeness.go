package sim

import "github.com/tidelock-raft/tidelock/core"

// completenessChecker: what was committed in a term is in the logs of the leaders of all later
// terms (Raft §5.4, Leader Completeness). A log can be seen as far as it is on the disk, or is
// sent; for the rest its length has to do.
type completenessChecker struct {
	Bystander
	s     *shadow
	terms map[core.Term]core.Index // what was committed when the leader of a term was first seen
}

func newCompletenessChecker(s *shadow) Observer {
	return &completenessChecker{s: s, terms: map[core.Term]core.Index{}}
}

// Stepped implements Observer.
func (c *completenessChecker) Stepped(h *Host) {
	now := c.s.seen(h)
	if now.Role != "leader" || !c.begins(now.Term) {
		return
	}
	if now.LastIndex < c.terms[now.Term] {
		c.s.w.Fail("leader completeness", "host %d leads term %d with a log up to %d; committed is %d",
			h.ID, now.Term, now.LastIndex, c.terms[now.Term])
	}
	c.check(h, now.Term, c.s.disk(h.ID).entries)
}

// begins notes how much a new leader has to have.
func (c *completenessChecker) begins(term core.Term) bool {
	if _, ok := c.terms[term]; ok {
		return false
	}
	c.terms[term] = c.s.commit
	return true
}

// Sent implements Observer.
func (c *completenessChecker) Sent(h *Host, m *core.Message) {
	if m.Kind == core.MsgAppend {
		c.begins(m.Term)
		c.check(h, m.Term, m.Entries)
	}
}

// check compares entries of a leader's log with what was committed before it led.
func (c *completenessChecker) check(h *Host, term core.Term, entries []core.Entry) {
	for i := range entries {
		at := c.s.committed(entries[i].Index)
		if entries[i].Index <= c.terms[term] && at.Index != 0 && at != entries[i].Position {
			c.s.w.Fail("leader completeness", "host %d, leader of term %d, has %v where %v is committed",
				h.ID, term, entries[i].Position, at)
		}
	}
}
