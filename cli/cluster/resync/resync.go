// Package resync is the command that has a node replace its state by the leader's.
package resync

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/cli/internal/survey"
	"github.com/tidelock-raft/tidelock/core"
)

// Options are what resync is asked for.
type Options struct {
	remote.Options
	Node core.NodeID
	Plan bool
}

// New makes the command.
func New(env remote.Env) *cli.Command {
	return &cli.Command{
		Name: "resync", Usage: "replace the state of a node by the leader's", ArgsUsage: "NODE",
		Description: "Has a node throw the state of its machine away, fetch a snapshot of the\n" +
			"leader's and go on from there. It ends the quarantine of a node whose state had " +
			"diverged,\n" +
			"and does no harm to any other. Log and votes stay as they are. The command waits\n" +
			"until the new state was compared with the others'; the node goes on without it.\n\n" +
			"  raft-client cluster resync 3 --plan\n" +
			"  raft-client cluster resync 3\n" +
			"  raft-client cluster resync 3 --timeout 1m",
		Flags: append(remote.Flags(), &cli.BoolFlag{Name: "plan", Usage: "only say what would happen"}),
		Action: func(c *cli.Context) error {
			common, err := remote.Parse(env, c, 1, 1)
			if err != nil {
				return err
			}
			id, err := remote.ParseNode("resync", c.Args().First())
			if err != nil {
				return err
			}
			o := Options{common, id, c.Bool("plan")}
			if o.Plan {
				return o.plan(c.Context)
			}
			if err := o.Insist(c, o.Node); err != nil {
				return err
			}
			return run(c.Context, o)
		},
	}
}

// outcome is what came of it, for programs.
type outcome struct {
	Node  string     `json:"node"`
	Index core.Index `json:"index"` // at which its state was found to be right
}

func run(ctx context.Context, o Options) error {
	s, err := o.Open()
	if err != nil {
		return o.Report(err, 0)
	}
	defer s.Close()
	reply, err := s.Resync(ctx)
	if err == nil && reply.Node != o.Node {
		err = fmt.Errorf("%s is node %d, and not %d; it was resynced", o.Target, reply.Node, o.Node)
	}
	if err != nil {
		return o.Report(err, 0)
	}
	if o.JSON {
		return remote.PrintJSON(o.Out, outcome{exit.Node(reply.Node), reply.Index})
	}
	_, err = fmt.Fprintf(o.Out, "OK node=%d index=%d\n", reply.Node, reply.Index)
	return err
}

// plan says what would happen, by what all nodes say.
func (o Options) plan(ctx context.Context) error {
	nodes, err := survey.Ask(ctx, o.Options)
	if err == nil {
		err = survey.Reachable(nodes)
	}
	if err != nil {
		return o.Report(err, 0)
	}
	p := foresee(survey.Draw(nodes), o.Node)
	if o.JSON {
		return remote.PrintJSON(o.Out, p)
	}
	return p.print(o.Out)
}
