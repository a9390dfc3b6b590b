// Package survey asks all nodes of a cluster how they are, lays what they say side by side, and
// finds what is wrong: the cause, the evidence, and what to type next. It changes nothing. The
// commands status, cluster status and cluster why print what it finds.
package survey

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// Node is what came of asking one endpoint.
type Node struct {
	Endpoint string           `json:"endpoint"`
	Status   *core.NodeStatus `json:"status,omitempty"`
	Error    string           `json:"error,omitempty"`

	ID    core.NodeID   `json:"-"` // as it says, or else as the endpoint does; zero: unknown
	Err   error         `json:"-"`
	Skew  time.Duration `json:"-"` // of its clock, against the one here
	Doubt time.Duration `json:"-"` // by which Skew may be wrong
}

// Ask asks all endpoints at the same time, so that one that is silent costs its timeout once.
func Ask(ctx context.Context, o remote.Options) ([]Node, error) {
	nodes := make([]Node, 0, len(o.Endpoints))
	for _, e := range o.Endpoints {
		if o.Target == "" || o.Target == e.Address {
			nodes = append(nodes, Node{Endpoint: e.Address, ID: e.ID})
		}
	}
	if len(nodes) == 0 {
		nodes = append(nodes, Node{Endpoint: o.Target})
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
	if o.Target == "" {
		nodes = append(nodes, askOthers(ctx, c, nodes)...)
	}
	return nodes, nil
}

func addresses(nodes []Node) []string {
	list := make([]string, len(nodes))
	for i := range nodes {
		list[i] = nodes[i].Endpoint
	}
	return list
}

func (n *Node) ask(ctx context.Context, c remote.Client) {
	began := time.Now()
	status, err := c.Status(ctx, n.Endpoint)
	if err != nil {
		n.Err, n.Error = err, cause(err).Error()
		return
	}
	n.Status, n.ID = &status, status.Node
	n.Doubt = time.Since(began) / 2
	n.Skew = time.Unix(0, status.Time).Sub(began.Add(n.Doubt).Round(0))
}

// Reachable returns nil if any node has answered, else why one has not.
func Reachable(nodes []Node) (err error) {
	for i := range nodes {
		if err = nodes[i].Err; err == nil {
			return nil
		}
	}
	return err
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
