package main

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/tidelock-raft/tidelock/cli/internal/server"
	"github.com/tidelock-raft/tidelock/cli/internal/trial"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/client"
)

//go:embed machine.lua
var machine string

// maxNodes bounds the nodes of a run, those that are gone included. Their ports are chosen in the
// beginning, so that clients can know all.
const maxNodes = 16

// cluster is some processes, the network between them, and a client to look after them.
type cluster struct {
	dir, program, name string
	script             string // a file
	apis               []string
	network            *network
	admin              *client.Client

	mu       sync.Mutex
	nodes    []*node // the first used are or were members, the others may become so
	used     int
	findings []error // what should not have happened
}

// newCluster starts the nodes of a cluster.
func newCluster(dir string, o options) (*cluster, error) {
	c := &cluster{
		dir: dir, program: o.node, name: fmt.Sprintf("chaos-%d", o.seed), network: newNetwork(),
		script: filepath.Join(dir, "chaos.lua"),
	}
	if err := os.WriteFile(c.script, []byte(machine), 0o600); err != nil {
		return nil, err
	}
	ports, err := trial.FreePorts(2 * maxNodes)
	if err != nil {
		return nil, err
	}
	for i := range maxNodes {
		c.apis = append(c.apis, fmt.Sprintf("127.0.0.1:%d", ports[maxNodes+i]))
	}
	if c.admin, err = client.New(c.config()); err != nil {
		return nil, err
	}
	for i := range maxNodes {
		n := &node{id: core.NodeID(i + 1), api: c.apis[i], cluster: c}
		if n.proxy, err = c.network.open(n.id, fmt.Sprintf("127.0.0.1:%d", ports[i])); err != nil {
			c.close()
			return nil, err
		}
		c.nodes = append(c.nodes, n)
	}
	c.used = nodes
	for _, n := range c.nodes[:nodes] {
		n.args = c.flags(n, "--peers", c.nodes[:nodes])
		if err := n.start(); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

// config is what all clients have in common.
func (c *cluster) config() client.Config {
	return client.Config{Endpoints: c.apis, Cluster: server.ClusterID(c.name)}
}

// flags start a node; how is --peers or --join.
func (c *cluster) flags(n *node, how string, others []*node) []string {
	var peers, apis []string
	for _, other := range others {
		if other != n {
			peers = append(peers, fmt.Sprintf("%d=%s", other.id, other.proxy.address()))
			apis = append(apis, fmt.Sprintf("%d=%s", other.id, other.api))
		}
	}
	return []string{
		"--id", fmt.Sprint(n.id), "--cluster", c.name, "--script", c.script,
		"--data", filepath.Join(c.dir, fmt.Sprintf("node%d", n.id)), "--api-listen", n.api,
		"--listen", n.proxy.target, "--advertise", n.proxy.address(),
		how, strings.Join(peers, ","), "--peer-apis", strings.Join(apis, ","),
		"--snapshot-entries", "2000", "--store.wal.segment", "1MiB", "--clock-drift", "1000",
	}
}

// members are the nodes that are not gone.
func (c *cluster) members() []*node {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []*node
	for _, n := range c.nodes[:c.used] {
		if !n.isGone() {
			list = append(list, n)
		}
	}
	return list
}

// newcomer makes another node, not started, or nil if there are enough.
func (c *cluster) newcomer() *node {
	present := c.members()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.used == maxNodes {
		return nil
	}
	n := c.nodes[c.used]
	n.args = c.flags(n, "--join", present)
	c.used++
	return n
}

// led is whoever leads in the newest term, nil if nobody does, and what it says.
func (c *cluster) led() (leads *node, status core.GroupStatus) {
	return trial.Led(c.admin, c.members())
}

// leader is whoever leads in the newest term, nil if nobody does.
func (c *cluster) leader() *node {
	n, _ := c.led()
	return n
}

// finding notes what should not have happened.
func (c *cluster) finding(err error) {
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.findings = append(c.findings, err)
	}
}

// stop ends all nodes in order.
func (c *cluster) stop() {
	for _, n := range c.members() {
		if code := n.end(syscall.SIGTERM); code != 0 {
			c.finding(fmt.Errorf("node %d ended with code %d", n.id, code))
		}
	}
}

// close ends whatever is left.
func (c *cluster) close() {
	for _, n := range c.members() {
		n.end(syscall.SIGKILL)
	}
	c.network.close()
	_ = c.admin.Close()
}
