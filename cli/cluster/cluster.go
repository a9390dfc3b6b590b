// Package cluster is the group of commands that look after a cluster as a whole. Each has a package
// of its own.
package cluster

import (
	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/cluster/change"
	"github.com/tidelock-raft/tidelock/cli/cluster/health"
	"github.com/tidelock-raft/tidelock/cli/cluster/members"
	"github.com/tidelock-raft/tidelock/cli/cluster/recover"
	"github.com/tidelock-raft/tidelock/cli/cluster/resync"
	"github.com/tidelock-raft/tidelock/cli/cluster/snapshot"
	"github.com/tidelock-raft/tidelock/cli/cluster/status"
	"github.com/tidelock-raft/tidelock/cli/cluster/transfer"
	"github.com/tidelock-raft/tidelock/cli/cluster/why"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
)

// New makes the group.
func New(env remote.Env) *cli.Command {
	return &cli.Command{
		Name: "cluster", Usage: "look after the nodes of a cluster",
		Description: "Looks after the nodes of a cluster.\n\n" +
			"  raft-client cluster status\n" +
			"  raft-client cluster why\n" +
			"  raft-client cluster members\n" +
			"  raft-client cluster add 4 10.0.0.4:9004\n" +
			"  raft-client cluster transfer 2\n" +
			"  raft-client cluster remove 1 --plan\n" +
			"  raft-client cluster resync 3\n" +
			"  raft-client cluster snapshot save monday.snap",
		Subcommands: append(change.New(env), status.New(env), health.New(env), why.New(env),
			members.New(env), transfer.New(env), resync.New(env), recover.New(env), snapshot.New(env)),
	}
}
