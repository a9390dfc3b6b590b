// Package scripting is the replicated state machine that a Lua script defines.
//
// A script declares collections while it loads and returns a table of commands and queries. The
// Machine carries out commands from the log, one at a time and atomically, and answers queries, in
// parallel on views if asked to. All that lasts is in the collections (package state); the script
// runs where nothing else can last and nothing else can be seen (package sandbox); commands,
// results and stored values are bytes of package value. docs/lua.md is what authors read.
package scripting

import (
	"crypto/sha256"
	_ "embed" // for the default machine
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/sandbox"
	"github.com/tidelock-raft/tidelock/scripting/state"
)

// ScriptError is why a script was refused; every error of New is one.
type ScriptError = sandbox.ScriptError

// Source is a script as it was found.
type Source struct {
	Name string // of the file, for messages
	Text []byte
}

//go:embed machines/kv.lua
var kv []byte

// Default is the machine that runs when no other is asked for: a map from keys to values.
func Default() Source { return Source{Name: "kv.lua", Text: slices.Clone(kv)} }

// Config says how a Machine runs on this node. Nothing in it changes what a script computes.
type Config struct {
	Readers int // idle interpreters kept for queries on views; default: one per processor
}

// Machine is a core.StateMachine, a core.Reader and a core.Digester that runs a script.
type Machine struct {
	config  Config
	text    []byte
	hash    [sha256.Size]byte
	program *sandbox.Program
	writer  *script // carries out commands, and queries between them
	space   *state.Space
	live    *state.View // of space

	mu   sync.Mutex
	idle []*script // for views
}

var (
	_ core.Reader   = (*Machine)(nil)
	_ core.Digester = (*Machine)(nil)
)

// New judges a script, loads it, and returns a Machine with fresh collections. Every refusal is a
// *ScriptError.
func New(src Source, c Config) (*Machine, error) {
	program, err := sandbox.Compile(src.Name, src.Text, globals...)
	if err != nil {
		return nil, err
	}
	if c.Readers <= 0 {
		c.Readers = runtime.GOMAXPROCS(0)
	}
	m := &Machine{config: c, text: src.Text, hash: sha256.Sum256(src.Text), program: program}
	if m.writer, err = load(program); err != nil {
		return nil, err
	}
	program.Rename(m.writer.name + ".lua")
	m.use(m.writer.newSpace())
	return m, nil
}

func (m *Machine) use(space *state.Space) { m.space, m.live = space, space.Live() }

// Name is what the script calls itself.
func (m *Machine) Name() string { return m.writer.name }

// Version is the version that the script gives itself.
func (m *Machine) Version() int { return m.writer.version }

// String names the machine for people: its name, its version and the beginning of its hash.
func (m *Machine) String() string {
	return fmt.Sprintf("%s v%d sha256:%x", m.Name(), m.Version(), m.hash[:6])
}

// Hash is the SHA-256 of the script.
func (m *Machine) Hash() [sha256.Size]byte { return m.hash }

// Commands lists the names of the commands.
func (m *Machine) Commands() []string { return slices.Sorted(maps.Keys(m.writer.commands)) }

// Queries lists the names of the queries.
func (m *Machine) Queries() []string { return slices.Sorted(maps.Keys(m.writer.queries)) }

// Digest names the state: equal states have equal digests, whatever their histories.
func (m *Machine) Digest() uint64 { return m.space.Digest() }

// Close releases the interpreters. Views may still be queried.
func (m *Machine) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.idle = nil
	return nil
}

// Apply carries out commands; see core.StateMachine. A command is what EncodeCall makes, its
// result a value of package value.
func (m *Machine) Apply(dst []core.Result, entries []core.Entry) ([]core.Result, error) {
	for i := range entries {
		result := m.apply(&entries[i])
		if m.writer.vm.Broken() {
			writer, err := load(m.program)
			if err != nil {
				return dst, fmt.Errorf("load the script anew at index %d: %w", entries[i].Index, err)
			}
			m.writer = writer
		}
		dst = append(dst, result)
	}
	return dst, nil
}

func (m *Machine) apply(e *core.Entry) core.Result {
	s := m.writer
	s.entry, s.space, s.view = e, m.space, m.live
	s.vm.Seed(uint64(e.Index)*0x9e3779b97f4a7c15^uint64(e.Term)<<32^uint64(e.Time), true)
	result := s.answer(s.commands, UnknownCommand, e.Data)
	if result.Failure != nil {
		m.space.Rollback(0)
	}
	m.space.Commit()
	s.release()
	return result
}

// Query answers from the state as it is; see core.StateMachine.
func (m *Machine) Query(request []byte) core.Result {
	result := m.writer.query(m.live, request)
	if m.writer.vm.Broken() {
		if writer, err := load(m.program); err == nil { // as it did before
			m.writer = writer
		}
	}
	return result
}

// Invariant runs the script's invariant on the state as it is. It returns nil if the script has
// none, or if it holds.
func (m *Machine) Invariant() *core.Failure {
	if m.writer.invariant == nil {
		return nil
	}
	r := m.writer.run(m.live, m.writer.invariant)
	return r.Failure
}
