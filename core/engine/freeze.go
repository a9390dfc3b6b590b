package engine

import "github.com/tidelock-raft/tidelock/core"

// Sound reports whether the state of this replica is not known to differ from the majority's.
// Errors: core.ErrNoGroup, core.ErrQuarantined.
func (e *Engine) Sound(id core.GroupID) error {
	g := e.byID[id]
	switch {
	case g == nil:
		return core.ErrNoGroup
	case !g.sound():
		return core.ErrQuarantined
	}
	return nil
}

// MembershipAt returns the membership that was in force at an index of a group, or the oldest that
// is known; the group is one that Open was called for.
func (e *Engine) MembershipAt(id core.GroupID, i core.Index) core.Membership {
	return e.byID[id].raft.MembershipAt(i)
}
