// Package log is the group of commands that read the replicated log of a node, be it running or
// not: show it, run it again in memory, and find out which entry wrote a key.
package log

import (
	"context"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/cli/internal/server"
	"github.com/tidelock-raft/tidelock/core"
)

// Options are what the commands are asked for.
type Options struct {
	remote.Options
	Dir        string   // empty: the log of a running node
	Args       []string // behind DIR
	From, To   core.Index
	Last       uint64 // of show, how many entries up to the end; zero: all
	Machine    server.Choice
	Query      string // of replay
	Collection string // of blame
}

// New makes the group.
func New(env remote.Env) *cli.Command {
	const where = "DIR is the data directory of a node that does not run, whatever its store; of a\n" +
		"running node, look at a copy. A copy of the log is read, and nothing is changed.\n\n"
	const live = "Without DIR it is the log of the leader, or of the node of --target. " + where
	machine := []cli.Flag{
		&cli.StringFlag{Name: "machine", Value: server.DefaultMachine, EnvVars: []string{"RAFT_MACHINE"},
			Usage: "`PLUGIN` that the node replicates"},
	}
	to := &cli.Uint64Flag{Name: "to", Usage: "last `INDEX`",
		DefaultText: "the last one; of replay, the last that the node knew to be committed"}
	return &cli.Command{
		Name: "log", Usage: "read the replicated log of a node",
		Description: "Reads the replicated log of a node that runs, or of one that does not.\n\n" +
			"  raft-client log show --last 20\n" +
			"  raft-client log blame x --target 2\n" +
			"  tidelock log show data/node1 --from 100 --to 120\n" +
			"  tidelock log replay data/node1 --to 120 --query get x",
		Subcommands: []*cli.Command{
			{
				Name: "show", Usage: "print entries", ArgsUsage: "[DIR]",
				Description: "Prints the entries of the log, what they ask for, and for whom.\n" + live +
					"  raft-client log show --last 20\n" +
					"  tidelock log show data/node1 --from 100 --to 120 --output json",
				Flags: flags(
					&cli.Uint64Flag{Name: "from", Usage: "first `INDEX`", DefaultText: "the first one"},
					&cli.Uint64Flag{Name: "to", Usage: "last `INDEX`", DefaultText: "the last one"},
					&cli.Uint64Flag{Name: "last", Usage: "the newest `NUMBER` of entries", DefaultText: "all"}),
				Action: action(env, 0, 1, show),
			},
			{
				Name: "replay", Usage: "run the log again in memory, up to an index",
				ArgsUsage: "DIR [ARGUMENT...]",
				Description: "Builds the machine's state as it was after an entry: from the newest snapshot\n" +
					"that is not younger, and the entries behind it. Prints what the state consists of and\n" +
					"its digest, or answers a query. " + where +
					"  tidelock log replay data/node1\n" +
					"  tidelock log replay data/node1 --to 120 --query get x",
				Flags: append(machine, to, program.OutputFlag(), &cli.StringFlag{Name: "query",
					Usage: "answer this `QUERY` of the machine; arguments stand behind DIR"}),
				Action: action(env, 1, remote.Any, replay),
			},
			{
				Name: "blame", Usage: "find the entry that last wrote a key", ArgsUsage: "[DIR] KEY",
				Description: "Runs the log again in memory and says which entries wrote a key last, in each\n" +
					"collection that had it: index, term, time, client, and the command. Of a running node\n" +
					"it fetches the newest snapshot and the entries behind it. " + live +
					"  raft-client log blame x\n" +
					"  tidelock log blame data/node1 alice --collection accounts --to 120",
				Flags: flags(append(machine, to, &cli.StringFlag{Name: "collection",
					Usage: "`NAME` of the one collection to look at", DefaultText: "all"})...),
				Action: action(env, 1, 2, blame),
			},
		},
	}
}

func flags(own ...cli.Flag) []cli.Flag { return append(remote.Flags(), own...) }

// history is a log to be looked at.
type history interface {
	State() (core.State, error)
	// Entries appends the first of the entries lo … hi-1 to dst: one at least.
	Entries(dst []core.Entry, lo, hi core.Index) ([]core.Entry, error)
	// Body is that of the snapshot in State.
	Body(m core.SnapshotMeta) (io.ReadCloser, error)
}

// action checks what all commands have in common, opens the log, and runs a command on it.
func action(env remote.Env, least, most int, run func(Options, history) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		parse, local := remote.Parse, most == remote.Any || c.NArg() == most
		if local {
			parse = remote.ParseLocal
		}
		common, err := parse(env, c, least, most)
		if err != nil {
			return err
		}
		o := Options{
			Options: common, From: core.Index(c.Uint64("from")), To: core.Index(c.Uint64("to")),
			Last: c.Uint64("last"), Machine: server.Choice{Name: c.String("machine")},
			Query: c.String("query"), Collection: c.String("collection"), Args: c.Args().Slice(),
		}
		if local {
			o.Dir, o.Args = o.Args[0], o.Args[1:]
		}
		switch {
		case local && program.Said(c, "target"):
			return exit.Usagef("--target is a running node, and %s is a directory", o.Dir)
		case c.Command.Name == "replay" && o.Query == "" && len(o.Args) > 0:
			return exit.Usagef("log replay: arguments are those of a --query, and there is none")
		case o.To > 0 && o.From > o.To:
			return exit.Usagef("--from %d is beyond --to %d", o.From, o.To)
		case o.Last > 0 && o.From > 0:
			return exit.Usagef("--from says which entry is the first, and so does --last; say one")
		case local:
			return look(o, run)
		}
		return ask(c.Context, o, run)
	}
}

// look runs a command on a directory.
func look(o Options, run func(Options, history) error) (err error) {
	data, err := server.OpenStopped(o.Dir)
	if err != nil {
		return err
	}
	defer func() {
		if closing := data.Close(); err == nil && closing != nil {
			err = fmt.Errorf("close the copy: %w", closing)
		}
	}()
	return run(o, stopped{data})
}

// ask runs a command on a running node.
func ask(ctx context.Context, o Options, run func(Options, history) error) error {
	session, err := o.Open()
	if err != nil {
		return o.Report(err, 0)
	}
	defer session.Close()
	log, err := session.Log(ctx)
	if err == nil {
		err = run(o, log)
	}
	if err != nil && exit.Of(err) != exit.Usage {
		err = o.Report(err, 0)
	}
	return err
}

// stopped is the log of a node that does not run.
type stopped struct{ *server.Stopped }

// pageBytes bounds how much of a log is read at a time.
const pageBytes = 1 << 20

// State implements history.
func (s stopped) State() (core.State, error) { return s.Store.State(core.DefaultGroup) }

// Entries implements history.
func (s stopped) Entries(dst []core.Entry, lo, hi core.Index) ([]core.Entry, error) {
	return s.Store.Entries(dst, core.DefaultGroup, lo, hi, pageBytes)
}

// Body implements history.
func (s stopped) Body(m core.SnapshotMeta) (io.ReadCloser, error) {
	r, err := s.Snapshots.Open(core.DefaultGroup, m.Position)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(r, 0, r.Size()), r}, nil
}
