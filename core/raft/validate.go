package raft

import "github.com/tidelock-raft/tidelock/core"

// Bounds on what is believed, far beyond what a cluster can reach and far below where sums wrap.
const (
	maxTerm  core.Term  = 1 << 62
	maxIndex core.Index = 1 << 62
)

// credible reports whether m could come from a correct node. Handlers rely on what it checks.
func (r *Raft) credible(m *core.Message) bool {
	switch {
	case m.Kind == 0 || m.Kind > core.MsgTimeoutNow && m.Kind != core.MsgRemoved,
		m.Group != r.c.Group, m.To != r.c.ID, m.From == 0, m.From == r.c.ID,
		m.Term == 0, m.Term > maxTerm,
		!possible(m.Log, m.Term), !possible(m.Hint, m.Term), m.Commit > maxIndex:
		return false
	}
	switch m.Kind {
	case core.MsgAppend:
		return len(m.Entries) < int(maxIndex) && checkEntries(m.Log, m.Entries, m.Term) == nil
	case core.MsgSnapshot:
		s := m.Snapshot
		return s != nil && s.Index > 0 && possible(s.Position, m.Term) && s.Size >= 0 &&
			s.Membership.Check() == nil
	}
	return true
}

// possible reports whether p can stand in a log of a node in term, or before every log.
func possible(p core.Position, term core.Term) bool {
	return p == core.Position{} ||
		p.Index > 0 && p.Index <= maxIndex && p.Term > 0 && p.Term <= term
}
