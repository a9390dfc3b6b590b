package e2e

import (
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
)

// TestStoresAreSwappedUnderLoad moves node after node to another store while clients write, so that
// each node of the cluster has another one in the end, and then kills all of them.
func TestStoresAreSwappedUnderLoad(t *testing.T) {
	c := programs.Cluster(t, 3, "--script", tallyScript(t), "--store", "wal")
	c.Leader(t)
	y := newTally(t, c)
	stop := y.load(t, 4)
	for id, store := range map[int]string{1: "bbolt", 2: "pebble"} {
		n := c.nodes[id-1]
		y.more(t, 100)
		if code := n.Stop(t); code != exit.OK {
			t.Fatalf("node %d ended with code %d", n.ID, code)
		}
		check(t, programs.Start(t, c.Dir, "tidelock", "migrate-store", "--from", "wal:"+n.Dir,
			"--to", store+":"+n.Dir), exit.OK, "Start the node with --store "+store)
		n.args = append(n.args, "--store", store)
		n.Restart(t)
		c.follows(t, n)
	}
	y.more(t, 100)
	stop()
	c.agree(t, y)
	for _, n := range c.Nodes() {
		n.Kill(t)
	}
	for _, n := range c.Nodes() {
		n.Restart(t)
	}
	y.add(t.Context(), t)
	c.agree(t, y)
}

// TestTransportIsSwappedNodeByNode restarts node after node with another transport while clients
// write. There is a majority on one side or the other at all times but while the second of three
// restarts.
func TestTransportIsSwappedNodeByNode(t *testing.T) {
	c := programs.Cluster(t, 3, "--script", tallyScript(t), "--transport", "tcp")
	c.Leader(t)
	y := newTally(t, c)
	stop := y.load(t, 4)
	for _, n := range c.Nodes() {
		y.more(t, 100)
		if code := n.Stop(t); code != exit.OK {
			t.Fatalf("node %d ended with code %d", n.ID, code)
		}
		n.args = append(n.args, "--transport", "grpc")
		n.Restart(t)
	}
	y.more(t, 100)
	stop()
	c.agree(t, y)
}

// more waits until so many numbers more are acknowledged.
func (y *tally) more(t *testing.T, numbers int) {
	t.Helper()
	want := y.acknowledged() + numbers
	Eventually(t, "more numbers", func() bool { return y.acknowledged() >= want })
}

// follows waits until a node has caught up with a leader.
func (c *Cluster) follows(t *testing.T, n *Node) {
	t.Helper()
	before := c.Status(t)[c.Leader(t)].CommitIndex
	Eventually(t, "the node to follow", func() bool {
		return c.Status(t)[n.ID].AppliedIndex >= before
	})
}

// agree waits until all nodes have applied the same, and checks it against what was acknowledged.
func (c *Cluster) agree(t *testing.T, y *tally) {
	t.Helper()
	c.Settled(t, len(c.nodes))
	for _, n := range c.Nodes() {
		y.check(t, n)
	}
}
