package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/cli/internal/server"
	"github.com/tidelock-raft/tidelock/core"
	_ "github.com/tidelock-raft/tidelock/plugins/standard"
)

// TestMatrix runs a cluster on every pair of a transport and a store: nodes elect, write, lose the
// leader, cut the log off behind it, bring it back by a snapshot, lose everyone at once where the
// store lasts, and have lost nothing. With the memory transport, the nodes are in this process.
func TestMatrix(t *testing.T) {
	for _, transport := range []string{"memory", "tcp", "grpc", "http"} {
		for _, store := range []string{"memory", "wal", "bbolt", "pebble"} {
			t.Run(transport+"+"+store, func(t *testing.T) {
				l := lives(processes{})
				var c *Cluster
				if transport == "memory" {
					c, l = startInProcess(t, store)
				} else {
					c = programs.Cluster(t, 3, "--transport", transport, "--store", store,
						"--script", tallyScript(t), "--snapshot-entries", "1000")
				}
				cell{c, l, store != "memory"}.run(t)
			})
		}
	}
}

// lives says what ends a node and starts it again.
type lives interface {
	end(t *testing.T, n *Node)
	begin(t *testing.T, n *Node)
}

// processes are killed.
type processes struct{}

func (processes) end(t *testing.T, n *Node)   { n.Kill(t) }
func (processes) begin(t *testing.T, n *Node) { n.Restart(t) }

// cell is one place of the matrix.
type cell struct {
	*Cluster
	lives
	lasts bool // the store survives the end of a node
}

func (c cell) run(t *testing.T) {
	first := c.Node(c.Leader(t))
	y := newTally(t, c.Cluster)
	stop := y.load(t, 16)
	y.more(t, 200)
	stop()
	c.Settled(t, 3)
	last := c.State(t, first.ID).LastIndex
	c.end(t, first)
	c.Leader(t)
	y.add(t.Context(), t)
	flood(t, y, 14_000) // more than the log keeps
	y.outgrow(t, last)
	c.begin(t, first)
	Eventually(t, "the lost node to have the snapshot", func() bool {
		return c.Status(t)[first.ID].SnapshotIndex > last
	})
	c.agree(t, y)
	c.measure(t)
	if !c.lasts {
		return
	}
	for _, n := range c.Nodes() {
		c.end(t, n)
	}
	for _, n := range c.Nodes() {
		c.begin(t, n)
	}
	y.add(t.Context(), t)
	c.agree(t, y)
}

// measure logs rates and latencies, if MATRIX says for how long.
func (c cell) measure(t *testing.T) {
	t.Helper()
	duration := os.Getenv("MATRIX")
	if duration == "" {
		return
	}
	bench := exec.CommandContext(t.Context(), filepath.Join(programs.dir, "tidelock"), "bench",
		"--endpoints", c.Endpoints(), "--clients", "64", "--duration", duration, "--output", "json")
	out, err := bench.Output()
	var r struct {
		Rate float64 `json:"per_second"`
		P99  int64   `json:"p99_us"`
	}
	if err == nil {
		err = json.Unmarshal(out, &r)
	}
	if err != nil {
		t.Fatalf("bench: %v: %s", err, out)
	}
	t.Logf("64 clients: %.0f writes/s, p99 %.1f ms", r.Rate, float64(r.P99)/1000)
}

// tenants are nodes of this process. They stop in order, as nothing else can end them.
type tenants struct {
	store   string
	running map[core.NodeID]func() error
}

func startInProcess(t *testing.T, store string) (*Cluster, lives) {
	t.Helper()
	c := &Cluster{Dir: t.TempDir(), programs: programs}
	for i, port := range FreePorts(t, 3) {
		c.nodes = append(c.nodes, &Node{
			ID: core.NodeID(i + 1), cluster: c, Addr: fmt.Sprintf("node%d:1", i+1),
			API: fmt.Sprintf("127.0.0.1:%d", port), Dir: filepath.Join(c.Dir, fmt.Sprint("node", i+1)),
		})
	}
	l := &tenants{store, map[core.NodeID]func() error{}}
	for _, n := range c.nodes {
		l.begin(t, n)
	}
	t.Cleanup(func() {
		for _, n := range c.nodes {
			l.end(t, n)
		}
	})
	return c, l
}

func (l *tenants) begin(t *testing.T, n *Node) {
	t.Helper()
	config := server.Config{
		ID: n.ID, Dir: n.Dir, Listen: n.Addr, APIListen: n.API, SnapshotEntries: 1000,
		Transports: []server.Choice{
			{Name: "memory", Options: map[string]string{"network": t.Name()}},
		},
		Store:   server.Choice{Name: l.store},
		Machine: server.Choice{Name: "lua", Options: map[string]string{"script": tallyScript(t)}},
	}
	for _, other := range n.cluster.nodes {
		if other != n {
			config.Peers = append(config.Peers, server.Peer{
				ID: other.ID, Addr: other.Addr, API: other.API,
			})
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx, config) }() // ended by cancel
	l.running[n.ID] = func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(Patience):
			return fmt.Errorf("not within %v", Patience)
		}
	}
}

func (l *tenants) end(t *testing.T, n *Node) {
	t.Helper()
	if stop := l.running[n.ID]; stop != nil {
		if err := stop(); err != nil {
			t.Errorf("node %d ended: %v", n.ID, err)
		}
	}
	delete(l.running, n.ID)
}
