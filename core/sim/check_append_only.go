package sim

import "github.com/tidelock-raft/tidelock/core"

// appendOnlyChecker: a leader neither overwrites nor deletes entries of its log, it only appends
// (Raft §5.3, Leader Append-Only).
type appendOnlyChecker struct {
	Bystander
	s    *shadow
	term map[core.NodeID]core.Term  // that a host has led, the newest
	last map[core.NodeID]core.Index // of its log then
}

func newAppendOnlyChecker(s *shadow) Observer {
	return &appendOnlyChecker{
		s: s, term: map[core.NodeID]core.Term{}, last: map[core.NodeID]core.Index{},
	}
}

// Stepped implements Observer.
func (c *appendOnlyChecker) Stepped(h *Host) {
	now := c.s.seen(h)
	if now.Role != "leader" {
		return
	}
	if c.term[h.ID] == now.Term && now.LastIndex < c.last[h.ID] {
		c.s.w.Fail("leader append-only", "host %d leads term %d with a log up to %d, after %d",
			h.ID, now.Term, now.LastIndex, c.last[h.ID])
	}
	c.term[h.ID], c.last[h.ID] = now.Term, now.LastIndex
}

// Writing implements Observer.
func (c *appendOnlyChecker) Writing(h *Host, batch []core.Update) {
	d := c.s.disk(h.ID)
	last := d.last().Index
	for i := range batch {
		u := &batch[i]
		cuts := u.Install != nil || len(u.Entries) > 0 && u.Entries[0].Index <= last
		if term := c.term[h.ID]; cuts && term != 0 && u.Hard.Term == term {
			c.s.w.Fail("leader append-only", "host %d, leader of term %d, replaces its log up to %d",
				h.ID, term, last)
		}
		if n := len(u.Entries); n > 0 {
			last = u.Entries[n-1].Index
		}
	}
}
