// Package batch is the command that runs many commands from a file over one connection.
package batch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
)

// maxLineBytes bounds a line of a batch.
const maxLineBytes = 1 << 20

// Options are what batch is asked for.
type Options struct {
	remote.Options
	File        string // a single hyphen: standard input
	StopOnError bool
}

// New makes the command.
func New(env remote.Env) *cli.Command {
	return &cli.Command{
		Name: "batch", Usage: "run the commands in a file", ArgsUsage: "FILE",
		Description: "Runs the command on each line, in order: put, get, del, call and query as on\n" +
			"the command line. Words are separated by blanks; 'single' and \"double\" quotes hold one\n" +
			"together, and behind a backslash, outside of single quotes, any character is itself.\n" +
			"A line that begins with # is a comment. An error is printed with the number of its\n" +
			"line, and the exit code is that of the first. FILE may be - for standard input.\n\n" +
			"  raft-client batch setup.txt --stop-on-error\n" +
			"  printf 'put x 1\\nget x\\n' | raft-client batch -",
		Flags: append(remote.QueryFlags(), remote.SessionFlag(), &cli.BoolFlag{
			Name: "stop-on-error", Usage: "run nothing behind a line that fails",
			EnvVars: []string{"RAFT_STOP_ON_ERROR"},
		}),
		Action: func(c *cli.Context) error {
			common, err := remote.Parse(env, c, 1, 1)
			if err != nil {
				return err
			}
			return run(c.Context, Options{common, c.Args().First(), c.Bool("stop-on-error")})
		},
	}
}

func run(ctx context.Context, o Options) error {
	input := o.In
	if o.File != "-" {
		file, err := os.Open(o.File)
		if err != nil {
			return o.Report(exit.Mark(err, exit.ErrUsage), 0)
		}
		defer file.Close()
		input = file
	}
	session, err := o.Open()
	if err != nil {
		return o.Report(err, 0)
	}
	defer session.Close()
	return o.lines(ctx, session, input)
}

// lines runs one line after the other and returns the first error. When ctx ends, it stops.
func (o Options) lines(ctx context.Context, session *remote.Session, input io.Reader) error {
	scanner := bufio.NewScanner(input)
	scanner.Buffer(nil, maxLineBytes)
	var first error
	number := 0
	for scanner.Scan() && ctx.Err() == nil && (first == nil || !o.StopOnError) {
		number++
		if err := line(ctx, session, scanner.Text()); err != nil {
			err = o.Report(err, number)
			if first == nil {
				first = err
			}
		}
	}
	err := scanner.Err()
	if errors.Is(err, bufio.ErrTooLong) {
		err = exit.Usagef("the line is longer than %d bytes", maxLineBytes)
	}
	if err != nil {
		err = o.Report(fmt.Errorf("read %s: %w", o.File, err), number+1)
	}
	if first == nil && err == nil && ctx.Err() != nil {
		err = o.Report(ctx.Err(), number+1)
	}
	if first == nil {
		first = err
	}
	return first
}

func line(ctx context.Context, session *remote.Session, text string) error {
	words, err := split(text)
	if err != nil || len(words) == 0 {
		return err
	}
	call, err := parse(words)
	if err != nil {
		return err
	}
	return session.Call(ctx, call)
}

// verb is a command that a line can hold.
type verb struct {
	name  string
	least int
	most  int
	usage string
	call  func(args []string) remote.Call
}

var verbs = []verb{
	{"put", 2, 2, "KEY VALUE", func(a []string) remote.Call {
		return remote.Command("put", a[0], a[1])
	}},
	{"get", 1, 1, "KEY", func(a []string) remote.Call { return remote.Query("get", a[0]) }},
	{"del", 1, 1, "KEY", func(a []string) remote.Call { return remote.Command("del", a[0]) }},
	{"call", 1, remote.Any, "COMMAND [ARGS…]", func(a []string) remote.Call {
		return remote.Command(a[0], remote.Literals(a[1:])...)
	}},
	{"query", 1, remote.Any, "NAME [ARGS…]", func(a []string) remote.Call {
		return remote.Query(a[0], remote.Literals(a[1:])...)
	}},
}

func parse(words []string) (remote.Call, error) {
	args := words[1:]
	for _, v := range verbs {
		if v.name != words[0] {
			continue
		}
		if len(args) < v.least || v.most != remote.Any && len(args) > v.most {
			return remote.Call{}, exit.Usagef("%s: %d arguments given, want %s",
				v.name, len(args), v.usage)
		}
		return v.call(args), nil
	}
	return remote.Call{}, exit.Usagef("there is no command %q in a batch; there are: put, get, "+
		"del, call, query", words[0])
}
