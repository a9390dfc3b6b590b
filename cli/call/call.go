// Package call is the commands that make any call of the machine: call for what goes through the
// log, query for what only reads.
package call

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/remote"
)

// Options are what either is asked for.
type Options struct {
	remote.Options
	Call func(name string, args ...any) remote.Call
	Name string
	Args []string
}

const literal = "An argument that reads as JSON is that value,\nanything else is text.\n\n"

// New makes the command that runs a command.
func New(env remote.Env) *cli.Command {
	return &cli.Command{
		Name: "call", Usage: "run a command of the machine", ArgsUsage: "COMMAND [ARGS…]",
		Description: "Runs a command of the machine. " + literal +
			"  raft-client call cas x 1 2\n" +
			"  raft-client call cas x '\"1\"' '\"2\"'         # text, not numbers\n" +
			"  raft-client call transfer ann bob 12.5 '{\"note\":\"rent\"}'",
		Flags: remote.CommandFlags(), Action: action(env, remote.Command),
	}
}

// NewQuery makes the command that runs a query.
func NewQuery(env remote.Env) *cli.Command {
	return &cli.Command{
		Name: "query", Usage: "run a query of the machine", ArgsUsage: "NAME [ARGS…]",
		Description: "Runs a query of the machine and prints the answer. " + literal +
			"  raft-client query range a m 10\n" +
			"  raft-client query len --output json",
		Flags: remote.QueryFlags(), Action: action(env, remote.Query),
	}
}

func action(env remote.Env, call func(string, ...any) remote.Call) cli.ActionFunc {
	return func(c *cli.Context) error {
		common, err := remote.Parse(env, c, 1, remote.Any)
		if err != nil {
			return err
		}
		return run(c.Context, Options{common, call, c.Args().First(), c.Args().Tail()})
	}
}

func run(ctx context.Context, o Options) error {
	return o.Run(ctx, o.Call(o.Name, remote.Literals(o.Args)...))
}
