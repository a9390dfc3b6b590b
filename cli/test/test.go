// Package test is the command that runs the tests of machines, which are written in Lua.
package test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/scripting/luatest"
)

// Options are what the command is asked for.
type Options struct {
	program.Streams
	Paths   []string
	Only    *regexp.Regexp // names of tests; nil: all
	Random  int            // commands of each workload
	Seed    uint64
	Verbose bool
	JSON    bool
}

// New makes the command.
func New(s program.Streams) *cli.Command {
	return &cli.Command{
		Name: "test", Usage: "run the tests of scripts", ArgsUsage: "[FILE|DIRECTORY...]",
		Description: "Runs the tests of machines: bank_test.lua beside bank.lua, and all *_test.lua\n" +
			"in directories and below, the present one if none is given. With --random, the workloads\n" +
			"of the files make as many random commands: the invariant must hold after each, and a\n" +
			"machine restored from a snapshot must be like one that was not. The exit code is 1 if a\n" +
			"test fails, and 65 if a script cannot be run.\n\n" +
			"  tidelock test\n" +
			"  tidelock test bank.lua --run transfer -v\n" +
			"  tidelock test examples --random 1000 --seed 7",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "run", Usage: "only tests whose name matches `REGEX`"},
			&cli.IntFlag{Name: "random", Usage: "make `NUMBER` random commands of each workload"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "`NUMBER` that random commands come from"},
			&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, DisableDefaultText: true,
				Usage: "print every test, and what it prints"},
			program.OutputFlag(),
		},
		Action: func(c *cli.Context) error {
			o, err := parse(c, s)
			if err != nil {
				return exit.Mark(err, exit.ErrUsage)
			}
			return run(c.Context, o)
		},
	}
}

func parse(c *cli.Context, s program.Streams) (Options, error) {
	o := Options{
		Streams: s, Paths: c.Args().Slice(), Random: c.Int("random"), Seed: c.Uint64("seed"),
		Verbose: c.Bool("verbose"),
	}
	var err error
	if o.JSON, err = program.WantsJSON(c); err != nil {
		return o, err
	}
	if o.Random < 0 || o.Random > luatest.MaxCommands {
		return o, fmt.Errorf("--random is %d, want 0 to %d", o.Random, luatest.MaxCommands)
	}
	if pattern := c.String("run"); pattern != "" {
		only, err := regexp.Compile(pattern)
		if err != nil {
			return o, fmt.Errorf("--run: %w", err)
		}
		o.Only = only
	}
	if len(o.Paths) == 0 {
		o.Paths = []string{"."}
	}
	return o, nil
}

// find lists the test files, each once, in the order in which they were asked for.
func find(paths []string) (files []string, err error) {
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, luatest.Beside(path))
			if _, err := os.Stat(files[len(files)-1]); err != nil {
				return nil, fmt.Errorf("the tests of %s: %w", path, err)
			}
			continue
		}
		err = filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && file != path && strings.HasPrefix(d.Name(), "."):
				return fs.SkipDir
			case !d.IsDir() && strings.HasSuffix(file, luatest.Suffix):
				files = append(files, file)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("look for tests: %w", err)
		}
	}
	seen := map[string]bool{}
	files = slices.DeleteFunc(files, func(file string) bool {
		twice := seen[filepath.Clean(file)]
		seen[filepath.Clean(file)] = true
		return twice
	})
	if len(files) == 0 {
		return nil, fmt.Errorf("there is no *%s in %s", luatest.Suffix, strings.Join(paths, ", "))
	}
	return files, nil
}

