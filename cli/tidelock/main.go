// Tidelock keeps a Lua script running in lockstep on a cluster. It is all programs in one.
package main

import (
	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/bench"
	"github.com/tidelock-raft/tidelock/cli/check"
	"github.com/tidelock-raft/tidelock/cli/client"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/cli/migratestore"
	"github.com/tidelock-raft/tidelock/cli/node"
	"github.com/tidelock-raft/tidelock/cli/plugins"
	"github.com/tidelock-raft/tidelock/cli/run"
	"github.com/tidelock-raft/tidelock/cli/sim"
	"github.com/tidelock-raft/tidelock/cli/test"
	"github.com/tidelock-raft/tidelock/cli/version"
	_ "github.com/tidelock-raft/tidelock/plugins/standard"
)

func main() {
	program.Main(func(s program.Streams) *cli.Command {
		return &cli.Command{
			Name: "tidelock", Usage: "keep a Lua script running in lockstep on a cluster",
			Subcommands: []*cli.Command{
				node.New("node", s), client.New("client", s), plugins.New(s),
				check.New(s), test.New(s), run.New(s), sim.New(s), migratestore.New(s),
				bench.New(remote.Env{Streams: s, Connect: remote.Dial}), version.New(s),
			},
		}
	})
}
