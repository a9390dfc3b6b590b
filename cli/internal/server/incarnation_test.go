package server

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/core/node"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// TestIncarnationRises from run to run, though the clock is set back and the power fails.
func TestIncarnationRises(t *testing.T) {
	memory := vfs.NewMemory(1)
	if err := memory.MkdirAll("d"); err != nil {
		t.Fatal(err)
	}
	if err := memory.SyncDir("."); err != nil {
		t.Fatal(err)
	}
	now, last := time.Date(2027, time.March, 1, 0, 0, 0, 0, time.UTC), uint32(0)
	for i, later := range []time.Duration{
		0, 0, -time.Hour, -1e4 * time.Hour, time.Minute, 2e4 * time.Hour,
	} {
		now = now.Add(later)
		got, err := incarnate(memory, "d", now)
		if err != nil || got <= last || got < node.Incarnation(now) {
			t.Fatalf("run %d at %v: got %d after %d, %v", i, now, got, last, err)
		}
		last, memory = got, memory.Crash()
	}
}

// TestIncarnationIsNotGuessed: where the number of the last run cannot be read, none is given.
func TestIncarnationIsNotGuessed(t *testing.T) {
	for content, want := range map[string]string{
		"":                               "d/incarnation.json: corrupt: unexpected end of JSON input",
		`{"format":1}`:                   "corrupt: a field is missing",
		`{"format":1,"last":-1}`:         "cannot unmarshal",
		`{"format":2,"last":7}`:          "format 2, want 1: another version has written it",
		`{"format":1,"last":4294967295}`: "no number is left after 4294967295",
		strings.Repeat(" ", 5000):        "4096",
	} {
		fsys := fsForTest(t)
		if err := vfs.WriteFile(fsys, "d/incarnation.json", []byte(content)); err != nil {
			t.Fatal(err)
		}
		got, err := incarnate(fsys, "d", time.Now())
		if got != 0 || err == nil || !strings.Contains(err.Error(), "d/incarnation.json: ") ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: got %d, %v, want an error with %q", content, got, err, want)
		}
		after, err := vfs.ReadFile(fsys, "d/incarnation.json", 2*maxIdentity)
		if err != nil || string(after) != content {
			t.Errorf("%.40q became %.40q, %v", content, after, err)
		}
	}
}

// TestIncarnationThatCannotBeWritten is an error whatever fails.
func TestIncarnationThatCannotBeWritten(t *testing.T) {
	broken := errors.New("broken")
	for _, kind := range []vfs.OpKind{
		vfs.OpCreate, vfs.OpWrite, vfs.OpSync, vfs.OpRename, vfs.OpSyncDir,
	} {
		fsys := vfs.NewFaulty(fsForTest(t), func(o vfs.Op) error {
			if o.Kind == kind {
				return broken
			}
			return nil
		})
		if _, err := incarnate(fsys, "d", time.Now()); !errors.Is(err, broken) {
			t.Errorf("%v fails: got %v", kind, err)
		}
	}
}
