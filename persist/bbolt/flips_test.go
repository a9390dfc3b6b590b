//go:build !race

package bbolt

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// The race detector would find what bbolt itself does when its free list is damaged: it gives up
// while a goroutine of its own still reads the pages.

// TestFlippedBitsAreFound damages the file of a closed store byte by byte. It is found, or does no
// harm, and the file is left as it is.
func TestFlippedBitsAreFound(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir)
	for n := range 20 {
		mustWrite(t, s, update(n))
	}
	want := mustLook(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, fileName)
	file, found := mustRead(t, path), 0
	used := 0
	for at := 0; at < len(file); at += 1 + used*7%29 {
		if file[at] == 0 && at%16 > 0 {
			continue
		}
		used++
		damaged := bytes.Clone(file)
		damaged[at] ^= 1 << (at % 8)
		if err := os.Remove(path); err != nil { // what is mapped of the last one stays
			t.Fatal(err)
		}
		if err := os.WriteFile(path, damaged, fileMode); err != nil {
			t.Fatal(err)
		}
		s, err := Open(dir, small())
		if err != nil {
			found++
			if !errors.Is(err, core.ErrCorrupt) || !bytes.Equal(mustRead(t, path), damaged) {
				t.Fatalf("byte %d: got %v and perhaps another file, want ErrCorrupt", at, err)
			}
			continue
		}
		if got, err := look(s); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("byte %d: got %v, %v, want %v", at, got.State, err, want.State)
		}
		s.Close() // nothing was written
	}
	if t.Logf("%d of %d damaged files were found", found, used); found == 0 {
		t.Error("no damage was found")
	}
}
