package node

import (
	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/server"
)

// Flags are all flags of a node, for commands that prepare what a node is then started with.
func Flags() []cli.Flag { return append(flags(), pluginFlags()...) }

// Config reads those flags.
func (o Options) Config(c *cli.Context) (server.Config, error) { return o.config(c) }
