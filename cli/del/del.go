// Package del is the command that deletes a key of the default machine.
package del

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/remote"
)

// Options are what del is asked for.
type Options struct {
	remote.Options
	Key string
}

// New makes the command.
func New(env remote.Env) *cli.Command {
	return &cli.Command{
		Name: "del", Usage: "delete a key", ArgsUsage: "KEY",
		Description: "Deletes a key, and says whether it was there and where in the log that is.\n\n" +
			"  raft-client del x",
		Flags: remote.CommandFlags(),
		Action: func(c *cli.Context) error {
			common, err := remote.Parse(env, c, 1, 1)
			if err != nil {
				return err
			}
			return run(c.Context, Options{common, c.Args().First()})
		},
	}
}

func run(ctx context.Context, o Options) error {
	return o.Run(ctx, remote.Command("del", o.Key))
}
