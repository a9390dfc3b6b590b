package node

import (
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
)

// Frozen is a state of a group's machine, sessions included, and where in the log it stands.
type Frozen struct {
	Meta     core.SnapshotMeta // without size and checksum
	Snapshot core.Snapshot     // to be released
	Err      error
}

// Freeze returns the state of a group's machine as it is between two entries. It waits for nothing
// but the entries that are being applied; what is then done with the state stops nobody.
//
// Errors: core.ErrNoGroup, core.ErrQuarantined, core.ErrClosed, and the machine's own.
func (n *Node) Freeze(g core.GroupID) (core.SnapshotMeta, core.Snapshot, error) {
	answer := make(chan Frozen, 1)
	if !n.mailbox.post(func() { n.handler.Freeze(g, func(f Frozen) { answer <- f }) }) {
		return core.SnapshotMeta{}, nil, core.ErrClosed
	}
	n.attend()
	var f Frozen
	select {
	case f = <-answer:
	case <-n.ended:
		select {
		case f = <-answer: // the last that was done
		default:
			f.Err = core.ErrClosed
		}
	}
	return f.Meta, f.Snapshot, f.Err
}

// Freeze is Node.Freeze for the goroutine of the handler: done is called once, by it, unless the
// handler is stopped before.
func (h *Handler) Freeze(g core.GroupID, done func(Frozen)) {
	err := h.engine.Sound(g)
	if h.err != nil {
		err = core.ErrClosed
	}
	if err != nil {
		done(Frozen{Err: err})
		return
	}
	m := h.machine(g)
	m.freezing++
	thaw := func(f Frozen) { m.freezing--; done(f) }
	h.lanes.Go(Lane{Kind: LaneApply, Group: g}, func() func() {
		if m.failed { // in the middle of something
			return func() { thaw(Frozen{Err: core.ErrClosed}) }
		}
		snapshot, err := m.sm.Snapshot()
		f := Frozen{core.SnapshotMeta{Position: m.at, Time: m.time}, snapshot, err}
		if err != nil {
			f.Err = fmt.Errorf("freeze group %d at %v: %w", g, m.at, err)
		}
		return func() {
			f.Meta.Membership = h.engine.MembershipAt(g, f.Meta.Index)
			thaw(f)
		}
	})
}
