// Package program is the part that all programs share: streams, the parsing of the command line,
// signals and exit codes. What the commands do is in a package for each.
package program

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/args"
	"github.com/tidelock-raft/tidelock/cli/internal/build"
	"github.com/tidelock-raft/tidelock/cli/internal/exit"
)

// Streams are where a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Main runs what is made with the process's own streams, arguments and signals, and ends the
// process. The first SIGINT or SIGTERM ends the context, the second ends the process.
func Main(commands func(Streams) *cli.Command) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	s := Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	os.Exit(int(Run(ctx, s, commands(s), os.Args)))
}

// Run runs the command with these words, the program's name first. An error that the command has
// not reported itself goes to s.Err.
func Run(ctx context.Context, s Streams, root *cli.Command, words []string) exit.Code {
	app := &cli.App{
		Name: root.Name, Usage: root.Usage, UsageText: root.UsageText, ArgsUsage: root.ArgsUsage,
		Description: root.Description, Flags: root.Flags, Commands: root.Subcommands,
		Action: root.Action, Version: build.Version(),
		Reader: s.In, Writer: s.Out, ErrWriter: s.Err,
		HideHelpCommand: true, OnUsageError: usage,
		ExitErrHandler: func(*cli.Context, error) {},
	}
	app.Flags = append(app.Flags, &cli.BoolFlag{
		Name: "version", Usage: "print the version and end", DisableDefaultText: true,
	})
	app.HideVersion = true
	prepare(app.Commands)
	action := app.Action
	app.Action = func(c *cli.Context) error {
		switch {
		case c.Bool("version"):
			_, err := fmt.Fprintf(s.Out, "%s %s\n", app.Name, app.Version)
			return err
		case action == nil:
			return cli.ShowAppHelp(c)
		}
		return action(c)
	}
	sorted, err := args.Sort(app, words)
	if err == nil {
		app.Metadata = map[string]any{lineKey: sorted}
		err = app.RunContext(ctx, sorted)
	}
	if err != nil && !exit.IsReported(err) {
		report(s.Err, words, err)
	}
	return exit.Of(err)
}

// lineKey is where an app's metadata have its command line, sorted.
const lineKey = "line"

// Said reports whether a flag stands on the command line: that of cli.Context.IsSet may be of the
// environment as well, which is not about this one command.
func Said(c *cli.Context, flag string) bool {
	line, _ := c.App.Metadata[lineKey].([]string)
	if end := slices.Index(line, "--"); end >= 0 {
		line = line[:end]
	}
	return slices.ContainsFunc(line, func(word string) bool {
		name, _, _ := strings.Cut(word, "=")
		return name == "--"+flag
	})
}

// OutputFlag is the flag of every command that prints for people or for programs; see WantsJSON.
func OutputFlag() cli.Flag {
	return &cli.StringFlag{
		Name: "output", Value: "table", EnvVars: []string{"RAFT_OUTPUT"},
		Usage: "`FORMAT`: table for people, json for programs",
	}
}

// WantsJSON reads OutputFlag. The error is exit.ErrUsage.
func WantsJSON(c *cli.Context) (bool, error) {
	output := c.String("output")
	if output != "table" && output != "json" {
		return false, exit.Usagef("--output is %q, want table or json", output)
	}
	return output == "json", nil
}

// prepare sets what all commands have in common. Without HideHelpCommand, get help would not read
// the key of that name.
func prepare(commands []*cli.Command) {
	for _, c := range commands {
		c.HideHelpCommand = true
		c.OnUsageError = usage
		prepare(c.Subcommands)
	}
}

// usage makes what the library says about flags an ErrUsage.
func usage(_ *cli.Context, err error, _ bool) error { return exit.Mark(err, exit.ErrUsage) }

func report(w io.Writer, words []string, err error) {
	name := strings.TrimSuffix(filepath.Base(words[0]), ".exe")
	fmt.Fprintf(w, "%s: %v\n", name, err)
	if exit.Of(err) == exit.Usage {
		fmt.Fprintf(w, "Try: %s --help\n", name)
	}
}
