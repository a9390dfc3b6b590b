package scripting

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/sandbox"
)

// The bounds of what is kept for rollbacks.
const (
	MaxPast      = 8       // scripts
	MaxPastBytes = 1 << 20 // of their texts
)

// Identity says which script runs.
type Identity struct {
	Name    string
	Version int
	Hash    [sha256.Size]byte // of its text
	Index   core.Index        // of the entry that installed it; zero: it was there from the start
}

// String names the script for people: its name, its version and the beginning of its hash.
func (i Identity) String() string {
	return fmt.Sprintf("%s v%d sha256:%x", i.Name, i.Version, i.Hash[:6])
}

// edition is a script at its place in the log.
type edition struct {
	index   core.Index
	version int
	text    []byte
}

// tenure is a script from the entry that installs it to the one that installs the next, or the time
// before the first. It does not change but for the idle interpreters, and serves any goroutine.
type tenure struct {
	Identity
	program *sandbox.Program // nil: there is no script yet
	text    []byte
	past    []edition // what ran before and can be returned to, newest first
	shown   string    // the Identity in words
	head    []byte    // of snapshots
	digest  uint64    // of the head

	readers int
	mu      sync.Mutex
	idle    []*script // interpreters for views
}

// canonical is how a script's file is called until the script has said its name.
const canonical = "script.lua"

// engage judges, compiles and loads a script. It is to be settled before it serves.
func engage(src Source, readers int) (*tenure, *script, error) {
	if err := sandbox.SelfTest(); err != nil {
		return nil, nil, &ScriptError{File: src.Name, Message: err.Error()}
	}
	program, err := sandbox.Compile(src.Name, src.Text, globals...)
	if err != nil {
		return nil, nil, err
	}
	if _, err = load(program); err != nil {
		return nil, nil, err
	}
	s, err := loadAsNamed(program)
	if err != nil {
		return nil, nil, err
	}
	t := &tenure{program: program, text: src.Text, readers: readers}
	t.Identity = Identity{Name: s.name, Version: s.version, Hash: sha256.Sum256(src.Text)}
	return t, s, nil
}

// loadAsNamed loads a program under names that follow from its text alone: a script can see what
// its file is called, in the errors that it catches as it loads. The last name stays.
func loadAsNamed(p *sandbox.Program) (*script, error) {
	p.Rename(canonical)
	named, err := load(p)
	if err != nil {
		return nil, err
	}
	p.Rename(named.name + ".lua")
	s, err := load(p)
	if err == nil && s.name != named.name {
		err = p.Refuse("the name must not depend on what the file is called")
	}
	return s, err
}

// settle fixes where t stands: which entry installs it, and what was before.
func (t *tenure) settle(index core.Index, past []edition) *tenure {
	t.Index, t.past, t.shown = index, past, "no script yet"
	if t.program != nil {
		t.shown = t.Identity.String()
	}
	t.head = t.appendHead(nil)
	sum := sha256.Sum256(t.head)
	t.digest = binary.LittleEndian.Uint64(sum[:])
	return t
}

// history is the past of the script that comes after t, within the bounds.
func (t *tenure) history() []edition {
	past := append([]edition{{t.Index, t.Version, t.text}}, t.past...)
	size := 0
	for i, e := range past {
		if size += len(e.text); i == MaxPast || size > MaxPastBytes {
			return past[:i]
		}
	}
	return past
}

// load makes an interpreter of the script.
func (t *tenure) load() (*script, error) {
	if t.program == nil {
		return newScript(), nil
	}
	return load(t.program)
}

// borrow takes an idle interpreter or loads a new one.
func (t *tenure) borrow() (*script, error) {
	t.mu.Lock()
	if n := len(t.idle); n > 0 {
		s := t.idle[n-1]
		t.idle = t.idle[:n-1]
		t.mu.Unlock()
		return s, nil
	}
	t.mu.Unlock()
	return t.load()
}

// giveBack keeps an interpreter for the next query, if it is sound and there is room.
func (t *tenure) giveBack(s *script) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.view = nil; !s.vm.Broken() && len(t.idle) < t.readers {
		t.idle = append(t.idle, s)
	}
}

// close lets go of the idle interpreters.
func (t *tenure) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.idle, t.readers = nil, 0
}
