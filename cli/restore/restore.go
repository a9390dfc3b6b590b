// Package restore is the command that makes the data directory of a node of a new cluster from a
// file that raft-client cluster snapshot save has written.
package restore

import (
	"fmt"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/cli/internal/server"
	"github.com/tidelock-raft/tidelock/cli/node"
	"github.com/tidelock-raft/tidelock/core"
)

// Options are what the command is asked for.
type Options struct {
	program.Streams
	server.Config
	File string
	JSON bool
}

// New makes the command.
func New(s program.Streams) *cli.Command {
	return &cli.Command{
		Name: "restore", Usage: "begin a new cluster with the state of a backup", ArgsUsage: "FILE",
		Description: "Makes the data directory of one node of a new cluster from a file that\n" +
			"raft-client cluster snapshot save has written. Run it once for each node, with the flags\n" +
			"that the node is then started with. Members are the nodes that the flags name, any\n" +
			"number of them; those of the old cluster are not. The name of the cluster has to be\n" +
			"another, the directory empty.\n\n" +
			"  tidelock restore cluster.snap --cluster second --id 1 --peers 2,3\n" +
			"  raft-node --cluster second --id 1 --peers 2,3\n" +
			"  tidelock restore cluster.snap --cluster copy --id 1 --data /tmp/copy",
		Flags: append(node.Flags(), program.OutputFlag()),
		Action: func(c *cli.Context) error {
			json, err := program.WantsJSON(c)
			switch {
			case err != nil:
				return err
			case c.NArg() != 1:
				return exit.Usagef("restore: %d arguments given, want FILE", c.NArg())
			}
			config, err := node.Options{Streams: s}.Config(c)
			if err != nil {
				return err
			}
			return run(Options{s, config, c.Args().First(), json})
		},
	}
}

// outcome is what came of it, for programs.
type outcome struct {
	Node    string     `json:"node"`
	Cluster string     `json:"cluster"`
	Data    string     `json:"data"`
	Index   core.Index `json:"index"`
	Term    core.Term  `json:"term"`
	Members []string   `json:"members"`
	Bytes   int64      `json:"bytes"`
	Digest  string     `json:"digest,omitempty"`
}

func run(o Options) error {
	r, err := server.Restore(o.Config, o.File)
	if err != nil {
		return err
	}
	if !o.JSON {
		_, err = fmt.Fprintf(o.Out, "OK node=%d cluster=%s data=%s index=%d term=%d %v digest=%d\n",
			o.ID, r.Cluster, r.Dir, r.Meta.Index, r.Meta.Term, r.Meta.Membership, r.Digest)
		return err
	}
	out := outcome{
		Node: exit.Node(o.ID), Cluster: r.Cluster, Data: r.Dir, Index: r.Meta.Index,
		Term: r.Meta.Term, Bytes: r.Meta.Size,
	}
	if r.Digest != 0 {
		out.Digest = strconv.FormatUint(r.Digest, 10)
	}
	for _, id := range r.Meta.Membership.With(core.Voter) {
		out.Members = append(out.Members, exit.Node(id))
	}
	return remote.PrintJSON(o.Out, out)
}
