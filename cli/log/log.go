// Package log is the group of commands that read the replicated log of a stopped node: show it, run
// it again in memory, and find out which entry wrote a key.
package log

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/cli/internal/server"
	"github.com/tidelock-raft/tidelock/core"
)

// Options are what the commands are asked for.
type Options struct {
	program.Streams
	Dir        string
	Args       []string // behind DIR
	From, To   core.Index
	Machine    server.Choice
	Query      string // of replay
	Collection string // of blame
	JSON       bool
}

// New makes the group.
func New(s program.Streams) *cli.Command {
	const where = "DIR is the data directory of a node that does not run, whatever its store; of a\n" +
		"running node, look at a copy. A copy of the log is read, and nothing is changed.\n\n"
	machine := []cli.Flag{
		&cli.StringFlag{Name: "machine", Value: server.DefaultMachine, EnvVars: []string{"RAFT_MACHINE"},
			Usage: "`PLUGIN` that the node replicates"},
	}
	to := &cli.Uint64Flag{Name: "to", Usage: "last `INDEX`",
		DefaultText: "the last one; of replay, the last that the node knew to be committed"}
	return &cli.Command{
		Name: "log", Usage: "read the replicated log of a stopped node",
		Description: "Reads the replicated log of a stopped node.\n\n" +
			"  tidelock log show data/node1 --from 100 --to 120\n" +
			"  tidelock log replay data/node1 --to 120 --query get x\n" +
			"  tidelock log blame data/node1 x",
		Subcommands: []*cli.Command{
			{
				Name: "show", Usage: "print entries", ArgsUsage: "DIR",
				Description: "Prints the entries of the log, what they ask for, and for whom.\n" + where +
					"  tidelock log show data/node1\n" +
					"  tidelock log show data/node1 --from 100 --to 120 --output json",
				Flags: flags(
					&cli.Uint64Flag{Name: "from", Usage: "first `INDEX`", DefaultText: "the first one"},
					&cli.Uint64Flag{Name: "to", Usage: "last `INDEX`", DefaultText: "the last one"}),
				Action: action(s, "DIR", 1, 1, show),
			},
			{
				Name: "replay", Usage: "run the log again in memory, up to an index",
				ArgsUsage: "DIR [ARGUMENT...]",
				Description: "Builds the machine's state as it was after an entry: from the newest snapshot\n" +
					"that is not younger, and the entries behind it. Prints what the state consists of and\n" +
					"its digest, or answers a query. " + where +
					"  tidelock log replay data/node1\n" +
					"  tidelock log replay data/node1 --to 120 --query get x",
				Flags: flags(append(machine, to, &cli.StringFlag{Name: "query",
					Usage: "answer this `QUERY` of the machine; arguments stand behind DIR"})...),
				Action: action(s, "DIR", 1, remote.Any, replay),
			},
			{
				Name: "blame", Usage: "find the entry that last wrote a key", ArgsUsage: "DIR KEY",
				Description: "Runs the log again in memory and says which entries wrote a key last, in each\n" +
					"collection that had it: index, term, time, client, and the command. " + where +
					"  tidelock log blame data/node1 x\n" +
					"  tidelock log blame data/node1 alice --collection accounts --to 120",
				Flags: flags(append(machine, to, &cli.StringFlag{Name: "collection",
					Usage: "`NAME` of the one collection to look at", DefaultText: "all"})...),
				Action: action(s, "DIR KEY", 2, 2, blame),
			},
		},
	}
}

func flags(own ...cli.Flag) []cli.Flag {
	return append(own, &cli.StringFlag{
		Name: "output", Value: "table", EnvVars: []string{"RAFT_OUTPUT"},
		Usage: "`FORMAT`: table for people, json for programs",
	})
}

// action checks what all commands have in common, opens the data, and runs a command on them.
func action(
	s program.Streams, want string, least, most int, run func(Options, *server.Stopped) error,
) cli.ActionFunc {
	return func(c *cli.Context) (err error) {
		o := Options{
			Streams: s, From: core.Index(c.Uint64("from")), To: core.Index(c.Uint64("to")),
			Machine: server.Choice{Name: c.String("machine")}, Query: c.String("query"),
			Collection: c.String("collection"), JSON: c.String("output") == "json",
		}
		words := c.Args().Slice()
		switch output := c.String("output"); {
		case output != "table" && output != "json":
			return exit.Usagef("--output is %q, want table or json", output)
		case len(words) < least, most != remote.Any && len(words) > most:
			return exit.Usagef("log %s: %d arguments given, want %s", c.Command.Name, len(words), want)
		case c.Command.Name == "replay" && o.Query == "" && len(words) > 1:
			return exit.Usagef("log replay: arguments are those of a --query, and there is none")
		case o.To > 0 && o.From > o.To:
			return exit.Usagef("--from %d is beyond --to %d", o.From, o.To)
		}
		o.Dir, o.Args = words[0], words[1:]
		data, err := server.OpenStopped(o.Dir)
		if err != nil {
			return err
		}
		defer func() {
			if closing := data.Close(); err == nil && closing != nil {
				err = fmt.Errorf("close the copy: %w", closing)
			}
		}()
		return run(o, data)
	}
}
