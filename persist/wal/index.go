package wal

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/internal/change"
)

// index is what the records of the log come to: the state of each group, and where its entries are.
// Recovery and Write fill it in one and the same way, by applying records.
type index struct {
	groups   map[core.GroupID]*group
	segments []*segment // numbers ascend by one; the last is being written
}

// group holds the entries Start.Index+1 … Last.Index.
type group struct {
	core.State
	table table
}

func (x *index) segment(number uint32) *segment {
	if n := uint64(number) - x.segments[0].number; n < uint64(len(x.segments)) {
		return x.segments[n]
	}
	return nil
}

// released notes that a record is alive no longer.
func (x *index) released(s slot) {
	if seg := x.segment(s.segment); seg != nil {
		seg.live -= int64(s.length)
	}
}

func (x *index) put(g *group, i core.Index, s slot) {
	if old := g.table.at(i); old.length > 0 {
		x.released(old)
	}
	g.table.put(i, s)
	x.segment(s.segment).live += int64(s.length)
}

var errRecord = errors.New("record does not fit the log")

// apply does what a record at off in the segment says.
func (x *index) apply(s *segment, off int64, r *record) error {
	if err := r.check(); err != nil {
		return err
	}
	g := x.groups[r.group]
	if g == nil && r.kind != recordInstall {
		return fmt.Errorf("%w: %v of unknown group %d", errRecord, r.kind, r.group)
	}
	r.place.segment, r.place.offset = uint32(s.number), uint32(off)
	switch r.kind {
	case recordEntry:
		return x.applyEntry(g, r)
	case recordMoved:
		return x.applyMoved(g, r)
	case recordHard:
		g.Hard = r.hard()
	case recordInstall:
		return x.applyInstall(g, r)
	case recordSnapshot:
		return g.applySnapshot(r)
	case recordCompact:
		return x.applyCompact(g, r)
	case recordRemove:
		g.table.forget(0, g.Last.Index+1, x.released)
		delete(x.groups, r.group)
	case recordGroup:
		return fmt.Errorf("%w: %v outside of a checkpoint", errRecord, r.kind)
	}
	return nil
}

func (x *index) applyEntry(g *group, r *record) error {
	e := r.entry()
	if e.Index <= g.Start.Index || e.Index > g.Last.Index+1 {
		return fmt.Errorf("%w: entry %d of group %d, which holds %v to %v",
			errRecord, e.Index, r.group, g.Start, g.Last)
	}
	if e.Index <= g.Last.Index {
		g.table.forget(e.Index, g.Last.Index+1, x.released)
		g.table.trim(0, e.Index)
	}
	r.place.term = e.Term
	x.put(g, e.Index, r.place)
	g.Last = e.Position
	return nil
}

func (x *index) applyMoved(g *group, r *record) error {
	e := r.entry()
	old := g.table.at(e.Index)
	if e.Index <= g.Start.Index || e.Index > g.Last.Index || old.length > 0 && old.term != e.Term {
		return fmt.Errorf("%w: moved entry %v of group %d, which holds %v to %v",
			errRecord, e.Position, r.group, g.Start, g.Last)
	}
	r.place.term = e.Term
	x.put(g, e.Index, r.place)
	return nil
}

func (x *index) applyInstall(g *group, r *record) error {
	meta, err := r.snapshot()
	if err != nil {
		return err
	}
	if meta.Index > change.MaxIndex {
		return fmt.Errorf("%w: install at %v", errRecord, meta.Position)
	}
	if g == nil {
		g = &group{}
		x.groups[r.group] = g
	}
	g.table.forget(0, g.Last.Index+1, x.released)
	g.table = table{}
	g.Start, g.Last, g.Snapshot = meta.Position, meta.Position, meta
	return nil
}

func (g *group) applySnapshot(r *record) error {
	meta, err := r.snapshot()
	g.Snapshot = meta
	return err
}

