package script

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/scripting"
)

func rollbackCommand(env remote.Env) *cli.Command {
	return &cli.Command{
		Name: "rollback", Usage: "return to the version before",
		Description: "Has the script take over again that ran before the last push. The data stay;\n" +
			"what the newer version declares as rollback runs first.\n\n" +
			"  raft-client script rollback",
		Flags: remote.Flags(),
		Action: func(c *cli.Context) error {
			common, err := remote.Parse(env, c, 0, 0)
			if err != nil {
				return err
			}
			return rollback(c.Context, common)
		},
	}
}

func rollback(ctx context.Context, o remote.Options) error {
	return during(o, func(s session) error {
		data, err := scripting.EncodeScript()
		runs, err := s.ask(ctx, data, err)
		if err != nil {
			return err
		}
		from, err := runs.hash("hash")
		if err != nil {
			return err
		}
		data, err = scripting.EncodeRollback(from)
		taken, err := s.command(ctx, data, err)
		if err != nil {
			return err
		}
		return printTaken(o, taken)
	})
}
