package sim

import (
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
)

// durabilityChecker: what a store has promised to keep is there after every kill and power cut:
// hard state, entries and snapshot are those of the last Write, or of the one that was under way,
// in whole updates (core.Store.Write).
type durabilityChecker struct {
	Bystander
	s *shadow
}

func newDurabilityChecker(s *shadow) Observer { return &durabilityChecker{s: s} }

// Started implements Observer.
func (c *durabilityChecker) Started(h *Host) {
	found, err := c.s.read(h)
	want := c.s.disk(h.ID)
	if err != nil {
		c.s.w.Fail("durability", "host %d: %v", h.ID, err)
		return
	}
	if found == nil || h.suspect || same(found, want) {
		return
	}
	next := want.copy()
	for i := range want.writing {
		if next.write(&want.writing[i]); same(found, next) {
			return
		}
	}
	c.s.w.Fail("durability", "host %d kept %v; written was %v", h.ID, found, want)
}

// String says what is on the disk.
func (d *disk) String() string {
	return fmt.Sprintf("%v, log from %v to %v, snapshot %v", d.hard, d.start, d.last(),
		d.snapshot.Position)
}

// same reports whether two disks hold the same.
func same(a, b *disk) bool {
	if a.hard != b.hard || a.start != b.start || len(a.entries) != len(b.entries) ||
		a.snapshot.Position != b.snapshot.Position {
		return false
	}
	for i := range a.entries {
		if a.entries[i].Position != b.entries[i].Position {
			return false
		}
	}
	return true
}

// acknowledgedChecker: a command that a client was told of is committed, is on the disks of a
// quorum, and stays there whatever crashes: at every checkpoint its entry, or a snapshot after it,
// is found at a quorum, in what the disks really kept.
type acknowledgedChecker struct {
	Bystander
	s     *shadow
	index core.Index // the greatest that was acknowledged
	at    core.Position
}

func newAcknowledgedChecker(s *shadow) Observer { return &acknowledgedChecker{s: s} }

// Ended implements Observer.
func (c *acknowledgedChecker) Ended(op *Operation) {
	if op.Query || op.Fate != Acked || op.Reply.Index <= c.index {
		return
	}
	c.index = op.Reply.Index
	if c.at = c.s.committed(c.index); c.index > c.s.commit {
		c.s.w.Fail("acknowledged", "%s %v is acknowledged at %d; committed is %d",
			op.Name, op.Args, c.index, c.s.commit)
	}
}

// Checkpoint implements Observer.
func (c *acknowledgedChecker) Checkpoint() {
	if c.at.Index == 0 {
		return
	}
	if !c.s.held(c.at, c.s.newest) {
		c.s.w.Fail("acknowledged", "%v was acknowledged, and no quorum holds it", c.at)
	}
}
