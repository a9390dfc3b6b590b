package sim

import "github.com/tidelock-raft/tidelock/core"

// messagesChecker: no message leaves that rests on what is not durable yet (Raft figure 2: respond
// after updating stable storage). A term is durable before it is spoken of, a candidacy before
// votes are asked for (jraft#1245), a vote before it is granted (jraft#1243), and entries before
// they are acknowledged (etcd#14370). Pre-votes promise nothing.
type messagesChecker struct {
	Bystander
	s *shadow
}

func newMessagesChecker(s *shadow) Observer { return &messagesChecker{s: s} }

// Sent implements Observer.
func (c *messagesChecker) Sent(h *Host, m *core.Message) {
	d := c.s.disk(h.ID)
	switch m.Kind {
	case core.MsgVote, core.MsgVoteReply, core.MsgAppend, core.MsgAppendReply, core.MsgReadIndex,
		core.MsgReadIndexReply, core.MsgTimeoutNow:
		if d.hard.Term < m.Term {
			c.fail(h, m, "its durable term is %d", d.hard.Term)
		}
	}
	switch {
	case m.Kind == core.MsgVote && !voted(d, m.Term, h.ID),
		m.Kind == core.MsgVoteReply && !m.Reject && !voted(d, m.Term, m.To):
		c.fail(h, m, "its durable vote is for %d", d.voted[m.Term])
	case m.Kind == core.MsgAppendReply && !m.Reject && m.Log.Index > 0 && !c.held(h, d, m):
		c.fail(h, m, "its disk ends at %v", d.last())
	}
}

// voted reports whether a disk keeps its host from giving its vote of a term to another: it knows
// of the vote, or is in a later term already and will never vote in that one again.
func voted(d *disk, term core.Term, id core.NodeID) bool {
	return d.voted[term] == id || d.voted[term] == 0 && d.hard.Term > term
}

// held reports whether a host holds what it acknowledges. One that has gone on to another term
// meanwhile need only have held it: who leads there knows better.
func (c *messagesChecker) held(h *Host, d *disk, m *core.Message) bool {
	if d.holds(m.Log) {
		return true
	}
	k := c.s.book.at(m.Log)
	return d.hard.Term > m.Term && k != nil && k.holders>>h.ID&1 == 1
}

func (c *messagesChecker) fail(h *Host, m *core.Message, format string, args ...any) {
	args = append([]any{h.ID, *m}, args...)
	c.s.w.Fail("durable messages", "host %d sends %v, but "+format, args...)
}
