// Package snapshot is the group of commands that save a cluster's state to a file, and look into
// such a file. tidelock restore begins a new cluster with it.
package snapshot

import (
	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/cli/internal/server"
)

// New makes the group.
func New(env remote.Env) *cli.Command {
	return &cli.Command{
		Name: "snapshot", Usage: "save the state of a cluster to a file, and look into it",
		Description: "Saves the state of a cluster to a file, and looks into such a file. The cluster\n" +
			"goes on meanwhile. To begin a new cluster with it: tidelock restore.\n\n" +
			"  raft-client cluster snapshot save monday.snap\n" +
			"  raft-client cluster snapshot inspect monday.snap",
		Subcommands: []*cli.Command{newSave(env), newInspect(env)},
	}
}

func newSave(env remote.Env) *cli.Command {
	return &cli.Command{
		Name: "save", Usage: "save the state to a file", ArgsUsage: "FILE",
		Description: "Has a node send a copy of its state as it is now, sessions and script included,\n" +
			"while it goes on to serve. The file gets its name when all of it is there, was read back\n" +
			"and found to be right, and is safe on the disk. --timeout is for each piece of it.\n\n" +
			"  raft-client cluster snapshot save monday.snap\n" +
			"  raft-client cluster snapshot save monday.snap --from 3 --force",
		Flags: append(remote.Flags(), &cli.Uint64Flag{
			Name: "from", DefaultText: "the leader", Usage: "the `ID` of the node to take it from",
		}, &cli.BoolFlag{
			Name: "force", Usage: "replace the file if there is one", DisableDefaultText: true,
		}),
		Action: func(c *cli.Context) error {
			common, err := remote.Parse(env, c, 1, 1)
			if err != nil {
				return err
			}
			o := Save{Options: common, File: c.Args().First(), Force: c.Bool("force")}
			if c.IsSet("from") {
				id, err := remote.ParseNode("from", c.String("from"))
				if err != nil {
					return err
				}
				if err := o.Insist(c, id); err != nil {
					return err
				}
			}
			return o.run(c.Context)
		},
	}
}

func newInspect(env remote.Env) *cli.Command {
	return &cli.Command{
		Name: "inspect", Usage: "say what is in a file, and check all of it", ArgsUsage: "FILE",
		Description: "Reads a whole file and says what is in it. Damage ends it with code 4, and says\n" +
			"where. No node is asked.\n\n" +
			"  raft-client cluster snapshot inspect monday.snap\n" +
			"  raft-client cluster snapshot inspect monday.snap --output json",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "machine", Value: server.DefaultMachine,
				EnvVars: []string{"RAFT_MACHINE"}, Usage: "`PLUGIN` that the state belongs to"},
			program.OutputFlag(),
		},
		Action: func(c *cli.Context) error {
			json, err := program.WantsJSON(c)
			switch {
			case err != nil:
				return err
			case c.NArg() != 1:
				return exit.Usagef("inspect: %d arguments given, want FILE", c.NArg())
			}
			o := Inspect{env.Streams, c.Args().First(), c.String("machine"), json}
			return o.run()
		},
	}
}
