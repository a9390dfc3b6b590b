package raftscript

import (
	"fmt"
	"slices"

	"github.com/tidelock-raft/tidelock/core"
)

// Disk is the plainest possible store for one group. It implements raft.Log.
type Disk struct {
	hard     core.HardState
	start    core.Position
	entries  []core.Entry
	snapshot core.SnapshotMeta
}

// NewDisk returns the disk of a group's very beginning.
func NewDisk(members core.Membership) *Disk {
	return &Disk{snapshot: core.SnapshotMeta{Membership: members}}
}

// Clone returns a copy that goes its own way.
func (d *Disk) Clone() *Disk {
	c := *d
	c.entries = slices.Clone(d.entries)
	return &c
}

// State returns what core.Store.State would.
func (d *Disk) State() core.State {
	return core.State{Hard: d.hard, Start: d.start, Last: d.last(), Snapshot: d.snapshot}
}

func (d *Disk) last() core.Position {
	if n := len(d.entries); n > 0 {
		return d.entries[n-1].Position
	}
	return d.start
}

// Entries returns what core.Store.Entries would.
func (d *Disk) Entries(
	dst []core.Entry, lo, hi core.Index, maxBytes int,
) ([]core.Entry, error) {
	switch {
	case lo <= d.start.Index:
		return dst, core.ErrCompacted
	case hi > d.last().Index+1 || lo >= hi:
		return dst, core.ErrUnavailable
	}
	bytes := 0
	for i := lo; i < hi; i++ {
		e := d.entries[i-d.start.Index-1]
		if bytes += e.Size(); bytes > maxBytes && i > lo {
			break
		}
		dst = append(dst, e)
	}
	return dst, nil
}

// Term returns what core.Store.Term would.
func (d *Disk) Term(i core.Index) (core.Term, error) {
	switch {
	case i < d.start.Index:
		return 0, core.ErrCompacted
	case i > d.last().Index:
		return 0, core.ErrUnavailable
	case i == d.start.Index:
		return d.start.Term, nil
	}
	return d.entries[i-d.start.Index-1].Term, nil
}

// holds reports whether the log has this position, or has had it compacted away.
func (d *Disk) holds(p core.Position) bool {
	term, err := d.Term(p.Index)
	return p.Index < d.start.Index || err == nil && term == p.Term
}

// Write takes an update as core.Store.Write does. An error wraps core.ErrInvalidUpdate: no correct
// replica asks for such a thing.
func (d *Disk) Write(u core.Update) error {
	if u.Install != nil {
		d.start, d.entries, d.snapshot = u.Install.Position, nil, *u.Install
	}
	if err := d.setHard(u.Hard); err != nil {
		return err
	}
	if len(u.Entries) > 0 {
		first := u.Entries[0].Index
		if first <= d.start.Index || first > d.last().Index+1 {
			return fmt.Errorf("%w: entries from %d, log from %v to %v",
				core.ErrInvalidUpdate, first, d.start, d.last())
		}
		d.entries = append(d.entries[:first-d.start.Index-1:first-d.start.Index-1], u.Entries...)
	}
	if u.Snapshot != nil {
		if u.Snapshot.Index <= d.snapshot.Index || !d.holds(u.Snapshot.Position) {
			return fmt.Errorf("%w: snapshot at %v after %v",
				core.ErrInvalidUpdate, u.Snapshot.Position, d.snapshot.Position)
		}
		d.snapshot = *u.Snapshot
	}
	if u.Compact > d.start.Index {
		term, err := d.Term(u.Compact)
		if err != nil || u.Compact > d.snapshot.Index {
			return fmt.Errorf("%w: compact to %d, snapshot at %d (%v)",
				core.ErrInvalidUpdate, u.Compact, d.snapshot.Index, err)
		}
		d.entries = slices.Clone(d.entries[u.Compact-d.start.Index:])
		d.start = core.Position{Term: term, Index: u.Compact}
	}
	if d.hard.Commit > d.last().Index {
		return fmt.Errorf("%w: commit %d, last %v", core.ErrInvalidUpdate, d.hard.Commit, d.last())
	}
	return nil
}

// setHard takes a hard state, which never goes back.
func (d *Disk) setHard(h core.HardState) error {
	old := d.hard
	switch {
	case h.Term == 0:
		return nil
	case h.Term < old.Term, h.Commit < old.Commit,
		h.Term == old.Term && old.Vote != 0 && h.Vote != old.Vote:
		return fmt.Errorf("%w: hard state %v after %v", core.ErrInvalidUpdate, h, old)
	}
	d.hard = h
	return nil
}
