// Package plugins is the command that lists what a program is built with.
package plugins

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/plugins"
)

// Options are what the command is asked for.
type Options struct {
	program.Streams
	JSON bool
}

// New makes the command.
func New(s program.Streams) *cli.Command {
	return &cli.Command{
		Name: "plugins", Usage: "list the transports, stores and machines that are built in",
		Description: "Lists every plugin with its options, each of which is a flag of the node:\n" +
			"--store.wal.segment 16MiB is option segment of store wal.\n\n" +
			"  tidelock plugins\n" +
			"  tidelock plugins --output json",
		Flags: []cli.Flag{&cli.StringFlag{
			Name: "output", Value: "table", EnvVars: []string{"RAFT_OUTPUT"},
			Usage: "`FORMAT`: table for people, json for programs",
		}},
		Action: func(c *cli.Context) error {
			output := c.String("output")
			switch {
			case output != "table" && output != "json":
				return exit.Usagef("--output is %q, want table or json", output)
			case c.NArg() > 0:
				return exit.Usagef("plugins: %d arguments given, want none", c.NArg())
			}
			return run(Options{s, output == "json"})
		},
	}
}

// plugin and option are the rows for programs.
type plugin struct {
	Kind    string   `json:"kind"`
	Name    string   `json:"name"`
	Options []option `json:"options"`
}

type option struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Default string `json:"default"`
	Help    string `json:"help"`
}

func run(o Options) error {
	if err := plugins.Check(); err != nil {
		return err
	}
	list := []plugin{}
	for _, kind := range plugins.Kinds {
		for _, p := range plugins.List(kind) {
			row := plugin{Kind: string(kind), Name: p.Name, Options: []option{}}
			for _, o := range p.Options {
				row.Options = append(row.Options, option{o.Name, o.Type, o.Default, o.Help})
			}
			list = append(list, row)
		}
	}
	if o.JSON {
		return remote.PrintJSON(o.Out, list)
	}
	return printTable(o.Out, list)
}

func printTable(w io.Writer, list []plugin) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, p := range list {
		fmt.Fprintf(table, "%s %s\n", p.Kind, p.Name)
		for _, o := range p.Options {
			fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", o.Name, o.Type, o.Default, o.Help)
		}
	}
	return table.Flush()
}
