package script

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/scripting"
)

// PushOptions are what check and push are asked for.
type PushOptions struct {
	remote.Options
	File string
	Plan bool // rehearse and no more
}

func checkCommand(env remote.Env) *cli.Command {
	return &cli.Command{
		Name: "check", Usage: "try a new version on a copy of the state", ArgsUsage: "FILE",
		Description: "Judges a script as the nodes would, and has one run its migrate on a copy of\n" +
			"the state. Nothing changes. Prints what it took and what the collections would hold.\n\n" +
			"  raft-client script check kv2.lua",
		Flags: remote.Flags(),
		Action: func(c *cli.Context) error {
			common, err := remote.Parse(env, c, 1, 1)
			if err != nil {
				return err
			}
			return push(c.Context, PushOptions{common, c.Args().First(), true})
		},
	}
}

func pushCommand(env remote.Env) *cli.Command {
	return &cli.Command{
		Name: "push", Usage: "install a new version", ArgsUsage: "FILE",
		Description: "Rehearses as check does, and then has the new version take over, at one index\n" +
			"of the log and with all that migrate does, or not at all.\n\n" +
			"  raft-client script push kv2.lua\n" +
			"  raft-client script push kv2.lua --plan   # the same as check",
		Flags: append(remote.Flags(), &cli.BoolFlag{
			Name: "plan", EnvVars: []string{"RAFT_PLAN"}, Usage: "rehearse, and change nothing",
		}),
		Action: func(c *cli.Context) error {
			common, err := remote.Parse(env, c, 1, 1)
			if err != nil {
				return err
			}
			return push(c.Context, PushOptions{common, c.Args().First(), c.Bool("plan")})
		},
	}
}

func push(ctx context.Context, o PushOptions) error {
	src, err := scripting.ReadSource(o.File)
	if err != nil {
		return exit.Mark(err, exit.ErrUsage)
	}
	judged, err := scripting.NewEmpty(src, scripting.Config{Readers: 1})
	if err != nil {
		return o.Report(exit.Mark(err, exit.ErrRefused), 0)
	}
	if err := judged.Close(); err != nil {
		return err
	}
	return during(o.Options, func(s session) error {
		data, err := scripting.EncodeRehearse(src)
		report, err := s.ask(ctx, data, err)
		if err != nil {
			return &refusal{err}
		}
		if o.Plan {
			return printReport(o.Options, report)
		}
		from, err := report.hash("replaces")
		if err != nil {
			return err
		}
		data, err = scripting.EncodePush(src, from)
		taken, err := s.command(ctx, data, err)
		if err != nil {
			return &refusal{err}
		}
		return printTaken(o.Options, taken)
	})
}

// printReport prints what a rehearsal came to.
func printReport(o remote.Options, a answer) error {
	if o.JSON {
		return remote.PrintJSON(o.Out, a)
	}
	if _, err := fmt.Fprintf(o.Out, "OK %v from=%v version=%v hash=%v steps=%v memory=%v\n", a["name"],
		a["from"], a["version"], a["hash"], a["steps"], a["memory"]); err != nil {
		return err
	}
	before, after, hidden := a.counts("before"), a.counts("after"), a.counts("hidden")
	names := maps.Clone(before)
	maps.Copy(names, after)
	table := tabwriter.NewWriter(o.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "COLLECTION\tBEFORE\tAFTER")
	for _, name := range slices.Sorted(maps.Keys(names)) {
		fmt.Fprintf(table, "%s\t%s\t%s\n", name, count(before, name), fate(after, hidden, name))
	}
	return table.Flush()
}

// counts reads how many items collections have.
func (a answer) counts(field string) map[string]any {
	counts, _ := a[field].(map[string]any) // an empty table is an array
	if counts == nil {
		counts = map[string]any{}
	}
	return counts
}

func count(counts map[string]any, name string) string {
	if n, ok := counts[name]; ok {
		return fmt.Sprint(n)
	}
	return "-"
}

// fate is what becomes of a collection.
func fate(after, hidden map[string]any, name string) string {
	if n, ok := hidden[name]; ok {
		return fmt.Sprintf("%v, kept out of reach", n)
	}
	return count(after, name)
}
