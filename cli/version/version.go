// Package version is the command that says what version of the program this is.
package version

import (
	"fmt"
	"runtime"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/build"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
)

// Options are what the command is made with.
type Options struct {
	program.Streams
	Version string
}

// New makes the command.
func New(s program.Streams) *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "print the version",
		Description: "Prints the version of the program, of Go and of the platform.\n\n" +
			"  tidelock version",
		Action: func(*cli.Context) error { return run(Options{s, build.Version()}) },
	}
}

func run(o Options) error {
	_, err := fmt.Fprintf(o.Out, "tidelock %s %s %s/%s\n",
		o.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
