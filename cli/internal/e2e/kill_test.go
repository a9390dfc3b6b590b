package e2e

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
)

func tallyScript(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("testdata/tally.lua")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestTenLeadersKilledNothingLost kills the leader ten times in turn under load, restarts each, and
// then kills all nodes at once: every acknowledged write is on every node, none was applied twice.
func TestTenLeadersKilledNothingLost(t *testing.T) {
	c := programs.Cluster(t, 3, "--script", tallyScript(t), "--heartbeat", "50ms",
		"--election", "150ms", "--snapshot-entries", "2000", "--store.wal.segment", "1MiB")
	c.Leader(t)
	y := newTally(t, c)
	stop := y.load(t, 16)
	var longest time.Duration
	for range 10 {
		leader := c.Node(c.Leader(t))
		before := y.acknowledged()
		leader.Kill(t)
		killed := time.Now()
		Eventually(t, "an acknowledged write after the leader was killed", func() bool {
			return y.acknowledged() > before+16
		})
		longest = max(longest, time.Since(killed))
		leader.Restart(t)
		Eventually(t, "the killed node to follow", func() bool {
			found := c.Status(t)
			return found[leader.ID].Leader != 0 && len(found) == 3
		})
	}
	stop()
	c.Settled(t, 3)
	for _, n := range c.Nodes() {
		y.check(t, n)
	}
	t.Logf("%d writes acknowledged, %d of unknown outcome, longest time without one after a kill %v",
		len(y.acked), len(y.unknown), longest.Round(time.Millisecond))

	for _, n := range c.Nodes() {
		n.Kill(t)
	}
	for _, n := range c.Nodes() {
		n.Restart(t)
	}
	y.add(t.Context(), t)
	c.Settled(t, 3)
	for _, n := range c.Nodes() {
		y.check(t, n)
		if code := n.Stop(t); code != exit.OK {
			t.Errorf("node %d ended with code %d", n.ID, code)
		}
	}
}

// TestTwoOfThreeStopped shows that a write without a majority ends in time, with an error for
// programs, and that nothing is made up when the majority is back.
func TestTwoOfThreeStopped(t *testing.T) {
	c := programs.Cluster(t, 3)
	leader := c.Leader(t)
	c.Client(t, "put", "x", "1").Want(t, exit.OK, "OK leader=")
	for _, n := range c.Nodes() {
		if n.ID != leader {
			n.Kill(t)
		}
	}
	began := time.Now()
	c.Client(t, "put", "x", "2", "--timeout", "1s").Want(t, exit.Unavailable, `{"error":"timeout"`)
	c.Client(t, "get", "x", "--timeout", "1s").Want(t, exit.Unavailable, `{"error":"`)
	if took := time.Since(began); took > Patience/2 {
		t.Errorf("two requests with a time-out of a second took %v", took)
	}
	for _, n := range c.Nodes() {
		if n.ID != leader {
			n.Restart(t)
		}
	}
	c.Leader(t)
	c.Client(t, "put", "x", "3").Want(t, exit.OK, "OK leader=")
	c.Client(t, "get", "x").Want(t, exit.OK, "3\n")
	c.Settled(t, 3)
}
