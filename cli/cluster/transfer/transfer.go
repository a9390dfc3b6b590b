// Package transfer is the command that hands leadership over to a node.
package transfer

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/core"
)

// Options are what transfer is asked for.
type Options struct {
	remote.Options
	To   core.NodeID // zero: whichever voter holds most of the log
	Plan bool
}

// New makes the command.
func New(env remote.Env) *cli.Command {
	return &cli.Command{
		Name: "transfer", Usage: "hand leadership over", ArgsUsage: "[NODE]",
		Description: "Has the leader hand over to a voter, or to the one that holds most of the " +
			"log.\n" +
			"Writes wait meanwhile, for a moment. When the node does not take over within an election\n" +
			"timeout, the leader leads on.\n\n" +
			"  raft-client cluster transfer 2 --plan\n" +
			"  raft-client cluster transfer 2\n" +
			"  raft-client cluster transfer",
		Flags: append(remote.Flags(), &cli.BoolFlag{Name: "plan", Usage: "only say what would happen"}),
		Action: func(c *cli.Context) error {
			common, err := remote.Parse(env, c, 0, 1)
			if err != nil {
				return err
			}
			o := Options{Options: common, Plan: c.Bool("plan")}
			if c.NArg() == 1 {
				if o.To, err = remote.ParseNode(c.Command.Name, c.Args().First()); err != nil {
					return err
				}
			}
			return run(c.Context, o)
		},
	}
}

// outcome is what came of it, for programs.
type outcome struct {
	Leader string     `json:"leader"`
	Index  core.Index `json:"index"`
}

func run(ctx context.Context, o Options) error {
	s, err := o.Open()
	if err != nil {
		return o.Report(err, 0)
	}
	defer s.Close()
	if o.Plan {
		return o.plan(ctx, s)
	}
	leader, reply, err := s.Transfer(ctx, o.To)
	if err != nil {
		return o.Report(err, 0)
	}
	if o.JSON {
		return remote.PrintJSON(o.Out, outcome{exit.Node(leader), reply.Index})
	}
	_, err = fmt.Fprintf(o.Out, "OK leader=%d index=%d\n", leader, reply.Index)
	return err
}

// plan says what would happen.
func (o Options) plan(ctx context.Context, s *remote.Session) error {
	status, err := s.Status(ctx)
	if err != nil {
		return o.Report(err, 0)
	}
	for _, g := range status.Groups {
		if g.Group != core.DefaultGroup {
			continue
		}
		p := foresee(g, status.Node, o.To)
		if o.JSON {
			return remote.PrintJSON(o.Out, p)
		}
		return p.print(o.Out)
	}
	return o.Report(core.ErrNoGroup, 0)
}
