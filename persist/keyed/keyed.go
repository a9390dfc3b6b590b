package keyed

import (
	"fmt"
	"sync"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/internal/change"
)

// Tree is an ordered map of bytes. View and Close may be called from several goroutines, Commit
// from one at a time, beside Views.
type Tree interface {
	// View calls do with what was committed last.
	View(do func(View) error) error
	// Commit makes the changes of do durable, all or nothing. After an error nothing more is
	// committed.
	Commit(do func(Batch) error) error
	// Close releases everything. Nothing else is called then, or under way.
	Close() error
}

// View is a map as it was when the View began. What it returns belongs to the map, and is valid
// until the View ends.
type View interface {
	// Get returns the value of a key; nil: there is none.
	Get(key []byte) ([]byte, error)
	// Scan calls do for the keys from lo up to, but without, hi, until do returns false or an error.
	// Without hi, it goes on to the last key.
	Scan(lo, hi []byte, do func(key, value []byte) (bool, error)) error
}

// Batch takes changes; what it is given stays unchanged until Commit returns.
type Batch interface {
	Put(key, value []byte) error
	// DeleteRange removes the keys from lo up to, but without, hi.
	DeleteRange(lo, hi []byte) error
}

// Limits.
const (
	// DefaultRecordBytes is the largest Data of an entry unless something else is said.
	DefaultRecordBytes = 64 << 20
	// MaxRecordBytes bounds what can be said.
	MaxRecordBytes = 256 << 20
	// maxBatchBytes bounds a Write; more is refused.
	maxBatchBytes = 1 << 30
)

// Store is a core.Store whose log is in a Tree.
type Store struct {
	tree           Tree
	path           string
	maxRecordBytes int

	// writing is held by Write and Close, and guards what follows.
	writing sync.Mutex
	plan    change.Plan
	arena   arena
	failed  error

	// mu is held for reading by whoever uses the tree, and for writing by Close.
	mu     sync.RWMutex
	closed bool
}

var _ core.Store = (*Store)(nil)

// Open makes a Store of a Tree, which belongs to it unless there is an error. It reads and checks
// everything, and gives an empty Tree its format. The path is for errors. Errors: core.ErrCorrupt,
// ErrVersion, and those of the Tree.
func Open(tree Tree, path string, maxRecordBytes int) (*Store, error) {
	if maxRecordBytes == 0 {
		maxRecordBytes = DefaultRecordBytes
	}
	s := &Store{tree: tree, path: path, maxRecordBytes: min(maxRecordBytes, MaxRecordBytes)}
	empty, err := s.verify()
	if err == nil && empty {
		err = tree.Commit(func(b Batch) error { return b.Put(formatKey, appendFormat(nil)) })
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// verify reads the whole tree: every group has the entries that its state speaks of, and there is
// nothing else.
func (s *Store) verify() (empty bool, err error) {
	v := verification{states: map[core.GroupID]core.State{}, last: map[core.GroupID]core.Position{}}
	err = s.tree.View(func(view View) error { return view.Scan(nil, nil, v.look) })
	if err == nil && v.keys > 0 {
		err = v.complete()
	}
	return v.keys == 0, s.corrupt(err)
}

type verification struct {
	keys   int
	states map[core.GroupID]core.State
	last   map[core.GroupID]core.Position // of the entries seen
}

func (v *verification) look(key, value []byte) (bool, error) {
	v.keys++
	if v.keys == 1 {
		if string(key) != string(formatKey) {
			return false, damaged("format", ErrForeign)
		}
		return true, damaged("", checkFormat(value))
	}
	g, i, err := parseKey(key)
	if err != nil {
		return false, damaged("", err)
	}
	if key[0] == keyState {
		st, err := decodeState(key, value)
		v.states[g], v.last[g] = st, st.Start
		return true, damaged(stateOf(g), err)
	}
	e, err := decodeEntry(key, value)
	if _, known := v.states[g]; err == nil && !known {
		err = core.ErrNoGroup
	}
	if want := v.last[g].Index + 1; err == nil && i != want {
		err = fmt.Errorf("entry %d %w", want, errMissing)
	}
	v.last[g] = e.Position
	return true, damaged(entryOf(g, i), err)
}

func (v *verification) complete() error {
	for g, st := range v.states {
		if got := v.last[g]; got != st.Last {
			return damaged(stateOf(g), fmt.Errorf("the log ends at %v, want %v", got, st.Last))
		}
	}
	return nil
}

// Close implements core.Store.
func (s *Store) Close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return core.ErrClosed
	}
	s.closed = true
	return s.tree.Close()
}
