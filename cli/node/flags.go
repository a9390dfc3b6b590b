package node

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/server"
	"github.com/tidelock-raft/tidelock/plugins"
)

// flags are those of every node. Each has an environment variable: RAFT_ and its name.
func flags() []cli.Flag {
	text := func(name, value, shown, usage string) cli.Flag {
		return &cli.StringFlag{
			Name: name, Value: value, DefaultText: shown, Usage: usage, EnvVars: variable(name),
		}
	}
	number := func(name string, value int, shown, usage string) cli.Flag {
		return &cli.IntFlag{
			Name: name, Value: value, DefaultText: shown, Usage: usage, EnvVars: variable(name),
		}
	}
	return []cli.Flag{
		&cli.Uint64Flag{
			Name: "id", EnvVars: variable("id"), DefaultText: "required",
			Usage: "`NUMBER` of this node, from 1 on, never used for another",
		},
		text("peers", "", "none", "the other nodes of a new cluster, `LIST` of id or id=host:port"),
		text("join", "", "none", "the nodes of a running cluster, `LIST` as for peers"),
		text("data", "", "data/node<id>", "`DIRECTORY` of all that is kept"),
		text("cluster", server.DefaultCluster, "",
			"`NAME` of the cluster; nodes hear only those of theirs"),
		text("bind", server.DefaultBind, "", "`HOST` to listen on"),
		number("base-port", server.DefaultBasePort, "",
			"node N listens for peers on this `PORT` plus N"),
		text("listen", "", "bind and base-port",
			"`ADDRESS` to listen on for peers; with several transports a list, TRANSPORT://host:port"),
		text("advertise", "", "listen", "`ADDRESS` where peers find this node"),
		text("api-listen", "", "bind, 8100 plus id", "`ADDRESS` to listen on for clients"),
		number("api-connections", 0, "16384", "`NUMBER` of clients that may be connected"),
		text("peer-apis", "", "their host, 8100 plus id",
			"where peers listen for clients, `LIST` of id=host:port"),
		text("transport", server.DefaultTransport, "", "`PLUGIN` that carries messages, or a list: "+
			"an address is TRANSPORT://host:port, or host:port for the first of them"),
		text("store", server.DefaultStore, "", "`PLUGIN` that keeps the log"),
		text("machine", server.DefaultMachine, "", "`PLUGIN` that is replicated"),
		text("script", "", "kv", "Lua `FILE` of the machine, the same as --machine.lua.script"),
		number("snapshot-entries", 0, "1000000", "`ENTRIES` applied between snapshots"),
		text("snapshot-bytes", "", "64MiB", "`BYTES` applied between snapshots"),
		&cli.DurationFlag{
			Name: "tick", Value: server.DefaultTick, EnvVars: variable("tick"),
			Usage: "unit of `TIME` that heartbeat and election are counted in",
		},
		&cli.DurationFlag{
			Name: "heartbeat", Value: server.DefaultHeartbeat, EnvVars: variable("heartbeat"),
			Usage: "`TIME` between a leader's signs of life",
		},
		&cli.DurationFlag{
			Name: "election", Value: server.DefaultElection, EnvVars: variable("election"),
			Usage: "`TIME` without one before an election, at least",
		},
		number("priority", 0, "",
			"who had better lead, `NUMBER`: 0 first; others wait longer, and hand over to it"),
		number("clock-drift", 0, "no lease reads",
			"`MILLIONTHS` by which no clock runs faster or slower; tick and election are then the "+
				"same everywhere, and lease reads are answered without asking other nodes"),
		&cli.Uint64Flag{
			Name: "seed", EnvVars: variable("seed"), DefaultText: "drawn",
			Usage: "`NUMBER` that everything random comes from",
		},
		text("log-level", "info", "", "`LEVEL`: debug, info, warn or error"),
		text("log-format", "text", "", "`FORMAT`: text or json"),
		&cli.BoolFlag{
			Name: "trace-rpc", EnvVars: variable("trace-rpc"),
			Usage: "log every message between nodes, at level debug",
		},
		number("procs", 0, "one per processor", "`THREADS` that run the node"),
	}
}

// pluginFlags are the options of all plugins that are built in, --store.wal.segment for example.
func pluginFlags() []cli.Flag {
	var list []cli.Flag
	for _, kind := range plugins.Kinds {
		for _, p := range plugins.List(kind) {
			for _, o := range p.Options {
				name := flagName(kind, p.Name, o.Name)
				list = append(list, &cli.StringFlag{
					Name: name, DefaultText: o.Default, EnvVars: variable(name),
					Category: fmt.Sprintf("%s %s:", kind, p.Name),
					Usage:    fmt.Sprintf("%s (`%s`)", o.Help, strings.ToUpper(o.Type)),
				})
			}
		}
	}
	return list
}

func flagName(kind plugins.Kind, plugin, option string) string {
	return fmt.Sprintf("%s.%s.%s", kind, plugin, option)
}

// variable is the environment variable of a flag: RAFT_STORE_WAL_SEGMENT.
func variable(flag string) []string {
	return []string{"RAFT_" + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(flag))}
}

// choices is choice for each name of a list.
func choices(c *cli.Context, kind plugins.Kind, list string) []server.Choice {
	var chosen []server.Choice
	for name := range strings.SplitSeq(list, ",") {
		chosen = append(chosen, choice(c, kind, strings.TrimSpace(name)))
	}
	return chosen
}

// choice is a plugin of a kind and what is said about it.
func choice(c *cli.Context, kind plugins.Kind, name string) server.Choice {
	chosen := server.Choice{Name: name, Options: map[string]string{}}
	for _, p := range plugins.List(kind) {
		if p.Name != chosen.Name {
			continue
		}
		for _, o := range p.Options {
			if name := flagName(kind, p.Name, o.Name); c.IsSet(name) {
				chosen.Options[o.Name] = c.String(name)
			}
		}
	}
	return chosen
}
