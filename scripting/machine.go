// Package scripting is the replicated state machine that a Lua script defines.
//
// A script declares collections while it loads and returns a table of commands and queries. The
// Machine carries out commands from the log, one at a time and atomically, and answers queries, in
// parallel on views if asked to. All that lasts is in the collections (package state); the script
// runs where nothing else can last and nothing else can be seen (package sandbox); commands,
// results and stored values are bytes of package value. docs/lua.md is what authors read.
package scripting

import (
	_ "embed" // for the default machine
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync/atomic"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/sandbox"
	"github.com/tidelock-raft/tidelock/scripting/state"
)

// ScriptError is why a script was refused; every error of New is one.
type ScriptError = sandbox.ScriptError

// Source is a script as it was found.
type Source struct {
	Name string // of the file, for messages
	Text []byte // the file, or what sandbox.Bundle makes of it and what it requires
}

//go:embed machines/kv.lua
var kv []byte

// Default is the machine that runs when no other is asked for: a map from keys to values.
func Default() Source { return Source{Name: "kv.lua", Text: slices.Clone(kv)} }

// Config says how a Machine runs on this node. Nothing in it changes what a script computes.
type Config struct {
	Readers int // idle interpreters kept for queries on views; default: one per processor
}

// Machine is a core.StateMachine, a core.Reader and a core.Itemizer that runs a script.
type Machine struct {
	config  Config
	local   Source
	now     atomic.Pointer[tenure]
	last    core.Entry // the newest entry applied, without its data
	writer  *script    // carries out commands, and queries between them
	space   *state.Space
	live    *state.View // of space
	effects *effects
	spent   sandbox.Limits // by the last command or query
	ahead   ahead

	observer func(*core.Entry, []Write) // nil: none
	recent   recent
	restored bool // last is unknown if it is zero
}

var (
	_ core.Reader   = (*Machine)(nil)
	_ core.Itemizer = (*Machine)(nil)
	_ core.Placed   = (*Machine)(nil)
)

// New judges a script, loads it, and returns a Machine that runs it from the start, with fresh
// collections. Every refusal is a *ScriptError. The entries that it is given have to be of this
// sandbox.Version, as the log does not say which they are of: that of NewEmpty does.
func New(src Source, c Config) (*Machine, error) {
	m := bare(src, c)
	first, s, err := engage(src, m.config.Readers)
	if err != nil {
		return nil, err
	}
	m.adopt(first.settle(0, nil), s, s.newSpace())
	return m, nil
}

// NewEmpty judges a script, the local one, and returns a Machine that runs none until the log
// brings one: see EncodeInstall. Every refusal is a *ScriptError.
func NewEmpty(local Source, c Config) (*Machine, error) {
	m := bare(local, c)
	if _, _, err := engage(local, 1); err != nil {
		return nil, err
	}
	none := &tenure{readers: m.config.Readers}
	m.adopt(none.settle(0, nil), newScript(), state.New(nil))
	return m, nil
}

func bare(local Source, c Config) *Machine {
	if c.Readers <= 0 {
		c.Readers = runtime.GOMAXPROCS(0)
	}
	return &Machine{config: c, local: local, effects: newEffects()}
}

// adopt makes another script run, on another space or one arranged for it.
func (m *Machine) adopt(next *tenure, s *script, space *state.Space) {
	if was := m.now.Swap(next); was != nil {
		was.close()
	}
	m.writer, m.space, m.live = s, space, space.Live()
}

// Ready reports whether there is a script. It may be called from any goroutine, as Running may,
// Local and String.
func (m *Machine) Ready() bool { return m.now.Load().program != nil }

// Running says which script runs, if there is one.
func (m *Machine) Running() (Identity, bool) {
	now := m.now.Load()
	return now.Identity, now.program != nil
}

// Local is the script that the Machine was made with, whichever runs.
func (m *Machine) Local() Source { return m.local }

// Name is what the script calls itself.
func (m *Machine) Name() string { return m.now.Load().Name }

// Version is the version that the script gives itself.
func (m *Machine) Version() int { return m.now.Load().Version }

// String names the machine for people: its name, its version and the beginning of its hash.
func (m *Machine) String() string { return m.now.Load().shown }

// Commands lists the names of the commands.
func (m *Machine) Commands() []string { return slices.Sorted(maps.Keys(m.writer.commands)) }

