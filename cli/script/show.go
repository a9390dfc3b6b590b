package script

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/scripting"
)

// ShowOptions are what show is asked for.
type ShowOptions struct {
	remote.Options
	Source bool // print the text instead
}

func showCommand(env remote.Env) *cli.Command {
	return &cli.Command{
		Name: "show", Usage: "show which script runs",
		Description: "Prints which script runs since which index of the log, and what a rollback\n" +
			"could return to.\n\n" +
			"  raft-client script show\n" +
			"  raft-client script show --source > running.lua",
		Flags: append(remote.QueryFlags(), &cli.BoolFlag{
			Name: "source", EnvVars: []string{"RAFT_SOURCE"}, Usage: "print the script itself",
		}),
		Action: func(c *cli.Context) error {
			common, err := remote.Parse(env, c, 0, 0)
			if err != nil {
				return err
			}
			return show(c.Context, ShowOptions{common, c.Bool("source")})
		},
	}
}

func show(ctx context.Context, o ShowOptions) error {
	return during(o.Options, func(s session) error {
		data, err := scripting.EncodeScript()
		runs, err := s.ask(ctx, data, err)
		if err != nil {
			return err
		}
		source, _ := runs["source"].(string)
		delete(runs, "source")
		switch {
		case o.Source:
			_, err = io.WriteString(o.Out, source)
			return err
		case o.JSON:
			return remote.PrintJSON(o.Out, runs)
		}
		return printScript(o.Out, runs)
	})
}

func printScript(w io.Writer, runs answer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "NAME\tVERSION\tINDEX\tHASH\n")
	fmt.Fprintf(table, "%v\t%v\t%v\t%v\n", runs["name"], runs["version"], runs["index"], runs["hash"])
	past, _ := runs["history"].([]any)
	for _, e := range past {
		if e, ok := e.(map[string]any); ok {
			fmt.Fprintf(table, "before\t%v\t%v\t%v\n", e["version"], e["index"], e["hash"])
		}
	}
	return table.Flush()
}