func (x *index) applyCompact(g *group, r *record) error {
	at := core.Position{Index: core.Index(r.word(0)), Term: core.Term(r.word(1))}
	if at.Index < g.Start.Index || at.Index > g.Last.Index {
		return fmt.Errorf("%w: compacts group %d, which holds %v to %v, up to %v",
			errRecord, r.group, g.Start, g.Last, at)
	}
	g.table.forget(g.Start.Index+1, at.Index+1, x.released)
	g.table.trim(at.Index+1, g.Last.Index+1)
	g.Start = at
	return nil
}

// checkpoint takes the groups of a checkpoint over if it is the first, and otherwise compares them
// with what the records before it came to.
func (x *index) checkpoint(body []byte, groups uint32, first bool) error {
	do := x.adopt
	if !first {
		if do = x.compare; int(groups) != len(x.groups) {
			return fmt.Errorf("%w: checkpoint of %d groups, have %d", errRecord, groups, len(x.groups))
		}
	}
	for len(body) > 0 {
		r, rest, err := parseRecord(body)
		if err == nil {
			err = r.check()
		}
		if err == nil && r.kind != recordGroup {
			err = fmt.Errorf("%w: %v in a checkpoint", errRecord, r.kind)
		}
		if err != nil {
			return err
		}
		st, err := r.state()
		if err == nil {
			err = do(r.group, st)
		}
		if err != nil {
			return err
		}
		body = rest
	}
	return nil
}

func (x *index) adopt(id core.GroupID, st core.State) error {
	if st.Last.Index < st.Start.Index || st.Last.Index > change.MaxIndex ||
		st.Last.Index-st.Start.Index > maxGroupEntries {
		return fmt.Errorf("%w: group %d holds %v to %v", errRecord, id, st.Start, st.Last)
	}
	g := &group{State: st}
	if st.Last.Index > st.Start.Index {
		g.table.low = (st.Start.Index + 1) &^ (chunkSlots - 1)
		g.table.chunks = make([]*chunk, (st.Last.Index-g.table.low)/chunkSlots+1)
	}
	x.groups[id] = g
	return nil
}

func (x *index) compare(id core.GroupID, st core.State) error {
	g := x.groups[id]
	if g == nil || g.Hard != st.Hard || g.Start != st.Start || g.Last != st.Last ||
		!g.Snapshot.Equal(st.Snapshot) {
		return fmt.Errorf("%w: checkpoint of group %d is not what the log says", errRecord, id)
	}
	return nil
}

// complete returns an error unless it is known of every entry where it is.
func (x *index) complete() error {
	for _, id := range x.ids() {
		g := x.groups[id]
		for i := g.Start.Index + 1; i <= g.Last.Index; i++ {
			if g.table.at(i).length == 0 {
				return fmt.Errorf("%w: it held entry %d of group %d", ErrMissing, i, id)
			}
		}
	}
	return nil
}

func (x *index) ids() []core.GroupID { return slices.Sorted(maps.Keys(x.groups)) }

// find returns a group, or core.ErrNoGroup.
func (x *index) find(id core.GroupID) (*group, error) {
	if g := x.groups[id]; g != nil {
		return g, nil
	}
	return nil, fmt.Errorf("%w: %d", core.ErrNoGroup, id)
}

// State returns the state of a group.
func (x *index) State(id core.GroupID) (core.State, error) {
	g, err := x.find(id)
	if err != nil {
		return core.State{}, err
	}
	return g.State, nil
}

// Term returns the term of an entry.
func (x *index) Term(id core.GroupID, i core.Index) (core.Term, error) {
	g, err := x.find(id)
	if err != nil {
		return 0, err
	}
	if i == g.Start.Index {
		return g.Start.Term, nil
	}
	if err := change.Range(&g.State, i, i+1); err != nil {
		return 0, fmt.Errorf("group %d: %w", id, err)
	}
	return g.table.at(i).term, nil
}
