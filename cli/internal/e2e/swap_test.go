package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/client"
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

// TestTransportIsSwappedUnderLoad takes a cluster from tcp to grpc by way of both, as
// docs/plugins.md says, while eight clients write. No write fails, and none is lost.
func TestTransportIsSwappedUnderLoad(t *testing.T) {
	c := programs.Cluster(t, 3, "--script", tallyScript(t))
	c.Leader(t)
	y := newTally(t, c)
	y.patient(t)
	stop := y.load(t, 8)
	t.Cleanup(stop)
	grpc := make(map[core.NodeID]string)
	for i, port := range FreePorts(t, 3) {
		grpc[c.nodes[i].ID] = fmt.Sprintf("grpc://127.0.0.1:%d", port)
	}
	address := func(n *Node) Outcome {
		return c.Client(t, "cluster", "address", fmt.Sprint(n.ID), grpc[n.ID], "--timeout", "30s")
	}
	address(c.Node(2)).Want(t, exit.Failed, "node 1 runs transport tcp, and not grpc, which the "+
		"address asks for; start it with --transport tcp,grpc first")
	for _, step := range []struct {
		what string
		do   func(n *Node)
	}{
		{"each node is started with both", func(n *Node) {
			c.roll(t, n, "--transport", "tcp,grpc", "--listen", n.Addr+","+grpc[n.ID])
		}},
		{"each node's address is changed", func(n *Node) {
			Eventually(t, "the address to change", func() bool { // an answer may be lost with a leader
				o := address(n)
				return o.Code == exit.OK || strings.Contains(o.Out+o.Err, "is there already")
			})
		}},
		{"each node is started with grpc", func(n *Node) {
			c.roll(t, n, "--transport", "grpc", "--listen", grpc[n.ID])
		}},
	} {
		y.longest()
		for _, n := range c.Nodes() {
			y.more(t, 100)
			step.do(n)
		}
		for _, n := range c.Nodes() {
			c.follows(t, n)
		}
		t.Logf("%s: no write for %v at most", step.what, y.longest())
	}
	stop()
	c.agree(t, y)
	t.Logf("%d writes acknowledged, %d of unknown outcome", len(y.acked), len(y.unknown))
	if len(y.unknown) > 0 {
		t.Errorf("%d writes have failed", len(y.unknown))
	}
	c.Client(t, "cluster", "members").Want(t, exit.OK, grpc[3])
	Eventually(t, "nothing to be wrong", func() bool {
		return c.Client(t, "cluster", "why").Out == "3 voters, tolerates 1 failure\nnothing is wrong\n"
	})
}

// roll restarts a node with other flags, and waits until it follows. A leader hands over first.
func (c *Cluster) roll(t *testing.T, n *Node, flags ...string) {
	t.Helper()
	Eventually(t, "another to lead", func() bool { // whoever is asked may itself be the next
		return c.Leader(t) != n.ID || c.Client(t, "cluster", "transfer").Code == exit.OK
	})
	if code := n.Stop(t); code != exit.OK {
		t.Fatalf("node %d ended with code %d", n.ID, code)
	}
	n.args = append(n.args, flags...)
	n.Restart(t)
	c.follows(t, n)
}

// patient has clients wait for as long as anything here.
func (y *tally) patient(t *testing.T) {
	t.Helper()
	y.client = y.cluster.connect(t, client.Config{})
}

// longest returns for how long nothing was acknowledged, since it was last asked.
func (y *tally) longest() time.Duration {
	y.mu.Lock()
	defer y.mu.Unlock()
	stall := y.stall
	y.stall = 0
	return stall.Round(time.Millisecond)
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
	before := c.State(t, c.Leader(t)).CommitIndex
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
