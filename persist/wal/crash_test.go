package wal

import (
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// TestReorderedTail cuts the power before every operation on the disk, Open and Close included, and
// lets every subset of what was not synced survive: sectors in any order, lengths without their
// data, noise in the place of data, names without each other. A crash never looks like damage.
func TestReorderedTail(t *testing.T) {
	s := newSaga(t)
	tried := 0
	s.everyMoment(t, func(op vfs.Op, m *vfs.Memory, acked int) {
		for n, cut := range crashes(m) {
			tried++
			if err := s.survives(t, m.Fork(uint64(n)).CrashWith(cut), acked); err != nil {
				t.Fatalf("power cut %d (%+v) before %v: %v", n, cut, op, err)
			}
		}
	})
	if tried < 2500 {
		t.Errorf("only %d power cuts were tried", tried)
	}
}

// TestPowerCutDuringRecovery kills the process, or cuts the power, before each sync, and cuts it
// again before each operation of the next Open: recovery endangers nothing that was acknowledged.
func TestPowerCutDuringRecovery(t *testing.T) {
	s := newSaga(t)
	s.everyMoment(t, func(op vfs.Op, m *vfs.Memory, acked int) {
		if op.Kind != vfs.OpSync {
			return
		}
		for _, after := range []*vfs.Memory{m.Fork(1).Kill(), m.Fork(1).CrashWith(vfs.Cut{})} {
			l := s.open(t, vfs.NewFaulty(after, func(again vfs.Op) error {
				for seed := uint64(0); seed < 4 && again.Kind.Changes(); seed++ {
					cut := vfs.Cut{Keep: float64(seed) / 4, Names: 0.5, Garbage: true}
					if err := s.survives(t, after.Fork(seed).CrashWith(cut), acked); err != nil {
						t.Fatalf("power cut %+v before %v, in %v: %v", cut, again, op, err)
					}
				}
				return nil
			}))
			must(t, l.Close())
		}
	})
}

// TestKilledThenPowerCut kills the process before every operation, lets the next one go on, and
// cuts the power after each batch: what the first left behind in the system's memory, names
// included, must not be relied upon.
func TestKilledThenPowerCut(t *testing.T) {
	s := newSaga(t)
	s.everyMoment(t, func(op vfs.Op, m *vfs.Memory, acked int) {
		m = m.Fork(1).Kill()
		l, n, err := s.holds(t, m, acked)
		for ; err == nil && n < len(s.batches); n++ {
			must(t, s.survives(t, m.Fork(2).CrashWith(vfs.Cut{}), n))
			err = l.Write(s.batches[n])
		}
		if err != nil {
			t.Fatalf("killed before %v: %v", op, err)
		}
		must(t, l.Close())
	})
}

// TestDirFsyncRotation lets names come and go independently of each other while all that was
// written is there, and the other way round, before every operation.
func TestDirFsyncRotation(t *testing.T) {
	s := newSaga(t)
	renames := 0
	s.everyMoment(t, func(op vfs.Op, m *vfs.Memory, acked int) {
		if op.Kind == vfs.OpRename {
			renames++
		}
		for seed := range uint64(8) {
			for _, keep := range []float64{0, 1} {
				cut := vfs.Cut{Keep: keep, Names: float64(seed%4) / 3, Lengths: seed%2 > 0}
				if err := s.survives(t, m.Fork(seed).CrashWith(cut), acked); err != nil {
					t.Fatalf("power cut %+v, seed %d, before %v: %v", cut, seed, op, err)
				}
			}
		}
	})
	if renames < 10 {
		t.Errorf("only %d files were renamed: the log hardly rotates", renames)
	}
}

// TestRecycledSegment cuts the power while batches go into a segment in which batches of the very
// same length lie from its last life, at the very same places: none of them is read as valid,
// whichever sectors of a new one are lost. They are told apart by the salt of the segment alone.
func TestRecycledSegment(t *testing.T) {
	s := &saga{batches: [][]core.Update{{install(1)}}, states: []string{""}}
	for i := core.Index(1); i < 60; i++ {
		s.batches = append(s.batches, []core.Update{{Group: 1,
			Entries: entries(core.Term(i), i, i+1, 960), Snapshot: meta(core.Term(i), i), Compact: i}})
	}
	l := s.open(t, vfs.NewMemory(1))
	for _, batch := range s.batches {
		write(t, l, batch...)
		s.states = append(s.states, text(t, l))
	}
	must(t, l.Close())
	recycled := map[string]bool{}
	s.everyMoment(t, func(op vfs.Op, m *vfs.Memory, acked int) {
		if op.Kind == vfs.OpRename && strings.HasSuffix(op.Path, suffix) {
			recycled[op.Path] = true
		}
		if op.Kind != vfs.OpSync || len(recycled) < 3 {
			return
		}
		for n, cut := range crashes(m) {
			if err := s.survives(t, m.Fork(uint64(n)).CrashWith(cut), acked); err != nil {
				t.Fatalf("power cut %d (%+v) before %v: %v", n, cut, op, err)
			}
		}
	})
	if len(recycled) < 5 {
		t.Errorf("only %d segments were kept for another life", len(recycled))
	}
}

// TestMustSyncTable writes each kind of change alone, behind others and together with them: each
// Write syncs exactly once, after it has written, and is durable when it returns; what only reads
// syncs nothing.
func TestMustSyncTable(t *testing.T) {
	hard := core.HardState{Term: 9, Vote: 2, Commit: 3}
	for what, batch := range map[string][]core.Update{
		"nothing":           {},
		"a term":            {{Group: 1, Hard: core.HardState{Term: 9}}},
		"a vote":            {{Group: 1, Hard: core.HardState{Term: 1, Vote: 2}}},
		"a commit index":    {{Group: 1, Hard: core.HardState{Term: 1, Commit: 2}}},
		"an entry":          {{Group: 1, Entries: entries(1, 4, 5, 10)}},
		"an entry replaced": {{Group: 1, Entries: entries(2, 3, 4, 10)}},
		"an empty entry":    {{Group: 1, Entries: entries(2, 4, 5, 0)}},
		"a snapshot":        {{Group: 1, Snapshot: meta(1, 2)}},
		"a compaction":      {{Group: 1, Snapshot: meta(1, 2), Compact: 2}},
		"an install":        {{Group: 1, Install: meta(5, 9)}},
		"a new group":       {install(7)},
		"a removal":         {{Group: 2, Remove: true}},
		"an empty update":   {{Group: 1}},
		"all at once": {{Group: 1, Install: meta(5, 9), Hard: hard, Entries: entries(5, 10, 12, 10),
			Snapshot: meta(5, 11), Compact: 11}, {Group: 2, Remove: true}, install(7)},
	} {
		m, ops := vfs.NewMemory(1), ""
		c := Config{SegmentBytes: 1 << 20, Inline: true, Salt: 1, Logger: slog.New(slog.DiscardHandler)}
		l := open(t, vfs.NewFaulty(m, func(op vfs.Op) error {
			if op.Kind.Changes() {
				ops += op.Kind.String() + " "
			}
			return nil
		}), c)
		write(t, l, install(1), install(2))
		write(t, l, core.Update{Group: 1, Hard: core.HardState{Term: 1}, Entries: entries(1, 1, 4, 10)})
		before := text(t, l)
		ops = ""
		write(t, l, batch...)
		got, want := ops, "write sync "
		if len(batch) == 0 {
			want = ""
		}
		after := text(t, l)
		if _, err := l.Term(1, 9); got != want || ops != got {
			t.Errorf("%s: got %q, want %q; then %q by reading (%v)", what, got, want, ops[len(got):], err)
		}
		if (after != before) != (len(batch) > 0 && what != "an empty update") {
			t.Errorf("%s: holds %s before, %s after", what, before, after)
		}
		if kept := text(t, open(t, m.CrashWith(vfs.Cut{}), c)); kept != after {
			t.Errorf("%s: got %s after a power cut, want %s", what, kept, after)
		}
	}
}

// proved says whether damage to the last batch of the log on a disk would be told from a crash.
func proved(t testing.TB, m *vfs.Memory) bool {
	t.Helper()
	r, err := Verify(m.Fork(1).CrashWith(vfs.Cut{}), testDir)
	must(t, err)
	return r.Closed
}

// A log that is not written to for a moment proves its last batch, once, and again behind the next.
func TestRestProvesTheLastBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := small()
		c.Inline, c.SegmentBytes = false, 1<<20 // nothing else to be done in the background
		m := vfs.NewMemory(1)
		var syncs atomic.Int32
		l := open(t, vfs.NewFaulty(m, func(op vfs.Op) error {
			if op.Kind == vfs.OpSync {
				syncs.Add(1)
			}
			return nil
		}), c)
		defer l.Close()
		write(t, l, install(1))
		for i := range core.Index(3) {
			before := syncs.Load()
			for range 20 { // never at rest
				<-time.After(proveAfter / 2)
				write(t, l, core.Update{Group: 1, Hard: core.HardState{Term: core.Term(i + 1)}})
				if proved(t, m) {
					t.Fatalf("round %d: proved though it is being written to", i)
				}
			}
			if got := syncs.Load() - before; got != 20 {
				t.Errorf("round %d: %d syncs for 20 batches", i, got)
			}
			<-time.After(2*proveAfter + 1)
			if !proved(t, m) {
				t.Fatalf("round %d: not proved at rest", i)
			}
			before = syncs.Load()
			<-time.After(100 * proveAfter)
			if got := syncs.Load() - before; got != 0 {
				t.Errorf("round %d: %d syncs at rest", i, got)
			}
		}
	})
}

