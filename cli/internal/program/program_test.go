package program

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
)

// echo prints what it was given.
func echo(s Streams) *cli.Command {
	return &cli.Command{Name: "echo", Usage: "print arguments", ArgsUsage: "ARGS…",
		Flags: []cli.Flag{&cli.IntFlag{Name: "times", Value: 1, EnvVars: []string{"ECHO_TIMES"}}},
		Action: func(c *cli.Context) error {
			switch c.Args().First() {
			case "fail":
				return io.EOF
			case "quiet":
				return exit.Reported(exit.Mark(io.EOF, exit.ErrRefused))
			}
			_, err := fmt.Fprint(s.Out, c.Int("times"), c.Args().Slice())
			return err
		}}
}

func TestRun(t *testing.T) {
	for _, c := range []struct {
		line     string
		code     exit.Code
		out, err string // out: how it begins
	}{
		{"echo a b", exit.OK, "1 [a b]", ""},
		{"echo a --times 3 -7", exit.OK, "3 [a -7]", ""},
		{"echo help", exit.OK, "1 [help]", ""},
		{"echo h", exit.OK, "1 [h]", ""},
		{"echo times --times 3", exit.OK, "3 [times]", ""},
		{"echo -- --times", exit.OK, "1 [--times]", ""},
		{"echo --help", exit.OK, "NAME:\n   p echo - print arguments", ""},
		{"help echo", exit.OK, "NAME:\n   p echo - print arguments", ""},
		{"", exit.OK, "NAME:\n   p - a program", ""},
		{"--version", exit.OK, "p ", ""},
		{"echo fail", exit.Failed, "", "p: EOF\n"},
		{"echo quiet", exit.Refused, "", ""},
		{"echo --times x", exit.Usage, "", `p: invalid value "x" for flag -times: parse error` +
			"\nTry: p --help\n"},
		{"ehco", exit.Usage, "", "p: there is no command \"ehco\"; there are: echo\nTry: p --help\n"},
	} {
		t.Run(c.line, func(t *testing.T) {
			var out, err strings.Builder
			s := Streams{Out: &out, Err: &err}
			root := &cli.Command{
				Name: "p", Usage: "a program", Subcommands: []*cli.Command{echo(s)},
			}
			words := append([]string{"/bin/p"}, strings.Fields(c.line)...)
			if code := Run(context.Background(), s, root, words); code != c.code {
				t.Errorf("got code %d, want %d", code, c.code)
			}
			if !strings.HasPrefix(out.String(), c.out) || c.out == "" && out.Len() > 0 {
				t.Errorf("got output %q, want %q", out.String(), c.out)
			}
			if err.String() != c.err {
				t.Errorf("got error %q, want %q", err.String(), c.err)
			}
		})
	}
}

func TestEnvironmentIsChecked(t *testing.T) {
	t.Setenv("ECHO_TIMES", "many")
	var err strings.Builder
	s := Streams{Out: io.Discard, Err: &err}
	root := &cli.Command{Name: "p", Subcommands: []*cli.Command{echo(s)}}
	code := Run(context.Background(), s, root, []string{"p", "echo"})
	if code != exit.Usage || !strings.Contains(err.String(), "ECHO_TIMES") {
		t.Errorf("got code %d and %q", code, err.String())
	}
}
