package keyed

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/internal/change"
)

// damage is what is wrong with a value; the Store makes it a core.CorruptError.
type damage struct{ error }

func (d damage) Unwrap() error { return d.error }

func damaged(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case what == "":
		return damage{err}
	}
	return damage{fmt.Errorf("%s: %w", what, err)}
}

func stateOf(g core.GroupID) string { return fmt.Sprintf("state of group %d", g) }

func entryOf(g core.GroupID, i core.Index) string {
	return fmt.Sprintf("entry %d of group %d", i, g)
}

func (s *Store) corrupt(err error) error {
	if d, ok := errors.AsType[damage](err); ok {
		return &core.CorruptError{Path: s.path, Offset: -1, Err: d.error}
	}
	return err
}

// view runs do on what the tree holds, unless the store is closed.
func (s *Store) view(do func(View) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return core.ErrClosed
	}
	return s.corrupt(s.tree.View(do))
}

// Groups implements core.Store.
func (s *Store) Groups() ([]core.GroupID, error) {
	var groups []core.GroupID
	err := s.view(func(v View) error {
		return v.Scan([]byte{keyState}, []byte{keyEntry}, func(key, _ []byte) (bool, error) {
			g, _, err := parseKey(key)
			groups = append(groups, g)
			return true, damaged("", err)
		})
	})
	if err != nil {
		return nil, err
	}
	return groups, nil
}

// State implements core.Store.
func (s *Store) State(g core.GroupID) (st core.State, err error) {
	err = s.view(func(v View) error {
		st, err = state(v, g)
		return err
	})
	return st, err
}

func state(v View, g core.GroupID) (core.State, error) {
	key := appendStateKey(nil, g)
	value, err := v.Get(key)
	if err != nil {
		return core.State{}, err
	}
	if value == nil {
		return core.State{}, fmt.Errorf("%w: %d", core.ErrNoGroup, g)
	}
	st, err := decodeState(key, value)
	return st, damaged(stateOf(g), err)
}

// Term implements core.Store.
func (s *Store) Term(g core.GroupID, i core.Index) (t core.Term, err error) {
	err = s.view(func(v View) error {
		t, err = term(v, g, i)
		return err
	})
	return t, err
}

func term(v View, g core.GroupID, i core.Index) (core.Term, error) {
	st, err := state(v, g)
	switch {
	case err != nil:
		return 0, err
	case i == st.Start.Index:
		return st.Start.Term, nil
	case i == st.Last.Index:
		return st.Last.Term, nil
	}
	if err := change.Range(&st, i, i+1); err != nil {
		return 0, fmt.Errorf("group %d: %w", g, err)
	}
	key := appendEntryKey(nil, g, i)
	value, err := v.Get(key)
	if err != nil {
		return 0, err
	}
	if value == nil {
		return 0, damaged(entryOf(g, i), errMissing)
	}
	e, err := decodeEntry(key, value)
	return e.Term, damaged(entryOf(g, i), err)
}

// Entries implements core.Store.
func (s *Store) Entries(dst []core.Entry, g core.GroupID, lo, hi core.Index, maxBytes int,
) ([]core.Entry, error) {
	entries := dst
	err := s.view(func(v View) error {
		st, err := state(v, g)
		if err != nil {
			return err
		}
		if err := change.Range(&st, lo, hi); err != nil {
			return fmt.Errorf("group %d: %w", g, err)
		}
		entries, err = collect(v, dst, g, lo, hi, maxBytes)
		return err
	})
	if err != nil {
		return dst, err
	}
	return entries, nil
}

// collect reads entries that are there.
func collect(v View, dst []core.Entry, g core.GroupID, lo, hi core.Index, maxBytes int,
) ([]core.Entry, error) {
	next, size, full := lo, 0, false
	look := func(key, value []byte) (bool, error) {
		if !bytes.Equal(key, appendEntryKey(nil, g, next)) {
			return false, nil
		}
		e, err := decodeEntry(key, value)
		if err != nil {
			return false, damaged(entryOf(g, next), err)
		}
		if size += e.Size(); size > maxBytes && next > lo {
			full = true
			return false, nil
		}
		e.Data = slices.Clone(e.Data)
		dst = append(dst, e)
		next++
		return true, nil
	}
	err := v.Scan(appendEntryKey(nil, g, lo), appendEntryKey(nil, g, hi), look)
	if err == nil && next < hi && !full {
		err = damaged(entryOf(g, next), errMissing)
	}
	return dst, err
}

// isAnswer reports whether an error says what there is, and not that something is wrong.
func isAnswer(err error) bool {
	return errors.Is(err, core.ErrNoGroup) || errors.Is(err, core.ErrCompacted) ||
		errors.Is(err, core.ErrUnavailable)
}
