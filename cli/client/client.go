// Package client is the group of commands that talk to a cluster.
package client

import (
	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/batch"
	"github.com/tidelock-raft/tidelock/cli/call"
	"github.com/tidelock-raft/tidelock/cli/cluster"
	"github.com/tidelock-raft/tidelock/cli/del"
	"github.com/tidelock-raft/tidelock/cli/get"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/cli/log"
	"github.com/tidelock-raft/tidelock/cli/put"
	"github.com/tidelock-raft/tidelock/cli/script"
	"github.com/tidelock-raft/tidelock/cli/status"
	"github.com/tidelock-raft/tidelock/cli/watch"
)

// New makes the group, under a name: client, or raft-client where it is a program of its own.
func New(name string, s program.Streams) *cli.Command {
	env := remote.Env{Streams: s, Connect: remote.Dial}
	return &cli.Command{
		Name: name, Usage: "talk to a cluster",
		Description: "Talks to the nodes of a cluster. Flags may stand before or behind arguments.\n\n" +
			"  " + name + " put x 1\n" +
			"  " + name + " get x --endpoints a:8101,b:8102,c:8103\n" +
			"  " + name + " status\n\n" +
			"Exit codes: 0 done, 1 refused by the machine, 2 no answer in time, 3 not the leader,\n" +
			"4 damaged data, 5 unhealthy, 64 wrong usage, 65 script refused. An error is a line of\n" +
			"JSON on standard output.",
		Subcommands: []*cli.Command{
			put.New(env), get.New(env), del.New(env), call.New(env), call.NewQuery(env),
			batch.New(env), watch.New(env), log.New(env), status.New(env), script.New(env), cluster.New(env),
		},
	}
}
