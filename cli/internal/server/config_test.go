package server

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
)

func TestANodeNeedsNoMoreThanIDs(t *testing.T) {
	peers, err := ParsePeers("3,2", "")
	if err != nil {
		t.Fatal(err)
	}
	c, err := Config{ID: 1, Peers: peers}.complete()
	if err != nil {
		t.Fatal(err)
	}
	if c.Dir != "data/node1" || c.listen[0] != "127.0.0.1:9001" || c.APIListen != "127.0.0.1:8101" ||
		c.Advertise != "127.0.0.1:9001" || c.Transports[0].Name != "tcp" || c.Store.Name != "wal" ||
		c.Machine.Name != "lua" || c.Cluster != "tidelock" || c.Log == nil {
		t.Errorf("got %+v", c)
	}
	p := &parts{Config: c}
	if got := p.apiAddr(3); got != "127.0.0.1:8103" {
		t.Errorf("API of peer 3 at %s", got)
	}
	if got := p.apiAddr(1) + p.apiAddr(9); got != "127.0.0.1:8101" {
		t.Errorf("APIs of 1 and 9 at %s", got)
	}
	m := c.membership()
	if err := m.Check(); err != nil || m.String() != "voters=1,2,3" {
		t.Errorf("got %v, %v", m, err)
	}
	if m.Members[1].Addr != "127.0.0.1:9002" {
		t.Errorf("peer 2 at %s", m.Members[1].Addr)
	}
	n := p.nodeConfig(7)
	if n.Engine.Raft.ElectionTicks != 50 || n.Engine.Raft.HeartbeatTicks != 10 ||
		n.Engine.Tick != 10_000_000 || n.Engine.Incarnation != 7 {
		t.Errorf("got %+v", n.Engine)
	}
}

func TestPeersOnOtherHosts(t *testing.T) {
	peers, err := ParsePeers(" 2=b:9002, 3=[::1]:7", "3=c:8")
	if err != nil {
		t.Fatal(err)
	}
	c, err := Config{ID: 1, Peers: peers, Bind: "0.0.0.0", Advertise: "a:9001"}.complete()
	if err != nil {
		t.Fatal(err)
	}
	want := []Peer{{2, "b:9002", "b:8102"}, {3, "[::1]:7", "c:8"}}
	if len(c.Peers) != 2 || c.Peers[0] != want[0] || c.Peers[1] != want[1] {
		t.Errorf("got %+v, want %+v", c.Peers, want)
	}
	p := &parts{Config: c}
	if c.listen[0] != "0.0.0.0:9001" || p.apiAddr(1) != "" {
		t.Errorf("listens on %s, API at %q", c.listen, p.apiAddr(1))
	}
}

func TestPeersThatCannotBe(t *testing.T) {
	for _, c := range []struct{ list, apis, text string }{
		{"x", "", `--peers: "x" is not the id of a node`},
		{"2,,3", "", `--peers: "" is not the id of a node`},
		{"-2", "", `--peers: "-2" is not the id of a node`},
		{"0", "", `--peers: 0 is the id of no node`},
		{"2,2=h:1", "", `--peers: node 2 is there twice`},
		{"2=host", "", `--peers: "host" is not host:port`},
		{"2=", "", `--peers: "" is not host:port`},
		{"2=h:70000", "", `--peers: "h:70000" has no port from 0 to 65535`},
		{"2=:9002", "", `--peers: ":9002" names no host`},
		{"2=0.0.0.0:9002", "", `--peers: "0.0.0.0:9002" names no host`},
		{"2", "3=h:1", `--peer-apis: node 3 is not one of --peers`},
		{"2", "2", `--peer-apis: "2" has no address, want id=host:port`},
		{"2", "2=h", `--peer-apis: "h" is not host:port`},
	} {
		_, err := ParsePeers(c.list, c.apis)
		if !errors.Is(err, exit.ErrUsage) || err.Error() != c.text {
			t.Errorf("%s %s: got %v, want %s", c.list, c.apis, err, c.text)
		}
	}
}

