// Package get is the command that reads a key of the default machine.
package get

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/remote"
)

// Options are what get is asked for.
type Options struct {
	remote.Options
	Key string
}

// New makes the command.
func New(env remote.Env) *cli.Command {
	return &cli.Command{
		Name: "get", Usage: "print the value of a key", ArgsUsage: "KEY",
		Description: "Prints the value of a key; for a key that is not there, (nil), or null with\n" +
			"--output json. That is an answer, so the exit code is 0.\n\n" +
			"  raft-client get x\n" +
			"  raft-client get x --read stale --target 3   # what node 3 holds itself",
		Flags: remote.QueryFlags(),
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
	return o.Run(ctx, remote.Query("get", o.Key))
}
