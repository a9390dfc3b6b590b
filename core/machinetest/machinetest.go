// Package machinetest checks that a machine keeps the contract of core.StateMachine. A machine's
// own test is one call:
//
//	machinetest.Run(t, machinetest.Subject{Open: open, Commands: commands, Queries: queries})
//
// Each Check carries the sentence of core/machine.go that it enforces, and names it when it fails.
// A machine is seen from outside here: by its results, by the bytes of its snapshots, by its
// digest. So the checks see no more than the commands bring about; give them some that succeed,
// some that fail, and some that undo what others did.
package machinetest

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// Subject is a machine to be checked.
type Subject struct {
	Open     func() (core.StateMachine, error) // a new one, the same every time
	Commands [][]byte                          // carried out in this order
	Queries  [][]byte
}

// Check is one rule that a machine keeps or breaks.
type Check struct {
	Name string
	Rule string // the sentence of core/machine.go
	from stage
	run  func(*bench) error
}

// stage is how many halves of the commands the machine has carried out when a check begins.
type stage int

const (
	fresh stage = iota
	half
	full
)

// ErrNotApplicable is returned by Verify for what the machine does not offer or the commands do not
// bring about.
var ErrNotApplicable = errors.New("machinetest: the check does not apply to this machine")

// Checks returns all checks.
func Checks() []Check {
	return []Check{
		{"Deterministic", "A StateMachine is a deterministic automaton over commands.",
			full, checkDeterministic},
		{"Results", "Apply appends one Result for each to dst.", fresh, checkResults},
		{"ReadOnly", "Entry.Data is read-only.", fresh, checkReadOnly},
		{"FailureLeavesNoTrace", "A command that fails in the machine's own terms is a Result with a " +
			"Failure and leaves no trace in the state.", fresh, checkFailures},
		{"Nonsense", "An error means that this replica cannot go on: nothing that a client may send " +
			"brings it about.", full, checkNonsense},
		{"QueryReads", "Query answers a read-only request from the state as it is.", full, checkQueries},
		{"SnapshotIsFrozen", "Snapshot returns at once with the state as it is; later commands do not " +
			"show in it.", half, checkFrozen},
		{"SnapshotBesideApply", "What WriteTo of a Snapshot does may run beside all of them.",
			half, checkBeside},
		{"EqualStates", "Equal states give equal bytes, whatever the history.", half, checkEqualStates},
		{"RestoreReplaces", "Restore replaces the whole state by what a Snapshot wrote.",
			half, checkRestoreReplaces},
		{"RestoreRefuses", "ErrCorrupt for bytes that no Snapshot wrote; the machine is then unusable " +
			"until a Restore succeeds.", full, checkRestoreRefuses},
		{"View", "View returns at once with the state as it is, to be queried from another goroutine.",
			half, checkView},
		{"Digest", "Equal states have equal digests whatever their history, and different ones almost " +
			"never do.", fresh, checkDigest},
	}
}

// Run runs every check as a subtest.
func Run(t *testing.T, s Subject) {
	for _, c := range Checks() {
		t.Run(c.Name, func(t *testing.T) {
			if err := s.Verify(c); errors.Is(err, ErrNotApplicable) {
				t.Log(err)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// Verify runs one check. The error names the broken rule and how it was seen to be broken, or is
// ErrNotApplicable.
func (s Subject) Verify(c Check) error {
	b := &bench{Subject: s}
	err := b.begin(c.from)
	if err == nil {
		err = c.run(b)
	}
	for _, m := range b.opened {
		err = errors.Join(err, m.Close())
	}
	if err != nil && !errors.Is(err, ErrNotApplicable) {
		return fmt.Errorf("broken rule: %s\n%w", c.Rule, err)
	}
	return err
}

// bench is what one check works with: a machine, and what it is to go on with.
type bench struct {
	Subject
	machine core.StateMachine
	state   []byte        // of machine when the check began, as the bytes of a snapshot
	results []core.Result // of what it had carried out by then
	rest    []core.Entry  // that it had not
	opened  []core.StateMachine
}

// begin brings the machine to where a check begins.
func (b *bench) begin(from stage) (err error) {
	if b.machine, err = b.open(); err != nil {
		return err
	}
	entries := b.entries()
	n := len(entries) * int(from) / int(full)
	b.rest = entries[n:]
	if b.results, err = apply(b.machine, entries[:n], 7); err == nil {
		b.state, err = state(b.machine)
	}
	return err
}

func (b *bench) open() (core.StateMachine, error) {
	m, err := b.Open()
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	b.opened = append(b.opened, m)
	return m, nil
}

// entries are the commands as they stand in a log in which other kinds of entry are skipped.
func (b *bench) entries() []core.Entry {
	list := make([]core.Entry, len(b.Commands))
	for i, data := range b.Commands {
		list[i] = entry(i, data)
	}
	return list
}

func entry(i int, data []byte) core.Entry {
	return core.Entry{
		Position: core.Position{Term: core.Term(1 + i/10), Index: core.Index(2 + i + i/10)},
		Kind:     core.EntryCommand, Time: 1_700_000_000_000_000_000 + int64(i)*1e9, Data: data,
	}
}

// apply lets a machine carry out entries, so many at a time.
func apply(m core.StateMachine, entries []core.Entry, atOnce int) ([]core.Result, error) {
	var results []core.Result
	for len(entries) > 0 {
		n := min(atOnce, len(entries))
		var err error
		if results, err = m.Apply(results, entries[:n]); err != nil {
			return nil, fmt.Errorf("apply entries %d to %d: %w", entries[0].Index,
				entries[n-1].Index, err)
		}
		entries = entries[n:]
	}
	return results, nil
}

// state is the machine's state as the bytes of a snapshot.
func state(m core.StateMachine) ([]byte, error) {
	s, err := m.Snapshot()
	if err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	defer s.Release()
	return written(s)
}

func written(s core.Snapshot) ([]byte, error) {
	var b bytes.Buffer
	if _, err := s.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("write snapshot: %w", err)
	}
	return b.Bytes(), nil
}

// same compares the state of a machine with what it should be.
func same(what string, m core.StateMachine, want []byte) error {
	got, err := state(m)
	if err == nil && !bytes.Equal(got, want) {
		err = fmt.Errorf("%s: got a snapshot of %d bytes, %.40q…, want one of %d bytes, %.40q…", what,
			len(got), got, len(want), want)
	}
	return err
}

func equal(a, b core.Result) bool {
	if a.Failure != nil && b.Failure != nil {
		return *a.Failure == *b.Failure && bytes.Equal(a.Value, b.Value)
	}
	return a.Failure == b.Failure && bytes.Equal(a.Value, b.Value)
}

func show(r core.Result) string {
	if r.Failure != nil {
		return r.Failure.Error()
	}
	return fmt.Sprintf("%.60q", r.Value)
}
