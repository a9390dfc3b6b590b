package sim

import (
	"bytes"

	"github.com/tidelock-raft/tidelock/core"
)

// matchingChecker: if two logs hold an entry of the same index and term, they are the same entry,
// and the logs are equal up to it (Raft §5.3, Log Matching). By induction it is enough that equal
// positions have equal entries and stand behind equal terms. What disks hold, the shadow notes;
// here are the entries in messages.
type matchingChecker struct {
	Bystander
	s *shadow
}

func newMatchingChecker(s *shadow) Observer { return &matchingChecker{s: s} }

// Sent implements Observer.
func (c *matchingChecker) Sent(h *Host, m *core.Message) {
	if m.Kind != core.MsgAppend || m.Group != core.DefaultGroup {
		return
	}
	before := m.Log
	for i := range m.Entries {
		e := &m.Entries[i]
		if e.Index != before.Index+1 || e.Term < before.Term || e.Term > m.Term {
			c.s.w.Fail("log matching", "host %d sends %v after %v in term %d",
				h.ID, e.Position, before, m.Term)
		}
		c.s.note(h, before.Term, e)
		before = e.Position
	}
}

// note enters an entry that a host has, behind one of term before.
func (s *shadow) note(h *Host, before core.Term, e *core.Entry) {
	was := s.book.enter(before, e, s.w.now)
	switch {
	case was == nil:
	case was.before != before:
		s.w.Fail("log matching", "%v stands behind term %d, at host %d behind term %d",
			e.Position, was.before, h.ID, before)
	case was.entry.Kind != e.Kind, was.entry.Time != e.Time,
		!bytes.Equal(was.entry.Data, e.Data):
		s.w.Fail("log matching", "%v is %v %x, at host %d it is %v %x",
			e.Position, was.entry.Kind, was.entry.Data, h.ID, e.Kind, e.Data)
	}
}
