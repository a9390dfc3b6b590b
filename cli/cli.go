// Package cli is the program tidelock, for main packages that add plugins to it: all commands, with
// the plugins that the main package imports. What a command does is in a package of its own.
//
//	import (
//		_ "example.org/pigeon"
//		"github.com/tidelock-raft/tidelock/cli"
//		_ "github.com/tidelock-raft/tidelock/plugins/standard"
//	)
//
//	func main() { cli.Main() }
package cli

import (
	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/bench"
	"github.com/tidelock-raft/tidelock/cli/check"
	"github.com/tidelock-raft/tidelock/cli/client"
	"github.com/tidelock-raft/tidelock/cli/cluster/recover"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/cli/log"
	"github.com/tidelock-raft/tidelock/cli/migratestore"
	"github.com/tidelock-raft/tidelock/cli/node"
	"github.com/tidelock-raft/tidelock/cli/plugins"
	"github.com/tidelock-raft/tidelock/cli/restore"
	"github.com/tidelock-raft/tidelock/cli/run"
	"github.com/tidelock-raft/tidelock/cli/sim"
	"github.com/tidelock-raft/tidelock/cli/test"
	"github.com/tidelock-raft/tidelock/cli/version"
	"github.com/tidelock-raft/tidelock/cli/wal"
)

// Main runs the command that the process's arguments name, and ends the process.
func Main() {
	program.Main(func(s program.Streams) *cli.Command {
		return &cli.Command{
			Name: "tidelock", Usage: "keep a Lua script running in lockstep on a cluster",
			Subcommands: []*cli.Command{
				node.New("node", s), client.New("client", s), plugins.New(s),
				check.New(s), test.New(s), run.New(s), sim.New(s), migratestore.New(s),
				restore.New(s), wal.New(s), log.New(remote.Env{Streams: s, Connect: remote.Dial}),
				recover.New(remote.Env{Streams: s, Connect: remote.Dial}),
				bench.New(remote.Env{Streams: s, Connect: remote.Dial}), version.New(s),
			},
		}
	})
}