func run(ctx context.Context, o Options) error {
	files, err := find(o.Paths)
	if err != nil {
		return exit.Mark(err, exit.ErrUsage)
	}
	r := &reporter{out: o.Out, quiet: o.JSON, verbose: o.Verbose, rows: []row{}}
	for _, file := range files {
		if err := r.file(ctx, o, file); err != nil {
			return err
		}
	}
	if len(r.rows) == 0 {
		return exit.Usagef("test: no test is called like that")
	}
	if o.JSON {
		err = remote.PrintJSON(o.Out, r.rows)
	} else {
		_, err = fmt.Fprintf(o.Out, "%d passed, %d failed\n", r.count(passed), r.bad())
	}
	switch {
	case err != nil:
		return err
	case r.count(refused) > 0:
		return exit.Reported(exit.Mark(errFailed, exit.ErrRefused))
	case r.count(failed) > 0:
		return exit.Reported(errFailed)
	}
	return nil
}

var errFailed = fmt.Errorf("test")

// The outcomes of a test.
const (
	passed  = "ok"
	failed  = "failed"
	refused = "refused" // the machine or its tests cannot be run
)

// row is a test for programs.
type row struct {
	File    string        `json:"file"`
	Test    string        `json:"test"` // random of a workload; empty: it is the file that was refused
	Line    int           `json:"line,omitempty"`
	Outcome string        `json:"outcome"` // ok, failed or refused
	Message string        `json:"message,omitempty"`
	Printed []string      `json:"printed,omitempty"`
	Tally   luatest.Tally `json:"tally,omitempty"` // of random commands: how often which came of them
}

// reporter collects rows, and prints them for people as they come.
type reporter struct {
	out            io.Writer
	quiet, verbose bool
	rows           []row
}

func (r *reporter) count(outcome string) (n int) {
	for _, x := range r.rows {
		if x.Outcome == outcome {
			n++
		}
	}
	return n
}

func (r *reporter) bad() int { return len(r.rows) - r.count(passed) }

// file runs the tests of a file. The error is that of the context, or of writing.
func (r *reporter) file(ctx context.Context, o Options, path string) error {
	f, err := luatest.Load(path)
	if err != nil {
		return r.add(row{File: path, Outcome: refused, Message: err.Error()})
	}
	tests, before := 0, r.bad()
	for _, t := range f.Tests {
		if o.Only != nil && !o.Only.MatchString(t.Name) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		tests++
		x := row{File: f.Path, Test: t.Name, Line: t.Line}
		err := f.Run(t, func(line string) { x.Printed = append(x.Printed, line) })
		if err := r.add(x.judged(err)); err != nil {
			return err
		}
	}
	if tests > 0 && !r.quiet && !r.verbose && r.bad() == before {
		if _, err := fmt.Fprintf(r.out, "ok    %s: %d of %d tests\n", f.Path, tests,
			len(f.Tests)); err != nil {
			return err
		}
	}
	if o.Random == 0 || !f.HasWorkload() {
		return ctx.Err()
	}
	tally, err := f.Random(o.Random, o.Seed)
	x := row{File: f.Path, Test: "random", Tally: tally}
	return r.add(x.judged(err))
}

func (x row) judged(err error) row {
	if x.Outcome = passed; err != nil {
		x.Outcome, x.Message = failed, err.Error()
	}
	return x
}

// add notes a row, and prints it if it is one that people want to see at once.
func (r *reporter) add(x row) error {
	r.rows = append(r.rows, x)
	if r.quiet || x.Outcome == passed && !r.verbose && x.Tally == nil {
		return nil
	}
	word, name := "ok   ", x.File
	if x.Outcome != passed {
		word = "FAIL "
	}
	if x.Test != "" {
		name += ": " + x.Test
	}
	if x.Tally != nil && x.Outcome == passed {
		name += ": " + x.Tally.String()
	}
	lines := []string{word + " " + name}
	for _, text := range append(slices.Clone(x.Printed), x.Message) {
		if text != "" {
			lines = append(lines, "      "+strings.ReplaceAll(text, "\n", "\n      "))
		}
	}
	_, err := fmt.Fprintln(r.out, strings.Join(lines, "\n"))
	return err
}
