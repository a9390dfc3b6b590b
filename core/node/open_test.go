package node

import (
	"errors"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/engine"
	"github.com/tidelock-raft/tidelock/persist/memory"
	"github.com/tidelock-raft/tidelock/persist/snapfile"
)

// TestLostLogIsNotANewOne starts a node whose log is gone while its snapshots are not. It must not
// begin anew: its vote went with the log.
func TestLostLogIsNotANewOne(t *testing.T) {
	w := newWorld(t, 1, 1)
	c := newClient(w)
	h := w.hosts[0]
	w.workUntil(c, 1000, func() bool { return h.status().SnapshotIndex > 0 })
	h.power()
	snapshots, err := snapfile.Open(h.disk, "snapshots")
	if err != nil {
		t.Fatal(err)
	}
	_, err = NewHandler(Config{
		Engine: engine.Config{Node: 1, Incarnation: 9},
		Groups: []Group{{core.DefaultGroup, h.members()}}, Store: memory.New(), Snapshots: snapshots,
		Clock: h, Machine: func(core.GroupID) (core.StateMachine, error) { return newJournal(), nil },
	}, h)
	if !errors.Is(err, core.ErrCorrupt) || !strings.Contains(err.Error(), "its log is gone") {
		t.Errorf("got %v, want that the log is gone", err)
	}
}
