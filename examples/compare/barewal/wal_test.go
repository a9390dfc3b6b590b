package barewal

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// write writes a batch.
func write(t *testing.T, l *Log, payloads ...string) {
	t.Helper()
	for _, p := range payloads {
		l.End(append(l.Begin(), p...))
	}
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
}

func replayed(t *testing.T, dir string) string {
	t.Helper()
	var got []string
	if err := Replay(dir, func(p []byte) { got = append(got, string(p)) }); err != nil {
		t.Fatal(err)
	}
	return strings.Join(got, " ")
}

func TestReplayTellsWhatWasSynced(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(dir, 4096)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	write(t, l, "a", "bc")
	write(t, l, "def")
	if got := replayed(t, dir); got != "a bc def" {
		t.Errorf("got %q", got)
	}
	for _, at := range []int64{headBytes + 4, headBytes + recordBytes} { // sum, payload of the first
		if _, err := l.file().WriteAt([]byte{0xFF}, at); err != nil {
			t.Fatal(err)
		}
		if got := replayed(t, dir); got != "" {
			t.Errorf("damaged at %d: got %q", at, got)
		}
	}
}

// TestOldTurnsDoNotComeBack goes round the two segments, where records of the turn before stand
// behind those of this one.
func TestOldTurnsDoNotComeBack(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(dir, 64)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for n := range 40 {
		write(t, l, fmt.Sprintf("%08d", n))
	}
	got := strings.Fields(replayed(t, dir))
	if len(got) < 3 || got[len(got)-1] != "00000039" {
		t.Fatalf("got %v", got)
	}
	for i, text := range got {
		if want := fmt.Sprintf("%08d", 40-len(got)+i); text != want {
			t.Errorf("record %d: got %s, want %s", i, text, want)
		}
	}
}

func TestLimits(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(dir, 64)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.End(append(l.Begin(), make([]byte, 64)...))
	if err := l.Sync(); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	if err := os.Truncate(segment(dir, 0), 3); err != nil {
		t.Fatal(err)
	}
	if err := Replay(dir, func([]byte) {}); err == nil {
		t.Error("a segment without its head was read")
	}
}
