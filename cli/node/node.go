// Package node is the command that runs a node.
package node

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/build"
	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
	"github.com/tidelock-raft/tidelock/cli/internal/server"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/plugins"
)

// Options are what the command is made with.
type Options struct {
	program.Streams
	Run func(context.Context, server.Config) error // default server.Run
}

// New makes the command, under a name: node, or raft-node where it is a program of its own.
func New(name string, s program.Streams) *cli.Command {
	return Options{Streams: s, Run: server.Run}.Command(name)
}

// Command makes the command with these options.
func (o Options) Command(name string) *cli.Command {
	return &cli.Command{
		Name: name, Usage: "run a node of a cluster",
		Description: "Runs a node until it is told to stop (SIGINT, SIGTERM). Nodes find each other\n" +
			"by their ids: node N listens for its peers on port 9000+N and for clients on 8100+N.\n\n" +
			"  " + name + " --id 1 --peers 2,3\n" +
			"  " + name + " --id 1 --peers 2=b:9002,3=c:9003 --bind 0.0.0.0 --advertise a:9001\n" +
			"  " + name + " --id 1 --script bank.lua --store.wal.segment 16MiB\n" +
			"  " + name + " --id 4 --join 1,2,3    (after raft-client cluster add 4 ADDRESS)\n\n" +
			"--peers and --join count as long as there are no data; then the log says who is a member.",
		Flags: append(flags(), pluginFlags()...),
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return exit.Usagef("%s: %q is given, but all options are flags", name, c.Args().First())
			}
			config, err := o.config(c)
			if err != nil {
				return err
			}
			return o.Run(c.Context, config)
		},
	}
}

// config reads the flags.
func (o Options) config(c *cli.Context) (server.Config, error) {
	list, join := c.String("peers"), c.String("join")
	if list != "" && join != "" {
		return server.Config{}, exit.Usagef("--peers begins a cluster and --join joins one; say one")
	}
	peers, err := server.ParsePeers(list+join, c.String("peer-apis"))
	if err != nil {
		return server.Config{}, err
	}
	log, err := server.NewLogger(o.Err, o.level(c), c.String("log-format"))
	if err != nil {
		return server.Config{}, err
	}
	config := server.Config{
		ID: core.NodeID(c.Uint64("id")), Peers: peers, Join: join != "", Cluster: c.String("cluster"),
		Dir: c.String("data"), Bind: c.String("bind"), BasePort: c.Int("base-port"),
		Listen: c.String("listen"), Advertise: c.String("advertise"),
		APIListen: c.String("api-listen"), APIConnections: c.Int("api-connections"),
		Seed: c.Uint64("seed"), Tick: c.Duration("tick"), Heartbeat: c.Duration("heartbeat"),
		Election: c.Duration("election"), SnapshotEntries: c.Int("snapshot-entries"),
		Priority: c.Int("priority"), ClockDrift: c.Int("clock-drift"),
		TraceRPC: c.Bool("trace-rpc"), Procs: c.Int("procs"), Log: log, Version: build.Version(),
		Transports: choices(c, plugins.Transport, c.String("transport")),
		Store:      choice(c, plugins.Store, c.String("store")),
		Machine:    choice(c, plugins.Machine, c.String("machine")),
	}
	if script := c.String("script"); script != "" {
		config.Machine.Options["script"] = script
	}
	for _, d := range []time.Duration{config.Tick, config.Heartbeat, config.Election} {
		if d < 0 {
			return config, exit.Usagef("a time is %v, want more than nothing", d)
		}
	}
	if text := c.String("snapshot-bytes"); text != "" {
		var size plugins.Bytes
		if err := size.UnmarshalText([]byte(text)); err != nil {
			return config, exit.Mark(fmt.Errorf("--snapshot-bytes: %w", err), exit.ErrUsage)
		}
		config.SnapshotBytes = int64(size)
	}
	return config, nil
}

// level is that of the log: what is traced is to be seen.
func (o Options) level(c *cli.Context) string {
	if c.Bool("trace-rpc") && !c.IsSet("log-level") {
		return "debug"
	}
	return c.String("log-level")
}
