// Package why is the command that says what is wrong with a cluster, how it knows, and what to type
// next. What it looks for is in package survey.
package why

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/cli/internal/server"
	"github.com/tidelock-raft/tidelock/cli/internal/survey"
)

// Options are what why is asked for.
type Options struct {
	remote.Options
	Data []string // directories on this machine to look into
}

// New makes the command.
func New(env remote.Env) *cli.Command {
	return &cli.Command{
		Name: "why", Usage: "say what is wrong, how one can tell, and what to do",
		Description: "Asks every node and compares what they say. For each thing that is wrong it " +
			"names\n" +
			"the cause, the evidence and the next command. With --data it also reads the data " +
			"directory of\n" +
			"a node that does not start, and changes nothing there. The exit code is 0 if nothing is\n" +
			"wrong or there are only warnings, 5 otherwise, and 2 if no node answers.\n\n" +
			"  raft-client cluster why\n" +
			"  raft-client cluster why --data data/node3\n" +
			"  raft-client cluster why --output json",
		Flags: append(remote.Flags(), &cli.StringSliceFlag{
			Name: "data", Usage: "look into the data `DIR` of a node on this machine, too",
		}),
		Action: func(c *cli.Context) error {
			common, err := remote.Parse(env, c, 0, 0)
			if err != nil {
				return err
			}
			return run(c.Context, Options{common, c.StringSlice("data")})
		},
	}
}

// report is what was found, for programs.
type report struct {
	Healthy  bool             `json:"healthy"`
	Headline string           `json:"headline"`
	Findings []survey.Finding `json:"findings"`
}

func run(ctx context.Context, o Options) error {
	nodes, err := survey.Ask(ctx, o.Options)
	if err != nil {
		return o.Report(err, 0)
	}
	p := survey.Draw(nodes)
	r := report{Headline: p.Headline(), Findings: p.Findings()}
	for _, dir := range o.Data {
		found, err := server.Examine(dir)
		if err != nil {
			r.Findings = append([]survey.Finding{survey.Directory(found, dir, err)}, r.Findings...)
		}
	}
	r.Healthy = survey.Healthy(r.Findings)
	if o.JSON {
		err = remote.PrintJSON(o.Out, r)
	} else {
		err = r.print(o.Out)
	}
	if err == nil {
		err = survey.Reachable(nodes)
	}
	if err == nil && !r.Healthy {
		err = exit.ErrUnhealthy
	}
	return exit.Reported(err)
}

func (r report) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintln(&b, r.Headline)
	if len(r.Findings) == 0 {
		b.WriteString("nothing is wrong\n")
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "\n%s %s: %s\n", f.Severity, f.Cause, f.Text)
		for _, line := range f.Evidence {
			fmt.Fprintf(&b, "  seen  %s\n", line)
		}
		for _, line := range f.Next {
			fmt.Fprintf(&b, "  next  %s\n", line)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
