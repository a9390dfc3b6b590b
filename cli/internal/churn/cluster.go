package main

import (
	"context"
	_ "embed"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/tidelock-raft/tidelock/cli/internal/server"
	"github.com/tidelock-raft/tidelock/cli/internal/trial"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/client"
)

//go:embed machine.lua
var machine string

// cluster is some processes, and a client to look at them. It is used by one goroutine.
type cluster struct {
	dir   string
	net   string  // what the addresses of all nodes begin with
	nodes []*node // that are members, or about to be
	admin *client.Client
	used  core.NodeID
}

// node is a member, running or not.
type node struct {
	id      core.NodeID
	addr    string // for peers
	api     string
	args    []string
	process *exec.Cmd
}

// API is where clients find the node.
func (n *node) API() string { return n.api }

// newCluster starts three nodes and waits for a leader.
func newCluster(dir string) (*cluster, error) {
	c := &cluster{dir: dir, net: fmt.Sprintf("127.%d.%d.", 1+rand.IntN(254), rand.IntN(256))}
	script := filepath.Join(dir, "churn.lua")
	if err := os.WriteFile(script, []byte(machine), 0o600); err != nil {
		return nil, err
	}
	for range 3 {
		c.nodes = append(c.nodes, c.newNode())
	}
	var err error
	if c.admin, err = client.New(c.config()); err != nil {
		return nil, err
	}
	for _, n := range c.nodes {
		var peers []string
		for _, other := range c.nodes {
			if other != n {
				peers = append(peers, fmt.Sprintf("%d=%s", other.id, other.addr))
			}
		}
		n.args = []string{
			"--id", fmt.Sprint(n.id), "--bind", host(n.addr), "--peers", strings.Join(peers, ","),
			"--script", script,
		}
		if err := c.start(n); err != nil {
			c.close()
			return nil, err
		}
	}
	if err := trial.Await(context.Background(), "a leader", func() bool {
		return c.leader() != nil
	}); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// maxNodes is how many nodes there ever are.
const maxNodes = 8

// config is what all clients have in common. They know the hosts that nodes may be on.
func (c *cluster) config() client.Config {
	config := client.Config{Cluster: server.ClusterID(server.DefaultCluster)}
	for id := range maxNodes {
		config.Endpoints = append(config.Endpoints, c.api(id+1))
	}
	return config
}

func (c *cluster) api(id int) string {
	return fmt.Sprintf("%s%d:%d", c.net, id, server.DefaultAPIPort+id)
}

// newNode names a node that was never there, on the usual ports of a host of its own.
func (c *cluster) newNode() *node {
	c.used++
	addr := fmt.Sprintf("%s%d:%d", c.net, c.used, server.DefaultBasePort+int(c.used))
	return &node{id: c.used, addr: addr, api: c.api(int(c.used))}
}

func host(address string) string {
	host, _, _ := strings.Cut(address, ":")
	return host
}

// start starts a node that does not run.
func (c *cluster) start(n *node) error {
	data := filepath.Join(c.dir, fmt.Sprintf("node%d", n.id))
	process, err := trial.Start(data+".log", filepath.Join(c.dir, "raft-node"),
		append(n.args, "--data", data)...)
	if err != nil {
		return fmt.Errorf("start node %d: %w", n.id, err)
	}
	n.process = process
	return nil
}

// end ends a process by a signal. It is an error if it ends otherwise.
func (n *node) end(s syscall.Signal) error {
	if n.process == nil {
		return nil
	}
	process := n.process
	n.process = nil
	if err := process.Process.Signal(s); err != nil {
		return fmt.Errorf("end node %d: %w", n.id, err)
	}
	err := process.Wait()
	if state, ok := process.ProcessState.Sys().(syscall.WaitStatus); ok && s == syscall.SIGKILL &&
		state.Signal() == s {
		return nil
	}
	if err != nil {
		return fmt.Errorf("node %d ended: %w", n.id, err)
	}
	return nil
}

func (c *cluster) close() {
	for _, n := range c.nodes {
		_ = n.end(syscall.SIGKILL) // whatever becomes of it
	}
	_ = c.admin.Close()
}

// command runs raft-client as an administrator would who knows the present members.
func (c *cluster) command(ctx context.Context, words ...string) (string, error) {
	var apis []string
	for _, n := range c.nodes {
		apis = append(apis, fmt.Sprintf("%d=%s", n.id, n.api))
	}
	command := exec.CommandContext(ctx, filepath.Join(c.dir, "raft-client"),
		append(words, "--endpoints", strings.Join(apis, ","))...)
	output, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("raft-client %s: %w: %s", strings.Join(words, " "), err, output)
	}
	return string(output), nil
}

// led is whoever leads in the newest term, nil if nobody does, and what it says.
func (c *cluster) led() (leads *node, status core.GroupStatus) {
	return trial.Led(c.admin, c.nodes)
}

func (c *cluster) leader() *node {
	n, _ := c.led()
	return n
}

// voters reports whether the leader knows these nodes, and no others, as voters and members.
func (c *cluster) voters() bool {
	leader, s := c.led()
	return leader != nil && len(s.Members) == len(c.nodes) &&
		!slices.ContainsFunc(s.Members, func(m core.MemberStatus) bool {
			return m.Role != "voter" || m.Outgoing || !slices.ContainsFunc(c.nodes, func(n *node) bool {
				return n.id == m.ID && n.addr == string(m.Addr)
			})
		})
}