// Queries lists the names of the queries.
func (m *Machine) Queries() []string { return slices.Sorted(maps.Keys(m.writer.queries)) }

// Parameters is how many parameters a command or query names.
func (m *Machine) Parameters(name string) int {
	f := m.writer.commands[name]
	if f == nil {
		f = m.writer.queries[name]
	}
	if f == nil {
		return 0
	}
	return int(f.Proto.NumParameters)
}

// Digest names the state: equal states have equal digests, whatever their histories.
func (m *Machine) Digest() uint64 {
	return max(1, m.space.Digest()+m.effects.digest()+m.now.Load().digest)
}

// Digests names the script, each collection, the events and the timers; see core.Itemizer.
func (m *Machine) Digests(dst []core.NamedDigest) []core.NamedDigest {
	part := func(name string, digest uint64) {
		dst = append(dst, core.NamedDigest{Name: name, Digest: digest})
	}
	part("@script", m.now.Load().digest)
	m.space.Parts(part)
	m.effects.space.Parts(part)
	return dst
}

// Close releases the interpreters. Views may still be queried.
func (m *Machine) Close() error {
	m.now.Load().close()
	return nil
}

// Apply carries out commands; see core.StateMachine. A command is what EncodeCall makes, its
// result a value of package value.
func (m *Machine) Apply(dst []core.Result, entries []core.Entry) ([]core.Result, error) {
	var opened *script // by which
	for i, from := 0, 0; i < len(entries); i++ {
		if i == from+m.ahead.n || opened != m.writer {
			from, opened = i, m.writer
			m.ahead.look(opened, m.space, entries[from:])
		}
		if m.space.Full() {
			return dst, fmt.Errorf("command at index %d: %w", entries[i].Index, state.ErrFull)
		}
		result, err := m.apply(&entries[i], i-from)
		if err != nil {
			return dst, err
		}
		dst = append(dst, result)
	}
	m.ahead.forget()
	m.effects.tell()
	return dst, nil
}

// apply carries out the entry whose call was opened ahead as number n.
func (m *Machine) apply(e *core.Entry, n int) (core.Result, error) {
	m.last.Position, m.last.Kind, m.last.Time = e.Position, e.Kind, e.Time
	p := &m.ahead.calls[n]
	if p.store != nil {
		return m.store(e, p, &m.ahead.sought[n]), nil
	}
	m.effects.begin(e.Index)
	o := &m.ahead.others[n]
	if name, a, ok := o.reserved(); ok && o.err == nil {
		if do := commandOf(name); do != nil {
			return do(m, e, a)
		}
	}
	result := m.carryOut(e, o, 0)
	return result, m.mend(e.Index)
}

// carryOut does a command of the script. Commands of one entry have different salts.
func (m *Machine) carryOut(e *core.Entry, o *opened, salt uint64) core.Result {
	s := m.writer
	s.entry, s.space, s.view, s.effects = e, m.space, m.live, m.effects
	s.vm.Seed(seed(e, salt), true)
	result, done := m.storeAll(o)
	if !done {
		result = s.answer(s.commands, UnknownCommand, o.call, o.err)
	}
	m.spent = s.vm.Used()
	if result.Failure != nil {
		m.space.Rollback(0)
		m.effects.rollback(0)
	}
	m.observe(e)
	m.space.Commit()
	m.effects.commit()
	s.release()
	s.effects = nil
	return result
}

// seed is what random numbers come from.
func seed(e *core.Entry, salt uint64) uint64 {
	return (uint64(e.Index)+salt<<48)*0x9e3779b97f4a7c15 ^ uint64(e.Term)<<32 ^ uint64(e.Time)
}

// mend replaces an interpreter that is broken.
func (m *Machine) mend(index core.Index) error {
	if !m.writer.vm.Broken() {
		return nil
	}
	writer, err := m.now.Load().load()
	if err != nil {
		return fmt.Errorf("load the script anew at index %d: %w", index, err)
	}
	m.writer = writer
	return nil
}

// Query answers from the state as it is; see core.StateMachine.
func (m *Machine) Query(request []byte) core.Result {
	if name, a, ok := reserved(request); ok {
		if q := queryOf(name); q != nil {
			return q(m.liveView(), a)
		}
	}
	result := m.writer.query(m.live, request)
	m.spent = m.writer.vm.Used()
	if m.writer.vm.Broken() {
		if writer, err := m.now.Load().load(); err == nil { // as it did before
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
