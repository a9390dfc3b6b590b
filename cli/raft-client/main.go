// Raft-client talks to a cluster: tidelock client under a name of its own.
package main

import (
	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/client"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
)

func main() {
	program.Main(func(s program.Streams) *cli.Command { return client.New("raft-client", s) })
}
