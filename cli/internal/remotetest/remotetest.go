// Package remotetest stands in for a cluster in the tests of the commands that talk to one.
package remotetest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/value"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// Cluster is a remote.Client that answers what it is told to. Its zero value answers every call
// with nothing, by leader 1 at indexes counted from 1.
type Cluster struct {
	// Answer decides on a call, written as by Call; nil means Value and no error. A json.RawMessage is
	// a reply as it is.
	Answer func(call string) (any, error)
	Value  any
	Node   core.NodeID // that says to have answered
	// Nodes are the answers of Status, by endpoint; others are unreachable.
	Nodes map[string]core.NodeStatus
	// Backups are what the n-th call of Backup writes and returns; the last one, all further ones.
	Backups []Backup

	mu     sync.Mutex
	Config client.Config // of the last Connect
	Calls  []string      // so far
	Closed int
}

// Outcome is what a program left behind.
type Outcome struct {
	Code     exit.Code
	Out, Err string
}

// Run runs a command line against the cluster, with text on standard input.
func (c *Cluster) Run(
	t *testing.T, command func(remote.Env) *cli.Command, input string, words ...string,
) Outcome {
	t.Helper()
	var out, err strings.Builder
	s := program.Streams{In: strings.NewReader(input), Out: &out, Err: &err}
	env := remote.Env{Streams: s, Connect: func(config client.Config) (remote.Client, error) {
		c.Config = config
		return c, nil
	}}
	root := &cli.Command{Name: "prog", Subcommands: []*cli.Command{command(env)}}
	code := program.Run(context.Background(), s, root, append([]string{"prog"}, words...))
	return Outcome{code, out.String(), err.String()}
}

// Call writes a request as kind, name, arguments as JSON, and what else it insists on.
func Call(r client.Request) string {
	switch r.Kind {
	case core.RequestResync:
		return "resync at " + r.Target
	case core.RequestChange:
		return "change " + string(r.Data)
	case core.RequestTransfer:
		return "transfer " + string(r.Data)
	case core.RequestProbe:
		return "probe"
	}
	decoded, err := value.ToAny(r.Data)
	list, ok := decoded.([]any)
	if err != nil || !ok || len(list) == 0 {
		return fmt.Sprintf("undecodable %x", r.Data)
	}
	arguments, err := json.Marshal(list[1:])
	if err != nil {
		return err.Error()
	}
	text := fmt.Sprintf("%s %s", list[0], arguments)
	if r.Kind == core.RequestQuery {
		text = "query " + text
		if r.Level == core.Stale {
			text = "stale " + text
		}
	}
	if r.Local {
		text += " local"
	}
	if r.Target != "" {
		text += " at " + r.Target
	}
	return text
}

// Do implements remote.Client.
func (c *Cluster) Do(_ context.Context, r client.Request) (client.Reply, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	call := Call(r)
	c.Calls = append(c.Calls, call)
	answer := c.Value
	if c.Answer != nil {
		var err error
		if answer, err = c.Answer(call); err != nil {
			return client.Reply{}, err
		}
	}
	data, raw := answer.(json.RawMessage)
	if !raw {
		var err error
		if data, err = value.FromAny(nil, answer); err != nil {
			return client.Reply{}, err
		}
	}
	return client.Reply{Value: data, Index: core.Index(len(c.Calls)), Leader: 1, Node: c.Node}, nil
}

// Status implements remote.Client.
func (c *Cluster) Status(_ context.Context, endpoint string) (core.NodeStatus, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if status, ok := c.Nodes[endpoint]; ok {
		return status, nil
	}
	return core.NodeStatus{}, fmt.Errorf("%w: %w", client.ErrUnavailable,
		fmt.Errorf("dial %s: connection refused", endpoint))
}

// Backup is the outcome of a Backup.
type Backup struct {
	Content []byte
	Err     error
}

// Backup implements remote.Client.
func (c *Cluster) Backup(_ context.Context, endpoint string, w io.Writer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Calls = append(c.Calls, "backup at "+endpoint)
	b := c.Backups[0]
	if len(c.Backups) > 1 {
		c.Backups = c.Backups[1:]
	}
	if _, err := w.Write(b.Content); err != nil {
		return err
	}
	return b.Err
}

// Close implements remote.Client.
func (c *Cluster) Close() error {
	c.Closed++
	return nil
}
