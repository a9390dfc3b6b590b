// Package migratestore is the command that moves a stopped node's data to another store.
package migratestore

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/cli/internal/server"
	"github.com/tidelock-raft/tidelock/persist/migrate"
	"github.com/tidelock-raft/tidelock/plugins"
)

// Options are what the command is asked for.
type Options struct {
	program.Streams
	From, To server.Place
	Check    bool
	JSON     bool
}

// New makes the command.
func New(s program.Streams) *cli.Command {
	return &cli.Command{
		Name: "migrate-store", Usage: "move a stopped node's data to another store",
		Description: "Moves terms, votes and logs from one store to another. DIR is the node's data\n" +
			"directory; for two different ones, the snapshots go along. What is read stays as it is.\n" +
			"What is written counts only once it was read back and compared. The node is then started\n" +
			"with --store and the new name.\n\n" +
			"  tidelock migrate-store --from wal:data/node1 --to pebble:data/node1 --check\n" +
			"  tidelock migrate-store --from wal:data/node1 --to pebble:data/node1",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "from", Usage: "`STORE:DIR` that holds the data"},
			&cli.StringFlag{Name: "to", Usage: "`STORE:DIR` that is to hold them"},
			&cli.BoolFlag{Name: "check", Usage: "write nothing: read the data, and compare them with " +
				"those of the target if it has any", DisableDefaultText: true},
			program.OutputFlag(),
		},
		Action: func(c *cli.Context) error {
			json, err := program.WantsJSON(c)
			switch {
			case err != nil:
				return err
			case c.NArg() > 0:
				return exit.Usagef("migrate-store: %d arguments given, want none", c.NArg())
			}
			from, err := place(c, "from")
			if err != nil {
				return err
			}
			to, err := place(c, "to")
			if err != nil {
				return err
			}
			return run(c, Options{s, from, to, c.Bool("check"), json})
		},
	}
}

func place(c *cli.Context, flag string) (server.Place, error) {
	store, dir, found := strings.Cut(c.String(flag), ":")
	if !found || store == "" || dir == "" {
		return server.Place{}, exit.Usagef("--%s is %q, want STORE:DIR as in wal:data/node1", flag,
			c.String(flag))
	}
	return server.Place{Store: store, Dir: dir}, nil
}

func run(c *cli.Context, o Options) error {
	r, err := server.Migrate(c.Context, o.From, o.To, o.Check)
	if err != nil {
		return err
	}
	if o.JSON {
		return remote.PrintJSON(o.Out, r)
	}
	_, err = fmt.Fprintln(o.Out, sentence(o, r))
	return err
}

func sentence(o Options, r migrate.Report) string {
	what := fmt.Sprintf("groups: %d, entries: %d, data: %v;", r.Groups, r.Entries,
		plugins.Bytes(r.Bytes))
	if o.Check {
		return "OK " + what + " nothing was written"
	}
	text := fmt.Sprintf("OK %s moved from %v to %v and read back. Start the node with --store %s",
		what, o.From, o.To, o.To.Store)
	if o.From.Dir != o.To.Dir {
		text += fmt.Sprintf(" --data %s, and never again on %s", o.To.Dir, o.From.Dir)
	}
	return text
}
