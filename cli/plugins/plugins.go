// Package plugins is the command that lists what a program is built with, and checks it.
package plugins

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/plugins"
)

// Options are what the commands are asked for.
type Options struct {
	program.Streams
	JSON bool
}

// New makes the command.
func New(s program.Streams) *cli.Command {
	o := Options{Streams: s}
	return &cli.Command{
		Name: "plugins", Usage: "list and check the transports, stores and machines that are built in",
		Description: "Lists every plugin with its options, each of which is a flag of the node:\n" +
			"--store.wal.segment 16MiB is option segment of store wal.\n\n" +
			"  tidelock plugins\n" +
			"  tidelock plugins --output json\n" +
			"  tidelock plugins describe wal\n" +
			"  tidelock plugins verify wal --option segment=4KiB",
		Flags: flags(), Subcommands: []*cli.Command{o.describe(), o.verify()},
		Action: func(c *cli.Context) error {
			o, err := o.read(c)
			if err != nil {
				return err
			}
			if c.NArg() > 0 {
				return exit.Usagef("plugins: %d arguments given, want none", c.NArg())
			}
			return o.run(all())
		},
	}
}

func (o Options) describe() *cli.Command {
	return &cli.Command{
		Name: "describe", Usage: "show one plugin with its options", ArgsUsage: "NAME",
		Description: "NAME is that of a plugin, with its kind in front where there are two.\n\n" +
			"  tidelock plugins describe tcp\n" +
			"  tidelock plugins describe store.memory --output json",
		Flags: flags(),
		Action: func(c *cli.Context) error {
			o, err := o.read(c)
			if err != nil {
				return err
			}
			p, err := o.find(c)
			if err != nil {
				return err
			}
			return o.run([]plugins.Plugin{p})
		},
	}
}

func flags() []cli.Flag {
	return []cli.Flag{program.OutputFlag()}
}

// read reads the flags that all commands have, and makes sure that the plugins stand.
func (o Options) read(c *cli.Context) (_ Options, err error) {
	if o.JSON, err = program.WantsJSON(c); err != nil {
		return o, err
	}
	return o, plugins.Check()
}

func all() []plugins.Plugin {
	var list []plugins.Plugin
	for _, kind := range plugins.Kinds {
		list = append(list, plugins.List(kind)...)
	}
	return list
}

// find returns the one plugin that is named by the argument: wal, or store.wal.
func (o Options) find(c *cli.Context) (plugins.Plugin, error) {
	if c.NArg() != 1 {
		return plugins.Plugin{}, exit.Usagef("%s: %d arguments given, want NAME", c.Command.Name,
			c.NArg())
	}
	var found, names []string
	var one plugins.Plugin
	for _, p := range all() {
		full := string(p.Kind) + "." + p.Name
		names = append(names, full)
		if name := c.Args().First(); name == p.Name || name == full {
			one, found = p, append(found, full)
		}
	}
	switch slices.Sort(names); len(found) {
	case 1:
		return one, nil
	case 0:
		return one, exit.Usagef("no plugin is named %q; built in: %s", c.Args().First(),
			strings.Join(names, ", "))
	}
	return one, exit.Usagef("%q is more than one; say %s", c.Args().First(),
		strings.Join(found, " or "))
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

func (o Options) run(described []plugins.Plugin) error {
	list := []plugin{}
	for _, p := range described {
		row := plugin{Kind: string(p.Kind), Name: p.Name, Options: []option{}}
		for _, o := range p.Options {
			row.Options = append(row.Options, option{o.Name, o.Type, o.Default, o.Help})
		}
		list = append(list, row)
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
