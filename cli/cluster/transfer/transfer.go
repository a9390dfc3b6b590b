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
	To core.NodeID // zero: whichever voter holds most of the log
}

// New makes the command.
func New(env remote.Env) *cli.Command {
	return &cli.Command{
		Name: "transfer", Usage: "hand leadership over", ArgsUsage: "[NODE]",
		Description: "Has the leader hand over to a voter, or to the one that holds most of the log.\n" +
			"Writes wait meanwhile, for a moment. When the node does not take over within an election\n" +
			"timeout, the leader leads on.\n\n" +
			"  raft-client cluster transfer 2\n" +
			"  raft-client cluster transfer",
		Flags: remote.Flags(),
		Action: func(c *cli.Context) error {
			common, err := remote.Parse(env, c, 0, 1)
			if err != nil {
				return err
			}
			o := Options{Options: common}
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
