package wal

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// damages are what a disk may do to the bytes lo … hi-1 of a file.
var damages = map[string]func(content []byte, lo, hi int64){
	"a flipped bit at the start": func(c []byte, lo, _ int64) { c[lo+9] ^= 4 },
	"a flipped bit at the end":   func(c []byte, _, hi int64) { c[hi-frameAlign] ^= 1 },
	"zeros":                      func(c []byte, lo, hi int64) { clear(c[lo:hi]) },
	"zeros for a header":         func(c []byte, lo, _ int64) { clear(c[lo : lo+frameHeader]) },
	"noise":                      func(c []byte, lo, hi int64) { noise(c[lo:hi]) },
	"noise in a sector":          func(c []byte, lo, _ int64) { noise(c[lo&^511 : lo|511]) },
	"zeros in a sector":          func(c []byte, lo, _ int64) { clear(c[lo&^511 : lo|511]) },
	"bytes of elsewhere":         func(c []byte, lo, hi int64) { copy(c[lo:hi], c[firstFrame-1:]) },
}

func noise(piece []byte) {
	for i := range piece {
		piece[i] = byte(i*i*7+i) ^ 0xa5
	}
}

// inUseOf are the names of the segments that hold frames.
func inUseOf(t testing.TB, all map[string]string) []string {
	t.Helper()
	names := segments(all)
	for len(frames(t, all[names[len(names)-1]])) == 1 {
		names = names[:len(names)-1]
	}
	return names
}

// TestMidLogCorruptionIsFatal damages each frame that something proves, in each way: Open and
// Verify name the file and the place, and change nothing.
func TestMidLogCorruptionIsFatal(t *testing.T) {
	for _, closed := range []bool{false, true} {
		all, _ := rotated(t, closed)
		names := inUseOf(t, all)
		for n, name := range names {
			offsets := frames(t, all[name])
			for i, off := range offsets[:len(offsets)-1] {
				if n == len(names)-1 && !closed && off|511 >= offsets[len(offsets)-2] {
					continue // in a sector with the last frame of all, which nothing proves
				}
				for what, damage := range damages {
					content := []byte(all[name])
					damage(content, off, offsets[i+1])
					if err := reported(t, all, name, string(content)); err != nil {
						t.Errorf("%s in frame %d of %s, closed %v: %v", what, i, name, closed, err)
					}
				}
			}
		}
	}
}

// reported checks that damage to a file is found, in the first frame that it changes.
func reported(t testing.TB, all map[string]string, name, content string) error {
	t.Helper()
	first := int64(0)
	for content[first] == all[name][first] {
		first++
	}
	offsets := frames(t, all[name])
	n, _ := slices.BinarySearch(offsets, first+1)
	rotten := maps.Clone(all)
	rotten[name] = content
	_, _, _, err := opened(t, rotten)
	corrupt, ok := errors.AsType[*core.CorruptError](err)
	if !ok || filepath.Base(corrupt.Path) != name || corrupt.Offset != offsets[n-1] {
		return fmt.Errorf("got %w, want damage at %d", err, offsets[n-1])
	}
	_, again := Verify(disk(t, rotten), testDir)
	if again == nil || !strings.Contains(err.Error(), again.Error()) {
		return fmt.Errorf("verify: got %w, open says %w", again, err)
	}
	return nil
}

// TestCorruptionNotTruncated opens a damaged log again and again, and repairs it by hand: all that
// was acknowledged is there.
func TestCorruptionNotTruncated(t *testing.T) {
	all, want := rotated(t, false)
	for _, name := range inUseOf(t, all) {
		offsets := frames(t, all[name])
		path := filepath.Join(testDir, name)
		m := disk(t, all)
		must(t, m.Flip(path, offsets[0]+frameHeader+8, 0x10))
		for range 3 {
			_, err := Open(m, testDir, small())
			wantErr(t, name, err, core.ErrCorrupt)
			m = m.CrashWith(vfs.Cut{Keep: 1, Names: 1})
		}
		must(t, m.Flip(path, offsets[0]+frameHeader+8, 0x10))
		if got := text(t, open(t, m, small())); got != want {
			t.Errorf("%s, repaired: got %s, want %s", name, got, want)
		}
	}
}

// TestMissingSegments takes every set of segments away. Only a log of which nothing at all is left
// cannot be told from a new one.
func TestMissingSegments(t *testing.T) {
	for _, closed := range []bool{false, true} {
		all, want := rotated(t, closed)
		names := inUseOf(t, all)
		for _, spare := range segments(all)[len(names):] {
			delete(all, spare) // was made and not used yet
		}
		if got, err := reopened(t, all); err != nil || got != want {
			t.Errorf("closed %v, without a spare: got %s, %v, want %s", closed, got, err, want)
		}
		for set := 1; set < 1<<len(names)-1; set++ {
			lost := maps.Clone(all)
			for i, name := range names {
				if set>>i&1 == 1 {
					delete(lost, name)
				}
			}
			_, err := reopened(t, lost)
			wantErr(t, fmt.Sprintf("closed %v, without %b", closed, set), err, core.ErrCorrupt)
			wantErr(t, fmt.Sprintf("closed %v, without %b", closed, set), err, ErrMissing)
		}
	}
}

