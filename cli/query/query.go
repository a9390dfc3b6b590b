// Package query is the command that runs any query of the machine.
package query

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/remote"
)

// Options are what query is asked for.
type Options struct {
	remote.Options
	Name string
	Args []string
}

// New makes the command.
func New(env remote.Env) *cli.Command {
	return &cli.Command{
		Name: "query", Usage: "run a query of the machine", ArgsUsage: "NAME [ARGS…]",
		Description: "Runs a query of the machine and prints the answer. An argument that reads as\n" +
			"JSON is that value, anything else is text.\n\n" +
			"  raft-client query range a m 10\n" +
			"  raft-client query len --output json",
		Flags: remote.QueryFlags(),
		Action: func(c *cli.Context) error {
			common, err := remote.Parse(env, c, 1, remote.Any)
			if err != nil {
				return err
			}
			return run(c.Context, Options{common, c.Args().First(), c.Args().Tail()})
		},
	}
}

func run(ctx context.Context, o Options) error {
	return o.Run(ctx, remote.Query(o.Name, remote.Literals(o.Args)...))
}
