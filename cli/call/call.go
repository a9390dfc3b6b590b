// Package call is the command that runs any command of the machine.
package call

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/remote"
)

// Options are what call is asked for.
type Options struct {
	remote.Options
	Name string
	Args []string
}

// New makes the command.
func New(env remote.Env) *cli.Command {
	return &cli.Command{
		Name: "call", Usage: "run a command of the machine", ArgsUsage: "COMMAND [ARGS…]",
		Description: "Runs a command of the machine. An argument that reads as JSON is that value,\n" +
			"anything else is text.\n\n" +
			"  raft-client call cas x 1 2\n" +
			"  raft-client call cas x '\"1\"' '\"2\"'         # text, not numbers\n" +
			"  raft-client call transfer ann bob 12.5 '{\"note\":\"rent\"}'",
		Flags: remote.CommandFlags(),
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
	return o.Run(ctx, remote.Command(o.Name, remote.Literals(o.Args)...))
}
