// Package check is the command that judges a script without running it on a cluster.
package check

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/scripting"
)

// Options are what the command is asked for.
type Options struct {
	program.Streams
	Script string
	JSON   bool
}

// New makes the command.
func New(s program.Streams) *cli.Command {
	return &cli.Command{
		Name: "check", Usage: "judge a script", ArgsUsage: "SCRIPT",
		Description: "Prints what is wrong with a script and all that it requires, one\n" +
			"file:line: message per line, and nothing if all is well. The exit code is 65 if no node\n" +
			"would run it, and 0 if there are only warnings.\n\n" +
			"  tidelock check bank.lua\n" +
			"  tidelock check bank.lua --output json",
		Flags: []cli.Flag{program.OutputFlag()},
		Action: func(c *cli.Context) error {
			json, err := program.WantsJSON(c)
			switch {
			case err != nil:
				return err
			case c.NArg() != 1:
				return exit.Usagef("check: %d arguments given, want SCRIPT", c.NArg())
			}
			return run(Options{s, c.Args().First(), json})
		},
	}
}

// finding is the row for programs.
type finding struct {
	File     string `json:"file"`
	Line     int    `json:"line,omitempty"` // none: it is the file as a whole
	Severity string `json:"severity"`       // error or warning
	Message  string `json:"message"`
}

func run(o Options) error {
	src, err := scripting.ReadSource(o.Script)
	if err != nil {
		return exit.Mark(err, exit.ErrUsage)
	}
	list, refused := []finding{}, false
	for _, f := range scripting.Check(src) {
		row := finding{filepath.Join(filepath.Dir(o.Script), f.File), f.Line, "error", f.Message}
		if f.Warning {
			row.Severity = "warning"
		}
		refused = refused || !f.Warning
		list = append(list, row)
	}
	if err := report(o, list); err != nil {
		return err
	}
	if refused {
		return exit.Reported(exit.Mark(errors.New("check"), exit.ErrRefused))
	}
	return nil
}

func report(o Options, list []finding) error {
	if o.JSON {
		return remote.PrintJSON(o.Out, list)
	}
	for _, f := range list {
		place := f.File
		if f.Line > 0 {
			place = fmt.Sprintf("%s:%d", f.File, f.Line)
		}
		if f.Severity == "warning" {
			place += ": warning"
		}
		if _, err := fmt.Fprintf(o.Out, "%s: %s\n", place,
			strings.ReplaceAll(f.Message, "\n", " ")); err != nil {
			return err
		}
	}
	return nil
}
