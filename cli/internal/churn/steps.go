package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/tidelock-raft/tidelock/cli/internal/server"
	"github.com/tidelock-raft/tidelock/cli/internal/trial"
	"github.com/tidelock-raft/tidelock/core"
)

// step is something that an administrator does, or that happens to a node. It is over when it has
// had its effect.
type step struct {
	name  string
	do    func(ctx context.Context, c *cluster) error
	kills bool // the leader: then nobody can spare clients an election
}

// steps come one after the other.
var steps = []step{
	{"nothing", func(context.Context, *cluster) error { return nil }, false},
	{"add a node", add, false},
	{"add another", add, false},
	{"transfer leadership", transfer, false},
	{"kill -9 a follower", onFollower(kill), false},
	{"remove it", removeDead, false},
	{"add one in its place", add, false},
	{"kill -9 the leader", onLeader(kill), true},
	{"remove it", removeDead, false},
	{"add one in its place", add, false},
	{"remove a follower", onFollower(remove), false},
	{"remove the leader", onLeader(remove), false},
	{"move a follower", onFollower(move), false},
	{"move the leader", onLeader(move), false},
}

// add adds a node and starts it with the command that this prints, until it votes.
func add(ctx context.Context, c *cluster) error {
	n := c.newNode()
	output, err := c.command(ctx, "cluster", "add", fmt.Sprint(n.id), n.addr, "--output", "json")
	if err != nil {
		return err
	}
	var added struct{ Start string }
	if err := json.Unmarshal([]byte(output), &added); err != nil || added.Start == "" {
		return fmt.Errorf("cluster add: %w: %s", err, output)
	}
	n.args = strings.Fields(added.Start)[1:]
	c.nodes = append(c.nodes, n)
	if err := c.start(n); err != nil {
		return err
	}
	return trial.Await(ctx, fmt.Sprintf("node %d votes", n.id), c.voters)
}

// transfer hands leadership over to the newest node.
func transfer(ctx context.Context, c *cluster) error {
	_, err := c.command(ctx, "cluster", "transfer", fmt.Sprint(c.nodes[len(c.nodes)-1].id))
	return err
}

type deed func(ctx context.Context, c *cluster, n *node) error

func onLeader(do deed) func(context.Context, *cluster) error {
	return func(ctx context.Context, c *cluster) error {
		leader := c.leader()
		if leader == nil {
			return errors.New("nobody leads")
		}
		return do(ctx, c, leader)
	}
}

// onFollower does something to the oldest node that does not lead.
func onFollower(do deed) func(context.Context, *cluster) error {
	return onLeader(func(ctx context.Context, c *cluster, leader *node) error {
		i := slices.IndexFunc(c.nodes, func(n *node) bool { return n != leader })
		return do(ctx, c, c.nodes[i])
	})
}

// kill ends a process where it is, until somebody leads.
func kill(ctx context.Context, c *cluster, n *node) error {
	if err := n.end(syscall.SIGKILL); err != nil {
		return err
	}
	return trial.Await(ctx, "a leader", func() bool { return c.leader() != nil })
}

// removeDead removes the node that does not run, once the leader misses it: to take away one that
// answers would be refused, as fewer could fail then.
func removeDead(ctx context.Context, c *cluster) error {
	i := slices.IndexFunc(c.nodes, func(n *node) bool { return n.process == nil })
	dead := c.nodes[i]
	if err := trial.Await(ctx, fmt.Sprintf("node %d is missed", dead.id), func() bool {
		leader, s := c.led()
		return leader != nil && slices.ContainsFunc(s.Members, func(m core.MemberStatus) bool {
			return m.ID == dead.id && !m.Alive
		})
	}); err != nil {
		return err
	}
	c.nodes = slices.Delete(c.nodes, i, i+1)
	_, err := c.command(ctx, "cluster", "remove", fmt.Sprint(dead.id))
	return err
}

// linger is how long a removed node goes on to run, to see whether it disturbs.
const linger = 2 * time.Second

// remove removes a node that runs, and ends it some time after the others are among themselves.
func remove(ctx context.Context, c *cluster, n *node) error {
	_, err := c.command(ctx, "cluster", "remove", fmt.Sprint(n.id), "--force")
	if err != nil {
		return err
	}
	c.nodes = slices.DeleteFunc(c.nodes, func(other *node) bool { return other == n })
	if err := trial.Await(ctx, fmt.Sprintf("node %d is out", n.id), c.voters); err != nil {
		return errors.Join(err, n.end(syscall.SIGKILL))
	}
	if !trial.Wait(ctx, linger) {
		return errors.Join(ctx.Err(), n.end(syscall.SIGKILL))
	}
	return n.end(syscall.SIGTERM)
}

// move has a node listen on another port.
func move(ctx context.Context, c *cluster, n *node) error {
	if err := n.end(syscall.SIGTERM); err != nil {
		return err
	}
	n.addr = net.JoinHostPort(host(n.addr), fmt.Sprint(server.DefaultBasePort+100+int(n.id)))
	n.args = append(n.args, "--listen", n.addr)
	if err := c.start(n); err != nil {
		return err
	}
	if _, err := c.command(ctx, "cluster", "address", fmt.Sprint(n.id), n.addr); err != nil {
		return err
	}
	return trial.Await(ctx, fmt.Sprintf("node %d is found", n.id), func() bool {
		leader, s := c.led()
		moved, ok := trial.Status(c.admin, n)
		return leader != nil && ok && moved.Leader == s.Leader && moved.AppliedIndex+10000 > s.CommitIndex
	})
}
