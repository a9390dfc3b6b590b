// Package put is the command that sets a key of the default machine.
package put

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/remote"
)

// Options are what put is asked for.
type Options struct {
	remote.Options
	Key, Value string
}

// New makes the command.
func New(env remote.Env) *cli.Command {
	return &cli.Command{
		Name: "put", Usage: "set a key to a value", ArgsUsage: "KEY VALUE",
		Description: "Sets a key to a value, which is text, and says where in the log that stands.\n\n" +
			"  raft-client put x 1\n" +
			"  raft-client put x 2 --target 3   # node 3 or nobody\n\n" +
			"The command goes through a session of its own, so it is asked for again where no answer\n" +
			"comes, and carried out once. What is not known at the time-out is said to be unknown.",
		Flags: remote.CommandFlags(),
		Action: func(c *cli.Context) error {
			common, err := remote.Parse(env, c, 2, 2)
			if err != nil {
				return err
			}
			return run(c.Context, Options{common, c.Args().Get(0), c.Args().Get(1)})
		},
	}
}

func run(ctx context.Context, o Options) error {
	return o.Run(ctx, remote.Command("put", o.Key, o.Value))
}
