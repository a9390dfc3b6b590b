package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
)

// Cluster is a cluster of processes. Node N has its data in node<N> below Dir.
type Cluster struct {
	Dir      string
	programs *Programs
	nodes    []*Node
	born     bool // all nodes that run have been given the beginning of the log
}

// Node is one node of a Cluster, running or not.
type Node struct {
	*Process
	ID      core.NodeID
	Addr    string // for peers
	API     string // for clients
	Dir     string // of its data
	cluster *Cluster
	args    []string
}

// Cluster starts n nodes on free ports, with additional flags for all.
func (p *Programs) Cluster(t *testing.T, n int, flags ...string) *Cluster {
	t.Helper()
	c := &Cluster{Dir: t.TempDir(), programs: p}
	ports := FreePorts(t, 2*n)
	for i := range n {
		c.nodes = append(c.nodes, &Node{
			ID: core.NodeID(i + 1), cluster: c,
			Addr: fmt.Sprintf("127.0.0.1:%d", ports[2*i]),
			API:  fmt.Sprintf("127.0.0.1:%d", ports[2*i+1]),
			Dir:  filepath.Join(c.Dir, fmt.Sprintf("node%d", i+1)),
		})
	}
	for _, node := range c.nodes {
		node.args = append(node.flags(), flags...)
		node.Restart(t)
	}
	return c
}

// flags are those that make the node part of its cluster.
func (n *Node) flags() []string {
	var peers, apis []string
	for _, other := range n.cluster.nodes {
		if other != n {
			peers = append(peers, fmt.Sprintf("%d=%s", other.ID, other.Addr))
			apis = append(apis, fmt.Sprintf("%d=%s", other.ID, other.API))
		}
	}
	return []string{
		"--id", fmt.Sprint(n.ID), "--data", n.Dir, "--listen", n.Addr, "--api-listen", n.API,
		"--peers", strings.Join(peers, ","), "--peer-apis", strings.Join(apis, ","),
	}
}

// Restart starts a node that has ended, with its flags and others behind them, and waits until it
// serves clients. While somebody dials from a port that the node is to have, it is started again.
func (n *Node) Restart(t *testing.T, flags ...string) {
	t.Helper()
	n.Process = n.Launch(t, flags...)
	Eventually(t, fmt.Sprintf("node %d to run", n.ID), func() bool {
		select {
		case <-n.ended:
			if !strings.Contains(n.Output(), "address already in use") {
				t.Fatalf("node %d has ended with code %d", n.ID, n.Wait(t))
			}
			n.Process = n.Launch(t, flags...)
		default:
		}
		return strings.Contains(n.Output(), "node is running")
	})
}

// Launch is Restart without the waiting: for nodes that are not expected to come up.
func (n *Node) Launch(t *testing.T, flags ...string) *Process {
	t.Helper()
	return n.cluster.programs.Start(t, n.cluster.Dir, "raft-node", append(n.args, flags...)...)
}

// Node returns the node with this id.
func (c *Cluster) Node(id core.NodeID) *Node { return c.nodes[id-1] }

// Nodes returns all nodes.
func (c *Cluster) Nodes() []*Node { return c.nodes }

// Endpoints is what clients are told by --endpoints.
func (c *Cluster) Endpoints() string {
	var list []string
	for _, n := range c.nodes {
		list = append(list, fmt.Sprintf("%d=%s", n.ID, n.API))
	}
	return strings.Join(list, ",")
}

// Outcome is what a client's command came to.
type Outcome struct {
	Code     exit.Code
	Out, Err string
	line     string
}

// Client runs raft-client with these words and the cluster's endpoints.
func (c *Cluster) Client(t *testing.T, words ...string) Outcome {
	t.Helper()
	return c.ClientWithInput(t, "", words...)
}

// ClientWithInput is Client with text on standard input.
func (c *Cluster) ClientWithInput(t *testing.T, input string, words ...string) Outcome {
	t.Helper()
	command := patient(exec.CommandContext(t.Context(), filepath.Join(c.programs.dir, "raft-client"),
		append(words, "--endpoints", c.Endpoints())...))
	var out, text bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(input), &out, &text
	var failed *exec.ExitError
	if err := command.Run(); err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	return Outcome{
		exit.Code(command.ProcessState.ExitCode()), out.String(), text.String(),
		strings.Join(words, " "),
	}
}

// Want checks the code and what the output contains.
func (o Outcome) Want(t *testing.T, code exit.Code, contains string) {
	t.Helper()
	if o.Code != code || !strings.Contains(o.Out+o.Err, contains) {
		t.Errorf("%s: got code %d, %s%s\nwant code %d, %s", o.line, o.Code, o.Out, o.Err, code, contains)
	}
}

// Status asks every node that answers, by its id.
func (c *Cluster) Status(t *testing.T) map[core.NodeID]core.GroupStatus {
	t.Helper()
	var rows []struct{ Status *core.NodeStatus }
	o := c.Client(t, "status", "--output", "json", "--timeout", "1s")
	if err := json.Unmarshal([]byte(o.Out), &rows); err != nil {
		t.Fatalf("status: %v: %s%s", err, o.Out, o.Err)
	}
	found := make(map[core.NodeID]core.GroupStatus)
	for _, row := range rows {
		if row.Status != nil && len(row.Status.Groups) > 0 {
			found[row.Status.Node] = row.Status.Groups[0]
		}
	}
	return found
}

// State waits until a node says how its group is.
func (c *Cluster) State(t *testing.T, id core.NodeID) (g core.GroupStatus) {
	t.Helper()
	Eventually(t, fmt.Sprintf("node %d to answer", id), func() (ok bool) {
		g, ok = c.Status(t)[id]
		return ok
	})
	return g
}

// Leader waits until a node leads that the majority of the voters follows, and returns its id. The
// first time, it also waits until every node that answers has the beginning of the log: a node that
// has nothing gives no vote to one that has something, lest it has lost its disk, so a group cannot
// spare its leader before that.
func (c *Cluster) Leader(t *testing.T) (leader core.NodeID) {
	t.Helper()
	Eventually(t, "a leader", func() bool {
		found := c.Status(t)
		for _, g := range found {
			if g.AppliedIndex == 0 && !c.born {
				return false
			}
		}
		leader = leaderOf(found)
		c.born = c.born || leader != 0
		return leader != 0
	})
	return leader
}

// leaderOf is the leader that a majority follows of those who vote now; zero: none.
func leaderOf(found map[core.NodeID]core.GroupStatus) core.NodeID {
	for id, g := range found {
		voters, followers := 0, 0
		for _, m := range g.Members {
			if m.Role == "voter" {
				voters++
				if found[m.ID].Leader == id {
					followers++
				}
			}
		}
		if g.Role == "leader" && 2*followers > voters {
			return id
		}
	}
	return 0
}

// Settled waits until n nodes have applied all that any of them knows to be committed, and checks
// that the states are the same.
func (c *Cluster) Settled(t *testing.T, n int) {
	t.Helper()
	Eventually(t, fmt.Sprintf("%d nodes at the same index", n), func() bool {
		var commit core.Index
		at := make(map[core.Index]map[uint64]int)
		for _, g := range c.Status(t) {
			commit = max(commit, g.CommitIndex)
			if at[g.AppliedIndex] == nil {
				at[g.AppliedIndex] = make(map[uint64]int)
			}
			at[g.AppliedIndex][g.Digest]++
		}
		if len(at[commit]) > 1 {
			t.Fatalf("states differ at index %d: %v", commit, at[commit])
		}
		for _, count := range at[commit] {
			return count >= n
		}
		return false
	})
}