func TestConfigsThatCannotBe(t *testing.T) {
	many := make([]Peer, core.MaxMembers)
	for i := range many {
		many[i].ID = core.NodeID(i + 2)
	}
	for _, c := range []struct {
		config Config
		text   string
	}{
		{Config{}, "--id is missing: say which node this is, from 1 on"},
		{Config{ID: 1, Peers: []Peer{{ID: 1}}}, "--peers: node 1 is this node; list only the others"},
		{Config{ID: 1, Peers: many}, "--peers: 65 nodes with this one, at most 64"},
		{Config{ID: 60000}, "--listen: node 60000 has no usual port, for 9000+60000 is beyond " +
			"65535; say host:port"},
		{Config{ID: 60000, Listen: "h:1"}, "--api-listen: node 60000 has no usual port, for " +
			"8100+60000 is beyond 65535; say host:port"},
		{Config{ID: 1, Peers: []Peer{{ID: 60000}}}, "--peers: node 60000 has no usual port, for " +
			"9000+60000 is beyond 65535; say host:port"},
		{Config{ID: 1, BasePort: -1}, "--base-port is -1, want 1 to 65535"},
		{Config{ID: 1, Listen: "h"}, `--listen: "h" is not host:port`},
		{Config{ID: 1, APIListen: "h:x"}, `--api-listen: "h:x" has no port from 0 to 65535`},
		{Config{ID: 1, Bind: "::", Peers: []Peer{{ID: 2}}}, "--listen: peers cannot reach [::]:9001 " +
			"by that name; say by --advertise where they find this node"},
		{Config{ID: 1, Tick: time.Microsecond}, "--tick is 1µs, want at least 1ms"},
		{Config{ID: 1, Heartbeat: 5 * time.Millisecond},
			"--heartbeat is 5ms, want at least one --tick, 10ms"},
		{Config{ID: 1, Election: 150 * time.Millisecond},
			"--election is 150ms, want at least two --heartbeat, 200ms"},
		{Config{ID: 1, SnapshotEntries: -1}, "--snapshot-entries is -1, want no less than 0"},
		{Config{ID: 1, SnapshotBytes: -1}, "--snapshot-bytes is -1, want no less than 0"},
		{Config{ID: 1, Procs: -1}, "--procs is -1, want no less than 0"},
		{Config{ID: 1, Cluster: strings.Repeat("x", 65)}, "--cluster has 65 bytes, at most 64"},
	} {
		_, err := c.config.complete()
		if !errors.Is(err, exit.ErrUsage) || err.Error() != c.text {
			t.Errorf("got  %v\nwant %s", err, c.text)
		}
	}
}

func TestClusterIDDependsOnTheNameAlone(t *testing.T) {
	if a, b := ClusterID("a"), ClusterID("b"); a == b || a == 0 || a != 0xaf63dc4c8601ec8c {
		t.Errorf("got %x and %x", a, b)
	}
}

func TestLoggerLevelsAndFormats(t *testing.T) {
	for _, c := range []struct{ level, format, want string }{
		{"", "", "level=INFO"},
		{"debug", "json", `"level":"DEBUG"`},
		{"warn", "text", "level=WARN"},
		{"error", "json", `"level":"ERROR"`},
	} {
		var b strings.Builder
		log, err := NewLogger(&b, c.level, c.format)
		if err != nil {
			t.Fatal(err)
		}
		log.Debug("x")
		log.Info("x")
		log.Warn("x")
		log.Error("x")
		if first, _, _ := strings.Cut(b.String(), "\n"); !strings.Contains(first, c.want) {
			t.Errorf("%s %s: first line is %s", c.level, c.format, first)
		}
	}
	for level, format := range map[string]string{"loud": "text", "info": "xml"} {
		if _, err := NewLogger(io.Discard, level, format); !errors.Is(err, exit.ErrUsage) {
			t.Errorf("%s %s: got %v", level, format, err)
		}
	}
}

// TestConnectionsLeaveFilesForTheLog: a quarter of those that may be open.
func TestConnectionsLeaveFilesForTheLog(t *testing.T) {
	for _, c := range []struct{ wanted, files, got int }{
		{0, 1 << 20, DefaultAPIConnections}, {0, 1024, 768}, {768, 1024, 768}, {769, 1024, 0},
		{maxAPIConnections, 1 << 30, maxAPIConnections}, {maxAPIConnections + 1, 1 << 30, 0},
		{-1, 1024, 0},
	} {
		got, err := connections(c.wanted, c.files)
		if got != c.got || (err == nil) != (got > 0) || err != nil && !errors.Is(err, exit.ErrUsage) {
			t.Errorf("%d wanted with %d files: got %d, %v, want %d", c.wanted, c.files, got, err, c.got)
		}
	}
	if got, err := (Config{ID: 1}).complete(); err != nil || got.APIConnections == 0 {
		t.Errorf("got %d, %v", got.APIConnections, err)
	}
}
