package sim

import "github.com/tidelock-raft/tidelock/core"

// leadersChecker: a term has at most one leader (Raft §5.2, Election Safety). Who calls itself
// leader is one, and so is who sends what only leaders send.
type leadersChecker struct {
	Bystander
	s   *shadow
	led map[core.Term]core.NodeID
}

func newLeadersChecker(s *shadow) Observer {
	return &leadersChecker{s: s, led: map[core.Term]core.NodeID{}}
}

// Stepped implements Observer.
func (c *leadersChecker) Stepped(h *Host) {
	if st := c.s.seen(h); st.Role == "leader" {
		c.leads(h, st.Term)
	}
}

// Sent implements Observer.
func (c *leadersChecker) Sent(h *Host, m *core.Message) {
	if m.Kind == core.MsgAppend || m.Kind == core.MsgTimeoutNow {
		c.leads(h, m.Term)
	}
}

func (c *leadersChecker) leads(h *Host, term core.Term) {
	if other, ok := c.led[term]; ok && other != h.ID {
		c.s.w.Fail("one leader", "term %d is led by host %d and by host %d", term, other, h.ID)
	}
	c.led[term] = h.ID
}
