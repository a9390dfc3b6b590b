// Package status is the command that shows every node of a cluster side by side.
package status

import (
	"context"
	"errors"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// Options are what status is asked for.
type Options struct {
	remote.Options
}

// New makes the command.
func New(env remote.Env) *cli.Command {
	return &cli.Command{
		Name: "status", Usage: "show every node: role, term, how far it is",
		Description: "Asks each endpoint and prints a row for each. LAG is how many committed entries\n" +
			"the node has yet to apply, by the newest commit index seen. QUARANTINED, there if a node\n" +
			"is, says at which index its state differed from the others', and in which collections.\n" +
			"The exit code is 2 when no node answers.\n\n" +
			"  raft-client status\n" +
			"  raft-client status --output json --target 2",
		Flags: remote.Flags(),
		Action: func(c *cli.Context) error {
			common, err := remote.Parse(env, c, 0, 0)
			if err != nil {
				return err
			}
			return run(c.Context, Options{common})
		},
	}
}

// node is what came of asking one endpoint.
type node struct {
	Endpoint string           `json:"endpoint"`
	Status   *core.NodeStatus `json:"status,omitempty"`
	Error    string           `json:"error,omitempty"`

	id  core.NodeID // zero: unknown
	err error
}

func run(ctx context.Context, o Options) error {
	nodes, err := ask(ctx, o)
	if err != nil {
		return o.Report(err, 0)
	}
	if o.JSON {
		err = remote.PrintJSON(o.Out, nodes)
	} else {
		err = printTable(o.Out, nodes)
	}
	if err != nil {
		return err
	}
	for _, n := range nodes {
		if n.err == nil {
			return nil
		}
		err = n.err
	}
	return exit.Reported(err)
}

// ask asks all endpoints at the same time, so that one that is silent costs its timeout once.
func ask(ctx context.Context, o Options) ([]node, error) {
	nodes := make([]node, 0, len(o.Endpoints))
	for _, e := range o.Endpoints {
		if o.Target == "" || o.Target == e.Address {
			nodes = append(nodes, node{Endpoint: e.Address, id: e.ID})
		}
	}
	if len(nodes) == 0 {
		nodes = append(nodes, node{Endpoint: o.Target})
	}
	c, err := o.Connect(client.Config{Endpoints: addresses(nodes), Timeout: o.Timeout})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var group sync.WaitGroup
	for i := range nodes {
		group.Go(func() { nodes[i].ask(ctx, c) }) // ends within the timeout
	}
	group.Wait()
	return nodes, nil
}

func addresses(nodes []node) []string {
	list := make([]string, len(nodes))
	for i := range nodes {
		list[i] = nodes[i].Endpoint
	}
	return list
}

func (n *node) ask(ctx context.Context, c remote.Client) {
	status, err := c.Status(ctx, n.Endpoint)
	if err != nil {
		n.err, n.Error = err, cause(err).Error()
		return
	}
	n.Status, n.id = &status, status.Node
}

// cause is what remains of an error without the words that stand before every one here.
func cause(err error) error {
	wrapped, ok := err.(interface{ Unwrap() []error })
	if !ok || !errors.Is(err, client.ErrUnavailable) {
		return err
	}
	all := wrapped.Unwrap()
	return all[len(all)-1]
}
