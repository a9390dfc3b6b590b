package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
)

// Join adds a node by the command line and starts it with the command that this prints, but for
// ports and directory. With words such as --learner it is added so.
func (c *Cluster) Join(t *testing.T, words ...string) *Node {
	t.Helper()
	ports := FreePorts(t, 2)
	id := core.NodeID(len(c.nodes) + 1)
	n := &Node{
		ID: id, cluster: c, Dir: filepath.Join(c.Dir, fmt.Sprintf("node%d", id)),
		Addr: fmt.Sprintf("127.0.0.1:%d", ports[0]), API: fmt.Sprintf("127.0.0.1:%d", ports[1]),
	}
	words = append([]string{"cluster", "add", fmt.Sprint(id), n.Addr, "--output", "json"}, words...)
	var o Outcome
	Eventually(t, "the change before to be over", func() bool { // its end is seen before it is sure
		o = c.Client(t, words...)
		return !strings.Contains(o.Out, `"error":"pending"`)
	})
	o.Want(t, exit.OK, `"start":"raft-node --id `+fmt.Sprint(id))
	var added struct{ Start string }
	if err := json.Unmarshal([]byte(o.Out), &added); err != nil || added.Start == "" {
		t.Fatal("the node was not added")
	}
	n.args = append(strings.Fields(added.Start)[1:], "--data", n.Dir, "--api-listen", n.API)
	c.nodes = append(c.nodes, n)
	n.Restart(t)
	return n
}

// Await waits until the leader knows the member in this role, empty for not at all.
func (c *Cluster) Await(t *testing.T, id core.NodeID, role string) {
	t.Helper()
	Eventually(t, fmt.Sprintf("node %d as %q", id, role), func() bool {
		for _, g := range c.Status(t) {
			if g.Role != "leader" {
				continue
			}
			found, settled := "", true
			for _, m := range g.Members {
				settled = settled && !m.Outgoing
				if m.ID == id {
					found = m.Role
				}
			}
			return found == role && settled
		}
		return false
	})
}

// transfer makes a node lead. One that does not take over in time is asked once more.
func (c *Cluster) transfer(t *testing.T, id core.NodeID) {
	t.Helper()
	Eventually(t, fmt.Sprintf("node %d to lead", id), func() bool {
		o := c.Client(t, "cluster", "transfer", fmt.Sprint(id))
		if !strings.Contains(o.Out, `"error":"no_takeover"`) {
			o.Want(t, exit.OK, fmt.Sprintf("OK leader=%d ", id))
		}
		return o.Code == exit.OK
	})
}

// TestThreeToFiveToThree changes who is in a cluster that is written to: two nodes join, leadership
// moves to one of them, one dies and is replaced, two go, the leader among them, and a leader
// moves. Nothing is lost or applied twice, and every old start command goes on to work.
func TestThreeToFiveToThree(t *testing.T) {
	c := programs.Cluster(t, 3, "--script", tallyScript(t), "--heartbeat", "50ms",
		"--election", "1s", "--snapshot-entries", "2000", "--store.wal.segment", "1MiB")
	c.Leader(t)
	y := newTally(t, c)
	stop := y.load(t, 8)
	t.Cleanup(stop)
	progress := func(what string) {
		before := y.acknowledged()
		Eventually(t, "writes after "+what, func() bool { return y.acknowledged() > before+50 })
	}
	progress("the start")
	for range 2 {
		c.Await(t, c.Join(t).ID, "voter")
	}
	progress("two nodes have joined")
	c.transfer(t, 4)
	progress("a transfer")
	c.Client(t, "cluster", "add", "4", "127.0.0.1:1").Want(t, exit.Failed, "already a member")
	c.Node(3).Kill(t)
	Eventually(t, "removal of the dead node", func() bool { // refused while it seems to answer
		return c.Client(t, "cluster", "remove", "3").Code == exit.OK
	})
	c.Await(t, 3, "")
	c.Await(t, c.Join(t).ID, "voter")
	progress("a dead node was replaced")
	Eventually(t, "a plan while all answer", func() bool {
		return strings.Contains(c.Client(t, "cluster", "remove", "1", "4", "--plan").Out, "refused "+
			"unless forced: of 3 voters a majority of 2 is needed and 3 answer, so 1 may fail then; "+
			"now 5 of 5 answer")
	})
	c.Client(t, "cluster", "remove", "1", "4").Want(t, exit.Failed, `{"error":"unsafe"`)
	c.Client(t, "cluster", "remove", "1", "4", "--force", "--timeout", "20s").Want(t, exit.OK,
		"3 voters, majority 2, ")
	for _, id := range []core.NodeID{1, 4} {
		c.Node(id).WaitFor(t, "this node was removed")
		c.Await(t, id, "")
	}
	progress("two nodes were removed")
	c.Client(t, "cluster", "add", "4", "127.0.0.1:1").Want(t, exit.Failed, "never used again")
	for _, id := range []core.NodeID{1, 4} {
		if code := c.Node(id).Stop(t); code != exit.OK {
			t.Errorf("removed node %d ended with code %d", id, code)
		}
	}
	progress("the removed nodes were stopped")
	c.transfer(t, 2)
	address := fmt.Sprintf("127.0.0.1:%d", FreePorts(t, 1)[0])
	if code := c.Node(2).Stop(t); code != exit.OK {
		t.Errorf("node 2 ended with code %d", code)
	}
	c.Node(2).WaitFor(t, "leadership handed over")
	c.Node(2).args = append(c.Node(2).args, "--listen", address)
	c.Node(2).Restart(t)
	c.Client(t, "cluster", "address", "2", address).Want(t, exit.OK, address)
	progress("a leader has moved")
	stop()
	for _, id := range []core.NodeID{2, 5, 6} {
		c.Node(id).Kill(t)
		c.Node(id).Restart(t)
	}
	y.add(t.Context(), t)
	c.Settled(t, 3)
	for _, id := range []core.NodeID{2, 5, 6} {
		y.check(t, c.Node(id))
	}
	t.Logf("%d writes acknowledged, %d of unknown outcome", len(y.acked), len(y.unknown))
}
