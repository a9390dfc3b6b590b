// Raft-node runs a node of a cluster: tidelock node under a name of its own.
package main

import (
	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/program"
	"github.com/tidelock-raft/tidelock/cli/node"
	_ "github.com/tidelock-raft/tidelock/plugins/standard"
)

func main() {
	program.Main(func(s program.Streams) *cli.Command { return node.New("raft-node", s) })
}
