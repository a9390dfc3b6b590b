package wal

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// saga is a history in which everything happens that a log can go through: entries that replace
// others, rotation, compaction that sets segments free for another life, groups that come and go.
type saga struct {
	batches [][]core.Update
	states  []string // states[n]: after n batches
	opens   uint64   // so far
}

func newSaga(t testing.TB) *saga {
	t.Helper()
	s := &saga{batches: [][]core.Update{
		{install(1), install(2)},
		{{Group: 1, Hard: core.HardState{Term: 1, Vote: 3}, Entries: entries(1, 1, 3, 30)}},
		{{Group: 2, Entries: entries(1, 1, 3, 700)}, {Group: 1, Entries: entries(2, 2, 4, 40)}},
		{{Group: 1, Snapshot: meta(2, 2), Compact: 1}},
		{{Group: 1, Hard: core.HardState{Term: 3}, Entries: entries(3, 4, 6, 20)}},
	}}
	for i := core.Index(6); i < 36; i++ {
		u := core.Update{Group: 1, Entries: entries(core.Term(i), i, i+1, 200+int(i%3)*900)}
		switch i % 5 {
		case 0:
			u.Entries = entries(core.Term(i), i-1, i+1, 300)
		case 3:
			u.Snapshot, u.Compact = meta(core.Term(i), i), i-2
		}
		batch := []core.Update{u}
		switch i {
		case 12:
			batch = append(batch, core.Update{Group: 2, Snapshot: meta(1, 2), Compact: 2})
		case 20:
			batch = append(batch, core.Update{Group: 2, Remove: true}, install(3))
		}
		s.batches = append(s.batches, batch)
	}
	l := s.open(t, vfs.NewMemory(1))
	s.states = append(s.states, text(t, l))
	for _, batch := range s.batches {
		write(t, l, batch...)
		s.states = append(s.states, text(t, l))
	}
	must(t, l.Close())
	return s
}

// config is that of the next Open: each draws a salt of its own.
func (s *saga) config() Config {
	s.opens++
	c := small()
	c.Salt = s.opens
	return c
}

func (s *saga) open(t testing.TB, fsys vfs.FS) *Log {
	t.Helper()
	return open(t, fsys, s.config())
}

// play opens the log, writes the batches from number acked on, closes the log, and counts what was
// acknowledged. It ends with the first error, after it has made sure that the log is poisoned.
func (s *saga) play(fsys vfs.FS, acked *int) error {
	l, err := Open(fsys, testDir, s.config())
	if err != nil {
		return err
	}
	for _, batch := range s.batches[*acked:] {
		if err := l.Write(batch); err != nil {
			for range 2 {
				if again := l.Write(batch); !strings.Contains(fmt.Sprint(again), core.ErrPoisoned.Error()) {
					return fmt.Errorf("write after %w: %w", err, again)
				}
			}
			l.Close() // lets go of the lock
			return err
		}
		*acked++
	}
	return l.Close()
}

// everyMoment plays the saga and shows visit the disk before each operation that changes it, and in
// the end.
func (s *saga) everyMoment(t testing.TB, visit func(op vfs.Op, m *vfs.Memory, acked int)) {
	t.Helper()
	m, acked := vfs.NewMemory(1), 0
	must(t, s.play(vfs.NewFaulty(m, func(op vfs.Op) error {
		if op.Kind.Changes() {
			visit(op, m, acked)
		}
		return nil
	}), &acked))
	visit(vfs.Op{}, m, acked)
}

// holds returns how many batches the log on a disk holds: those that were acknowledged, or the one
// more that was being written.
func (s *saga) holds(t testing.TB, m *vfs.Memory, acked int) (*Log, int, error) {
	t.Helper()
	l, err := Open(m, testDir, s.config())
	if err != nil {
		return nil, 0, err
	}
	got := text(t, l)
	if n := slices.Index(s.states[acked:min(acked+2, len(s.states))], got); n >= 0 {
		return l, acked + n, nil
	}
	return nil, 0, fmt.Errorf("got the state after batch %d of %d:\n%s",
		slices.Index(s.states, got), acked, got)
}

// survives opens the log on a disk that a crash has left, and checks that it holds what it should,
// and that it goes on: what is written now is there when the power is cut once more.
func (s *saga) survives(t testing.TB, m *vfs.Memory, acked int) error {
	t.Helper()
	l, n, err := s.holds(t, m, acked)
	if err != nil {
		return err
	}
	if n < len(s.batches) {
		if err := l.Write(s.batches[n]); err != nil {
			return fmt.Errorf("go on: %w", err)
		}
		n++
	}
	l, got, err := s.holds(t, m.CrashWith(vfs.Cut{}), n)
	if err != nil || got != n {
		return fmt.Errorf("after it went on: %d batches, %w, want %d", got, err, n)
	}
	return l.Close()
}

// maxSubset is up to how many pending changes every subset of them is tried.
const maxSubset = 9

// crashes are the power cuts that are tried at one moment: every subset of what is pending if it is
// not too much, and some that are drawn.
func crashes(m *vfs.Memory) (list []vfs.Cut) {
	pending := 0
	m.Fork(1).CrashWith(vfs.Cut{Only: func(int) bool { pending++; return true }})
	list = []vfs.Cut{{}, {Keep: 1, Names: 1}, {Lengths: true}, {Lengths: true, Garbage: true}}
	if pending > maxSubset {
		for n := range 16 {
			list = append(list, vfs.Cut{Keep: 0.5, Names: 0.5, Garbage: n%2 > 0, Lengths: n%4 > 1})
		}
		return list
	}
	for subset := range uint(1) << pending {
		only := func(n int) bool { return n < bits.UintSize && subset>>n&1 == 1 }
		list = append(list, vfs.Cut{Only: only}, vfs.Cut{Only: only, Garbage: true})
	}
	return list
}
