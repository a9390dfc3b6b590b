package pebble

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	db "github.com/cockroachdb/pebble"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/keyed"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

const dir = "store"

func update(n int) core.Update {
	at := core.Position{Term: 1, Index: core.Index(n)}
	if n == 0 {
		return core.Update{Group: 1, Install: &core.SnapshotMeta{Membership: core.Membership{
			Members: []core.Member{{ID: 1, Role: core.Voter, Addr: "a:1"}}}}}
	}
	return core.Update{Group: 1, Entries: []core.Entry{{Position: at, Kind: core.EntryCommand,
		Data: bytes.Repeat([]byte{byte(n)}, 300)}}}
}

func mustOpen(t *testing.T, fs vfs.FS) core.Store {
	t.Helper()
	s, err := Open(fs, dir, Config{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// written returns a disk with a log of so many writes, killed or closed, and the log's name.
func written(t *testing.T, count int, closed bool) (*vfs.Memory, string) {
	t.Helper()
	disk := vfs.NewMemory(1)
	s := mustOpen(t, disk)
	for n := range count {
		if err := s.Write([]core.Update{update(n)}); err != nil {
			t.Fatal(err)
		}
	}
	if closed {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	} else {
		disk = disk.Kill()
		s.Close() // of no avail
	}
	names, err := disk.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	log := ""
	for _, name := range names {
		if strings.HasSuffix(name, logSuffix) {
			log = filepath.Join(dir, name)
		}
	}
	return disk, log
}

// TestDamageWithinTheLogIsNoEnd flips bits all over the log. Pebble would drop what follows.
func TestDamageWithinTheLogIsNoEnd(t *testing.T) {
	const count = 250 // more than two blocks
	for _, closed := range []bool{true, false} {
		_, log := written(t, count, closed)
		for at := int64(3); at < 80_000; at += 997 {
			disk, log2 := written(t, count, closed)
			if log2 != log {
				t.Fatalf("logs %s and %s", log, log2)
			}
			if err := disk.Flip(log, at, 8); err != nil {
				t.Fatal(err)
			}
			s, err := Open(disk, dir, Config{})
			var corrupt *core.CorruptError
			if errors.As(err, &corrupt) {
				if corrupt.Path != log || corrupt.Offset > at || corrupt.Offset < at-1000 {
					t.Fatalf("bit in byte %d: %v", at, corrupt)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if st, err := s.State(1); err != nil || st.Last.Index != count-1 {
				t.Fatalf("closed %t, bit in byte %d: the log ends at %v, %v", closed, at, st.Last, err)
			}
			s.Close() // nothing was written
		}
	}
}

// TestTornEndIsNoDamage cuts the last write off at every place.
func TestTornEndIsNoDamage(t *testing.T) {
	_, log := written(t, 20, false)
	for cut := 1; cut < 300; cut += 7 {
		disk, _ := written(t, 20, false)
		whole, err := vfs.ReadFile(disk, log, 1<<30)
		if err == nil {
			err = vfs.WriteFile(disk, log, whole[:len(whole)-cut])
		}
		if err != nil {
			t.Fatal(err)
		}
		s := mustOpen(t, disk)
		if st, err := s.State(1); err != nil || st.Last.Index < 18 {
			t.Fatalf("cut by %d: the log ends at %v, %v", cut, st.Last, err)
		}
		s.Close() // nothing was written
	}
}

func TestOpenRefusesWhatIsNotOurs(t *testing.T) {
	disk := vfs.NewMemory(1)
	if err := disk.MkdirAll(dir); err != nil {
		t.Fatal(err)
	}
	d, err := db.Open(dir, &db.Options{FS: &files{fs: disk}})
	if err == nil {
		err = d.Set([]byte("somebody"), []byte("else's"), db.Sync)
	}
	if err = errors.Join(err, d.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(disk, dir, Config{}); !errors.Is(err, core.ErrCorrupt) ||
		!errors.Is(err, keyed.ErrForeign) {
		t.Errorf("got %v, want ErrForeign", err)
	}
	d, err = db.Open(dir, &db.Options{FS: &files{fs: disk}})
	if err != nil {
		t.Fatal(err)
	}
	value, closer, err := d.Get([]byte("somebody"))
	if err != nil || string(value) != "else's" {
		t.Errorf("what was there is now %q, %v", value, err)
	}
	if err = errors.Join(closer.Close(), d.Close()); err != nil {
		t.Error(err)
	}
}

// TestLostFilesAreNotBegunAnew removes what says that there is a database, and each file in turn.
func TestLostFilesAreNotBegunAnew(t *testing.T) {
	disk, _ := written(t, 20, true)
	names, err := disk.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		disk, _ := written(t, 20, true)
		if err := disk.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		s, err := Open(disk, dir, Config{})
		if err != nil {
			if !errors.Is(err, core.ErrCorrupt) {
				t.Errorf("without %s: %v", name, err)
			}
			continue
		}
		st, err := s.State(1)
		if strings.HasSuffix(name, logSuffix) {
			err = nil // the only one whose loss nothing tells of; see the package comment
		} else if err == nil && st.Last.Index != 19 {
			err = fmt.Errorf("the log ends at %v", st.Last)
		}
		if err != nil {
			t.Errorf("without %s: %v", name, err)
		}
		s.Close() // nothing was written
	}
}

func TestSecondOpenerIsRefused(t *testing.T) {
	disk := vfs.NewMemory(1)
	s := mustOpen(t, disk)
	if _, err := Open(disk, dir, Config{}); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("got %v, want ErrLocked", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	mustOpen(t, disk).Close() // the lock is free
}

func FuzzScan(f *testing.F) {
	f.Add([]byte{}, []byte("x"))
	f.Add(make([]byte, blockBytes), []byte{5})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		s := scanner{number: 2, broken: -1}
		for i, block := range [][]byte{a, b} {
			if at := s.block(block[:min(len(block), blockBytes)], int64(i)*blockBytes); at >= 0 &&
				(s.broken < 0 || at <= s.broken) {
				t.Errorf("proof at %d, broken at %d", at, s.broken)
			}
		}
	})
}
