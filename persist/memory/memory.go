// Package memory is a core.Store, and a core.Snapshots beside it, that forgets everything with the
// process: for tests, and for groups whose members never fail all at once. It is also the plainest
// reading of the contract that there is; persist/wal is the one that lasts.
package memory

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/internal/change"
)

// Store keeps logs in memory. The zero value is an empty one.
type Store struct {
	Snapshots
	mu     sync.RWMutex
	plan   change.Plan
	groups map[core.GroupID]*group
	closed bool
}

var _ core.SnapshotStore = (*Store)(nil)

// group holds the entries Start.Index+1 … Last.Index.
type group struct {
	core.State
	entries []core.Entry
}

// New returns an empty store.
func New() *Store { return &Store{} }

// Volatile reports that nothing is kept over Close: checks of what lasts do not apply.
func (s *Store) Volatile() bool { return true }

// Groups implements core.Store.
func (s *Store) Groups() ([]core.GroupID, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, core.ErrClosed
	}
	return slices.Sorted(maps.Keys(s.groups)), nil
}

// State implements core.Store.
func (s *Store) State(g core.GroupID) (core.State, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	gr, err := s.find(g)
	if err != nil {
		return core.State{}, err
	}
	return gr.State, nil
}

// Entries implements core.Store.
func (s *Store) Entries(dst []core.Entry, g core.GroupID, lo, hi core.Index, maxBytes int,
) ([]core.Entry, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	gr, err := s.find(g)
	if err != nil {
		return dst, err
	}
	if err := change.Range(&gr.State, lo, hi); err != nil {
		return dst, fmt.Errorf("group %d: %w", g, err)
	}
	size := 0
	for i := lo; i < hi; i++ {
		e := gr.entries[i-gr.Start.Index-1]
		if size += e.Size(); size > maxBytes && i > lo {
			break
		}
		dst = append(dst, e)
	}
	return dst, nil
}

// Term implements core.Store.
func (s *Store) Term(g core.GroupID, i core.Index) (core.Term, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.term(g, i)
}

func (s *Store) term(g core.GroupID, i core.Index) (core.Term, error) {
	gr, err := s.find(g)
	if err != nil {
		return 0, err
	}
	if i == gr.Start.Index {
		return gr.Start.Term, nil
	}
	if err := change.Range(&gr.State, i, i+1); err != nil {
		return 0, fmt.Errorf("group %d: %w", g, err)
	}
	return gr.entries[i-gr.Start.Index-1].Term, nil
}

func (s *Store) find(g core.GroupID) (*group, error) {
	if s.closed {
		return nil, core.ErrClosed
	}
	if gr := s.groups[g]; gr != nil {
		return gr, nil
	}
	return nil, fmt.Errorf("%w: %d", core.ErrNoGroup, g)
}

// Write implements core.Store. It fails for invalid updates only.
func (s *Store) Write(batch []core.Update) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return core.ErrClosed
	}
	if err := s.plan.Make(holder{s}, batch); err != nil {
		return err
	}
	if s.groups == nil {
		s.groups = map[core.GroupID]*group{}
	}
	for i := range batch {
		s.apply(&batch[i], s.plan.Start(i))
	}
	return nil
}

// holder is the store to somebody who has the lock.
type holder struct{ s *Store }

func (h holder) State(g core.GroupID) (core.State, error) {
	gr, err := h.s.find(g)
	if err != nil {
		return core.State{}, err
	}
	return gr.State, nil
}

func (h holder) Term(g core.GroupID, i core.Index) (core.Term, error) { return h.s.term(g, i) }

// apply does what a valid update says. Slices of entries given away before stay as they were, for
// entries are copied out one by one.
func (s *Store) apply(u *core.Update, start core.Position) {
	if u.Remove {
		delete(s.groups, u.Group)
		return
	}
	gr := s.groups[u.Group]
	if gr == nil {
		gr = &group{}
		s.groups[u.Group] = gr
	}
	if u.Install != nil {
		gr.Snapshot, gr.Start, gr.entries = *u.Install, u.Install.Position, nil
	}
	if u.Hard.Term != 0 {
		gr.Hard = u.Hard
	}
	if len(u.Entries) > 0 {
		keep := u.Entries[0].Index - gr.Start.Index - 1
		gr.entries = append(gr.entries[:keep], u.Entries...)
	}
	if u.Snapshot != nil {
		gr.Snapshot = *u.Snapshot
	}
	if n := start.Index - gr.Start.Index; n > 0 {
		gr.entries = slices.Clone(gr.entries[n:])
	}
	gr.Start, gr.Last = start, start
	if n := len(gr.entries); n > 0 {
		gr.Last = gr.entries[n-1].Position
	}
}

// Close implements core.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return core.ErrClosed
	}
	s.groups, s.closed = nil, true
	return nil
}