// lies are what a disk may do in the place of a write that it reports as done.
var lies = map[string]func(op vfs.Op) error{
	"lost":                   func(vfs.Op) error { return vfs.ErrPretend },
	"put over the header":    func(vfs.Op) error { return &vfs.Misdirected{Offset: 0} },
	"put at the first frame": func(vfs.Op) error { return &vfs.Misdirected{Offset: firstFrame} },
	"put a sector too early": func(op vfs.Op) error {
		return &vfs.Misdirected{Offset: max(0, op.Offset-512)}
	},
	"put a sector too late": func(op vfs.Op) error {
		return &vfs.Misdirected{Offset: op.Offset + 512}
	},
	"put a little too late": func(op vfs.Op) error {
		return &vfs.Misdirected{Offset: op.Offset + 32}
	},
}

// TestLostAndMisdirectedWrites lets each write be lost, or go elsewhere, unnoticed. The log is
// closed later, and then reports the damage, unless none was done. Only the proof itself, if it is
// put over the very batch that it should prove, takes that with it.
func TestLostAndMisdirectedWrites(t *testing.T) {
	for what, lie := range lies {
		reported := 0
		proof := false
		fault := func(op vfs.Op, _ *vfs.Memory) error {
			proof = op.Length == frameHeader // maybe: or the seal
			return lie(op)
		}
		everyFault(t, writes, fault, func(s *saga, err error, m *vfs.Memory, acked int) error {
			if err != nil || acked != len(s.batches) {
				return fmt.Errorf("ended after %d batches: %w", acked, err)
			}
			kept := files(t, m)
			if proof && acked > 0 {
				acked-- // what should prove the last batch destroys it
			}
			l, n, err := s.holds(t, m, acked)
			if err == nil && n >= acked {
				return l.Close()
			}
			if corrupt, ok := errors.AsType[*core.CorruptError](err); !ok || corrupt.Path == "" {
				return fmt.Errorf("got %d batches, %w, want damage with its place", n, err)
			}
			if !maps.Equal(files(t, m), kept) {
				return errors.New("files have changed though Open fails")
			}
			reported++
			return nil
		})
		if reported < 10 {
			t.Errorf("%s: only %d writes do damage", what, reported)
		}
	}
}

// TestStaleSectors shows Open, in each sector of a log that was closed, each thing that the sector
// ever held instead of what it holds now: the log is what it was, or damage is reported.
func TestStaleSectors(t *testing.T) {
	s := newSaga(t)
	m, past := vfs.NewMemory(1), map[string]map[string]bool{} // past[file and offset]: contents
	acked, sectors := 0, func(visit func(name string, off int, sector string)) {
		for name, content := range files(t, m) {
			for off := 0; off+512 <= len(content); off += 512 {
				visit(name, off, content[off:off+512])
			}
		}
	}
	must(t, s.play(vfs.NewFaulty(m, func(op vfs.Op) error {
		if op.Kind == vfs.OpSync {
			sectors(func(name string, off int, sector string) {
				at := fmt.Sprint(strings.TrimSuffix(name, temporary), off)
				if past[at] == nil {
					past[at] = map[string]bool{}
				}
				past[at][sector] = true
			})
		}
		return nil
	}), &acked))
	all, tried, found := files(t, m), 0, 0
	sectors(func(name string, off int, sector string) {
		for old := range past[fmt.Sprint(name, off)] {
			stale := maps.Clone(all)
			stale[name] = all[name][:off] + old + all[name][off+512:]
			_, _, got, err := opened(t, stale)
			if tried++; errors.Is(err, core.ErrCorrupt) {
				found++
			} else if err != nil || got != s.states[len(s.states)-1] {
				t.Fatalf("%s at %d as it was: got %s, %v", name, off, got, err)
			}
		}
	})
	if found < 10 || found == tried {
		t.Errorf("of %d stale sectors, %d do damage", tried, found)
	}
}

// TestReadsThatLie lets each read of entries return the bytes of another place, a flipped bit, or
// less than it should: the entries are right, or it is an error, and the next read is right again.
func TestReadsThatLie(t *testing.T) {
	s := newSaga(t)
	m, fault := vfs.NewMemory(1), error(nil)
	l := s.open(t, vfs.NewFaulty(m, func(op vfs.Op) error {
		if op.Kind == vfs.OpRead {
			return fault
		}
		return nil
	}))
	for _, batch := range s.batches {
		write(t, l, batch...)
	}
	want := s.states[len(s.states)-1]
	st, err := l.State(1)
	must(t, err)
	for i := st.Start.Index + 1; i <= st.Last.Index; i++ {
		right, err := l.Entries(nil, 1, i, i+1, 1<<20)
		must(t, err)
		var faults []error
		for off := range int64(minSegmentBytes / sumBytes) {
			faults = append(faults, &vfs.Misdirected{Offset: off * sumBytes})
		}
		for bit := range int64(8 * (len(right[0].Data) + entryFixed + sumBytes)) {
			faults = append(faults, &vfs.Flip{Bit: bit})
		}
		for bytes := range int64(60) {
			faults = append(faults, &vfs.Short{Bytes: bytes})
		}
		for _, fault = range faults {
			got, err := l.Entries(nil, 1, i, i+1, 1<<20)
			if err == nil && fmt.Sprint(got) == fmt.Sprint(right) {
				continue
			}
			if _, short := errors.AsType[*vfs.Short](fault); len(got) > 0 ||
				short == errors.Is(err, core.ErrCorrupt) {
				t.Fatalf("entry %d, %v: got %v, %v", i, fault, got, err)
			}
		}
		fault = nil
	}
	if got := text(t, l); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
