// Package change says what an Update does to the State of a group, and which updates no store may
// accept. Stores ask it before they write anything; what they keep and how is their own affair.
package change

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
)

// Holder is the part of a core.Store that tells what it holds already.
type Holder interface {
	State(g core.GroupID) (core.State, error)
	Term(g core.GroupID, i core.Index) (core.Term, error)
}

// MaxIndex is the last index that a log may hold, so that arithmetic on indexes cannot overflow.
const MaxIndex core.Index = 1 << 62

// Plan is what a batch will come to. It is reused from batch to batch.
type Plan struct {
	batch   []core.Update
	starts  []core.Position
	lasts   []core.Index
	states  []state
	numbers map[core.GroupID]int // index into states
}

type state struct {
	core.State
	exists bool
	last   core.Index // of the log that the entries of the update under way go to
}

// Make plans a batch, or returns an error that wraps core.ErrInvalidUpdate and names the update
// that does not fit.
func (p *Plan) Make(h Holder, batch []core.Update) error {
	if p.numbers == nil {
		p.numbers = map[core.GroupID]int{}
	}
	clear(p.numbers)
	clear(p.states)
	p.batch, p.states, p.starts, p.lasts = batch, p.states[:0], p.starts[:0], p.lasts[:0]
	for i := range batch {
		st := p.state(h, batch[i].Group)
		if err := p.apply(h, st, i); err != nil {
			return fmt.Errorf("%w: update %d, group %d: %w",
				core.ErrInvalidUpdate, i, batch[i].Group, err)
		}
		p.starts = append(p.starts, st.Start)
		p.lasts = append(p.lasts, st.last)
	}
	return nil
}

// Start returns the Start of the group once update number i has taken effect.
func (p *Plan) Start(i int) core.Position { return p.starts[i] }

// Last returns the index of the last entry when update number i puts its own: those from its first
// to this one are replaced.
func (p *Plan) Last(i int) core.Index { return p.lasts[i] }

// State returns what the batch makes of a group that is in it, and whether there is one then.
func (p *Plan) State(g core.GroupID) (core.State, bool) {
	st := &p.states[p.numbers[g]]
	return st.State, st.exists
}

func (p *Plan) state(h Holder, g core.GroupID) *state {
	n, ok := p.numbers[g]
	if !ok {
		n = len(p.states)
		p.numbers[g] = n
		st, err := h.State(g)
		p.states = append(p.states, state{State: st, exists: err == nil})
	}
	return &p.states[n]
}

// apply changes st as update number i says, in the order of its fields.
func (p *Plan) apply(h Holder, st *state, i int) error {
	u := &p.batch[i]
	switch {
	case u.Group == 0:
		return errors.New("zero is no group")
	case !st.exists && u.Install == nil:
		return core.ErrNoGroup
	case u.Remove:
		return st.remove(u)
	}
	if u.Install != nil {
		st.exists, st.Snapshot = true, *u.Install
		st.Start, st.Last = u.Install.Position, u.Install.Position
	}
	if u.Hard.Term != 0 {
		st.Hard = u.Hard
	}
	st.last = st.Last.Index
	if err := st.put(u.Entries); err != nil {
		return err
	}
	if u.Snapshot != nil {
		st.Snapshot = *u.Snapshot
	}
	if err := st.valid(); err != nil {
		return err
	}
	return p.compact(h, st, i)
}

func (st *state) remove(u *core.Update) error {
	if u.Install != nil || u.Hard != (core.HardState{}) || u.Entries != nil || u.Snapshot != nil ||
		u.Compact != 0 {
		return errors.New("removes the group and changes it, too")
	}
	*st = state{}
	return nil
}

func (st *state) put(entries []core.Entry) error {
	for i := range entries {
		switch e := &entries[i]; {
		case e.Index <= st.Start.Index:
			return fmt.Errorf("entry %d is not above the start of the log, %d",
				e.Index, st.Start.Index)
		case i == 0 && e.Index > st.Last.Index+1:
			return fmt.Errorf("entry %d leaves a gap behind %d", e.Index, st.Last.Index)
		case i > 0 && e.Index != entries[i-1].Index+1:
			return fmt.Errorf("entry %d follows entry %d", e.Index, entries[i-1].Index)
		}
		st.Last = entries[i].Position
	}
	return nil
}

// valid checks the invariants of core.State.
func (st *state) valid() error {
	switch at := st.Snapshot.Index; {
	case st.Last.Index > MaxIndex:
		return fmt.Errorf("index %d is beyond %d", st.Last.Index, MaxIndex)
	case st.Start.Index > at:
		return fmt.Errorf("snapshot %d lies before the start of the log, %d", at, st.Start.Index)
	case at > st.Last.Index:
		return fmt.Errorf("the log ends at %d, before the snapshot %d", st.Last.Index, at)
	}
	return st.Snapshot.Membership.Check()
}

func (p *Plan) compact(h Holder, st *state, i int) error {
	at := p.batch[i].Compact
	switch {
	case at <= st.Start.Index:
		return nil
	case at > st.Snapshot.Index:
		return fmt.Errorf("compacts up to %d, beyond the snapshot %d", at, st.Snapshot.Index)
	}
	term, err := p.term(h, i, at)
	st.Start = core.Position{Term: term, Index: at}
	return err
}

// term finds the term of an entry in the batch, or else in the store.
func (p *Plan) term(h Holder, last int, at core.Index) (core.Term, error) {
	g := p.batch[last].Group
	for i := last; i >= 0; i-- {
		entries := p.batch[i].Entries
		if p.batch[i].Group != g || len(entries) == 0 || at < entries[0].Index {
			continue
		}
		if n := at - entries[0].Index; n < core.Index(len(entries)) {
			return entries[n].Term, nil
		}
	}
	return h.Term(g, at)
}

// Range returns nil if the log holds the entries lo … hi-1, or else what core.Store.Entries
// returns.
func Range(st *core.State, lo, hi core.Index) error {
	switch {
	case lo <= st.Start.Index:
		return fmt.Errorf("entry %d: %w: the log starts behind %d",
			lo, core.ErrCompacted, st.Start.Index)
	case hi-1 > st.Last.Index:
		return fmt.Errorf("entry %d: %w: the log ends at %d",
			hi-1, core.ErrUnavailable, st.Last.Index)
	}
	return nil
}

// Compare orders positions by index, and at one index by term.
func Compare(p, q core.Position) int {
	return cmp.Or(cmp.Compare(p.Index, q.Index), cmp.Compare(p.Term, q.Term))
}

// TooLarge is the error for an update that exceeds a limit of its store.
func TooLarge(format string, args ...any) error {
	return fmt.Errorf("%w: %w: %s", core.ErrInvalidUpdate, core.ErrTooLarge,
		fmt.Sprintf(format, args...))
}
