package node

import (
	"context"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
	"github.com/tidelock-raft/tidelock/cli/internal/server"
	_ "github.com/tidelock-raft/tidelock/plugins/standard"
)

// run runs a command line and returns the configuration that a node would have been run with.
func run(t *testing.T, line string) (server.Config, exit.Code, string) {
	t.Helper()
	var config server.Config
	var out, err strings.Builder
	s := program.Streams{Out: &out, Err: &err}
	o := Options{Streams: s, Run: func(_ context.Context, c server.Config) error {
		config = c
		return nil
	}}
	words := append([]string{"raft-node"}, strings.Fields(line)...)
	code := program.Run(context.Background(), s, o.Command("raft-node"), words)
	return config, code, err.String()
}

func check(t *testing.T, got, want server.Config) {
	t.Helper()
	if got.Log == nil || got.Version == "" {
		t.Errorf("got log %v, version %q", got.Log, got.Version)
	}
	got.Log, got.Version = nil, ""
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// defaults is the configuration of a node with nothing but an id.
func defaults() server.Config {
	return server.Config{
		ID: 1, Cluster: "tidelock", Bind: "127.0.0.1", BasePort: 9000,
		Transports: []server.Choice{{Name: "tcp", Options: map[string]string{}}},
		Store:      server.Choice{Name: "wal", Options: map[string]string{}},
		Machine:    server.Choice{Name: "lua", Options: map[string]string{}},
		Tick:       10 * time.Millisecond, Heartbeat: 100 * time.Millisecond,
		Election: 500 * time.Millisecond,
	}
}

func TestFlagsBecomeAConfig(t *testing.T) {
	got, code, text := run(t, "--id 1")
	if code != exit.OK {
		t.Fatal(text)
	}
	check(t, got, defaults())

	got, code, text = run(t, "--id 1 --peers 2,3=h:7 --peer-apis 2=h:8 --data d --cluster c "+
		"--bind 0.0.0.0 --base-port 1000 --listen l:1 --advertise a:2 --api-listen i:3 --seed 9 "+
		"--api-connections 8 "+
		"--tick 1ms --heartbeat 2ms --election 30ms --snapshot-entries 5 --snapshot-bytes 1KiB "+
		"--trace-rpc --procs 4 --transport memory --store memory --script s.lua "+
		"--transport.memory.network n --machine.lua.readers=2 --store.wal.segment 1MiB")
	if code != exit.OK {
		t.Fatal(text)
	}
	check(t, got, server.Config{
		ID: 1, Peers: []server.Peer{{ID: 2, API: "h:8"}, {ID: 3, Addr: "h:7"}}, Dir: "d",
		Cluster: "c", Bind: "0.0.0.0", BasePort: 1000, Listen: "l:1", Advertise: "a:2",
		APIListen: "i:3", APIConnections: 8,
		Seed: 9, Tick: time.Millisecond, Heartbeat: 2 * time.Millisecond,
		Election: 30 * time.Millisecond, SnapshotEntries: 5, SnapshotBytes: 1024,
		TraceRPC: true, Procs: 4,
		Transports: []server.Choice{
			{Name: "memory", Options: map[string]string{"network": "n"}},
		},
		Store: server.Choice{Name: "memory", Options: map[string]string{}},
		Machine: server.Choice{
			Name: "lua", Options: map[string]string{"script": "s.lua", "readers": "2"},
		},
	})
}

func TestSeveralTransportsHaveTheirOptions(t *testing.T) {
	got, code, text := run(t, "--id 1 --transport grpc,tcp --transport.tcp.retry-min 1s "+
		"--transport.grpc.retry-min 2s --transport.http.retry-min 3s --listen grpc://h:1,tcp://h:2")
	if code != exit.OK {
		t.Fatal(text)
	}
	want := defaults()
	want.Listen = "grpc://h:1,tcp://h:2"
	want.Transports = []server.Choice{
		{Name: "grpc", Options: map[string]string{"retry-min": "2s"}},
		{Name: "tcp", Options: map[string]string{"retry-min": "1s"}},
	}
	check(t, got, want)
}

func TestEnvironmentSuppliesFlagsAndIsOverruled(t *testing.T) {
	t.Setenv("RAFT_ID", "1")
	t.Setenv("RAFT_PROCS", "3")
	t.Setenv("RAFT_STORE_WAL_SEGMENT", "2MiB")
	got, code, text := run(t, "--procs 4")
	if code != exit.OK {
		t.Fatal(text)
	}
	want := defaults()
	want.Procs = 4
	want.Store.Options["segment"] = "2MiB"
	check(t, got, want)
}

// TestEveryFlagHasAVariable: what can be said on the command line can be said by the environment.
func TestEveryFlagHasAVariable(t *testing.T) {
	for _, f := range append(flags(), pluginFlags()...) {
		d := f.(cli.DocGenerationFlag)
		if len(d.GetEnvVars()) != 1 || d.GetUsage() == "" {
			t.Errorf("--%s: variables %v, usage %q", f.Names()[0], d.GetEnvVars(), d.GetUsage())
		}
	}
}

func TestTraceIsSeenUnlessALevelIsChosen(t *testing.T) {
	for line, want := range map[string]bool{
		"--id 1": false, "--id 1 --trace-rpc": true, "--id 1 --log-level debug": true,
		"--id 1 --trace-rpc --log-level warn": false,
	} {
		config, _, _ := run(t, line)
		if got := config.Log.Enabled(context.Background(), slog.LevelDebug); got != want {
			t.Errorf("%s: debug is %v, want %v", line, got, want)
		}
	}
}

func TestLinesThatCannotBe(t *testing.T) {
	for line, want := range map[string]string{
		"--id x":                `invalid value "x" for flag -id: parse error`,
		"--id -1":               `invalid value "-1" for flag -id: parse error`,
		"--id 1 2":              `raft-node: "2" is given, but all options are flags`,
		"--id 1 --peers a":      `--peers: "a" is not the id of a node`,
		"--id 1 --log-level x":  `--log-level is "x", want debug, info, warn or error`,
		"--id 1 --log-format x": `--log-format is "x", want text or json`,
		"--id 1 --tick -1s":     `a time is -1s, want more than nothing`,
		"--id 1 --store.wal.x 1": `there is no flag --store.wal.x; there are: ` +
			`--store.wal.max-record, --store.wal.segment`,
		"--id 1 --snapshot-bytes lots": `--snapshot-bytes: a size is written as 4096, 512KiB, ` +
			`64MiB or 2GiB`,
	} {
		_, code, text := run(t, line)
		if code != exit.Usage || text != "raft-node: "+want+"\nTry: raft-node --help\n" {
			t.Errorf("%s: got code %d, %s\nwant %s", line, code, text, want)
		}
	}
}