// Open after a crash proves the last batch, so that a log is open to doubt only once.
func TestOpenProvesTheLastBatch(t *testing.T) {
	m := vfs.NewMemory(1)
	history(t, open(t, m, small()))
	if m = m.CrashWith(vfs.Cut{}); proved(t, m) {
		t.Fatal("proved before anybody has opened it: the test tests nothing")
	}
	open(t, m, small())
	if !proved(t, m) {
		t.Error("not proved after it was opened")
	}
	before := fmt.Sprint(files(t, m))
	m = m.Kill()
	open(t, m, small())
	if got := fmt.Sprint(files(t, m)); got != before {
		t.Error("a log that is proved is proved again")
	}
}

// Every segment has room for the seal of a batch that fills it to the last byte, and for the proof
// in a sector of its own.
func TestProofAndSealAlwaysFit(t *testing.T) {
	for size := range 2 * frameAlign {
		m := vfs.NewMemory(1)
		l := open(t, m, small())
		write(t, l, install(1))
		fill := int(l.room()) - int(updateBytes(&core.Update{Entries: entries(1, 1, 2, 0)})) - frameHeader
		write(t, l, core.Update{Group: 1, Entries: entries(1, 1, 2, fill-size)})
		first := l.active()
		must(t, l.prove())
		if l.end.at > first.proofAt()&^511 {
			t.Errorf("%d bytes less: the batch ends at %d, the proof is at %d",
				size, l.end.at, first.proofAt())
		}
		write(t, l, core.Update{Group: 1, Entries: entries(1, 2, 3, 2000)})
		got, err := m.Size(first.path)
		if err != nil || got != first.size || l.active() == first {
			t.Errorf("%d bytes less: the segment has %d bytes, %v, made with %d", size, got, err, first.size)
		}
		want := text(t, l)
		if got := text(t, open(t, m.CrashWith(vfs.Cut{}), small())); got != want {
			t.Errorf("%d bytes less: got %s, want %s", size, got, want)
		}
	}
}
