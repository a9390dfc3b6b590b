// Package run is the command that runs a script on this machine alone, without a cluster: calls
// come in, and what they came to goes out.
package run

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/scripting"
)

// Options are what the command is asked for.
type Options struct {
	program.Streams
	Script         string
	RestoreBetween bool // go on with a machine restored from a snapshot after every line
}

// maxLine is how long a line of input may be.
const maxLine = 16 << 20

// New makes the command.
func New(s program.Streams) *cli.Command {
	return &cli.Command{
		Name: "run", Usage: "run a script on this machine alone", ArgsUsage: "SCRIPT",
		Description: "Reads a call per line from standard input and prints what it came to, with its\n" +
			"cost and the digest of the state. An array is a command; the clock is 0 at first, and\n" +
			"each line takes a millisecond. The same input gives the same output, always.\n\n" +
			"  [\"put\",\"x\",\"1\"]              a command\n" +
			"  {\"query\":[\"get\",\"x\"]}        a query\n" +
			"  {\"time\":60000}               the clock goes on to a minute\n\n" +
			"  tidelock run bank.lua < calls.jsonl\n" +
			"  tidelock run bank.lua --restore-between < calls.jsonl",
		Flags: []cli.Flag{&cli.BoolFlag{
			Name: "restore-between", DisableDefaultText: true,
			Usage: "go on from a snapshot after every line; the output must not differ",
		}},
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return exit.Usagef("run: %d arguments given, want SCRIPT", c.NArg())
			}
			return run(c.Context, Options{s, c.Args().First(), c.Bool("restore-between")})
		},
	}
}

func run(ctx context.Context, o Options) error {
	src, err := scripting.ReadSource(o.Script)
	if err != nil {
		return exit.Mark(err, exit.ErrUsage)
	}
	machine, err := scripting.New(src, scripting.Config{})
	if err != nil {
		return exit.Mark(err, exit.ErrRefused)
	}
	b := &bench{src: src}
	b.use(machine)
	defer func() { b.machine.Close() }()
	out := bufio.NewWriter(o.Out)
	in := bufio.NewScanner(o.In)
	in.Buffer(nil, maxLine)
	for in.Scan() && ctx.Err() == nil {
		if len(bytes.TrimSpace(in.Bytes())) == 0 {
			continue
		}
		if err := b.line(out, in.Bytes()); err != nil {
			return err
		}
		if o.RestoreBetween {
			if err := b.restore(); err != nil {
				return fmt.Errorf("restore between: %w", err)
			}
		}
	}
	switch {
	case in.Err() != nil:
		return fmt.Errorf("read calls: %w", in.Err())
	case ctx.Err() != nil:
		return ctx.Err()
	case b.broken:
		return exit.Reported(errors.New("a line could not be read, or an invariant does not hold"))
	}
	return nil
}

// line carries out one line and prints the outcome at once, for who writes the next one after it.
func (b *bench) line(out *bufio.Writer, line []byte) error {
	outcome, err := b.do(line)
	if err != nil {
		return err
	}
	if err := remote.PrintJSON(out, outcome); err != nil {
		return fmt.Errorf("print the outcome: %w", err)
	}
	return out.Flush()
}

// restore replaces the machine by one made from its snapshot.
func (b *bench) restore() error {
	snapshot, err := b.machine.Snapshot()
	if err != nil {
		return err
	}
	defer snapshot.Release()
	var body bytes.Buffer
	if _, err := snapshot.WriteTo(&body); err != nil {
		return err
	}
	fresh, err := scripting.New(b.src, scripting.Config{})
	if err != nil {
		return err
	}
	if err := fresh.Restore(&body); err != nil {
		return errors.Join(err, fresh.Close())
	}
	old := b.machine
	b.use(fresh)
	return old.Close()
}
