package e2e

import (
	"context"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// connect makes a client of a cluster that waits as long as anything here does.
func (c *Cluster) connect(t *testing.T, config client.Config) *client.Client {
	t.Helper()
	config.Timeout = Patience
	for _, n := range c.Nodes() {
		config.Endpoints = append(config.Endpoints, n.API)
	}
	connected, err := client.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connected.Close() })
	return connected
}

// call makes a call and reads an integer.
func call(c *client.Client, r client.Request, name string, args ...any) (int64, error) {
	var err error
	if r.Data, err = scripting.EncodeCall(name, args...); err != nil {
		return 0, err
	}
	reply, err := c.Do(context.Background(), r)
	if err != nil {
		return 0, err
	}
	v, err := scripting.DecodeValue(reply.Value)
	if err != nil {
		return 0, err
	}
	return integer(v), nil
}

// TestSumIsExactThoughLeadersAreKilled has 16 clients count while leaders are killed. Nothing is of
// unknown outcome as long as there is time to ask again, so the sum is what was acknowledged.
func TestSumIsExactThoughLeadersAreKilled(t *testing.T) {
	c := programs.Cluster(t, 3, "--heartbeat", "50ms", "--election", "150ms",
		"--snapshot-entries", "1000")
	c.Leader(t)
	shared := c.connect(t, client.Config{})
	var acked atomic.Int64
	var stop atomic.Bool
	var workers sync.WaitGroup
	for range 16 {
		workers.Go(func() {
			for !stop.Load() {
				if _, err := call(shared, client.Request{}, "incr", "n"); err != nil {
					t.Errorf("a command was not acknowledged: %v", err)
					stop.Store(true)
					return
				}
				acked.Add(1)
			}
		})
	}
	for range 5 {
		leader := c.Node(c.Leader(t))
		before := acked.Load()
		leader.Kill(t)
		Eventually(t, "acknowledged commands after the leader was killed", func() bool {
			return acked.Load() > before+200 || stop.Load()
		})
		leader.Restart(t)
	}
	stop.Store(true)
	workers.Wait()
	c.Settled(t, 3)
	for _, n := range c.Nodes() {
		r := client.Request{Kind: core.RequestQuery, Level: core.Stale, Target: n.API, Local: true}
		if got, err := call(shared, r, "get", "n"); err != nil || got != acked.Load() {
			t.Errorf("node %d has counted to %d, %v; %d were acknowledged", n.ID, got, err, acked.Load())
		}
	}
	t.Logf("%d commands, none of unknown outcome", acked.Load())
}

// gate is a connection on which, once it is armed, the next reply stops: the command is carried
// out and its client does not know.
type gate struct {
	net.Conn
	armed   *atomic.Bool
	reached chan string // gets the address
	cut     chan struct{}
}

func (g *gate) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if err == nil && g.armed.CompareAndSwap(true, false) {
		g.reached <- g.RemoteAddr().String()
		<-g.cut
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

// TestLeaderKilledBetweenCommitAndReply kills the node whose reply is on its way: the command is
// asked for again, elsewhere, and answered with what it came to the first time.
func TestLeaderKilledBetweenCommitAndReply(t *testing.T) {
	c := programs.Cluster(t, 3, "--heartbeat", "50ms", "--election", "150ms")
	c.Leader(t)
	var armed atomic.Bool
	reached, cut := make(chan string), make(chan struct{})
	counting := c.connect(t, client.Config{
		Dial: func(ctx context.Context, address string) (net.Conn, error) {
			link, err := new(net.Dialer).DialContext(ctx, "tcp", address)
			return &gate{link, &armed, reached, cut}, err
		},
	})
	if n, err := call(counting, client.Request{}, "incr", "n"); err != nil || n != 1 {
		t.Fatalf("got %d, %v, want 1", n, err)
	}
	for want := int64(2); want <= 6; want += 2 {
		type outcome struct {
			n   int64
			err error
		}
		outcomes := make(chan outcome, 1)
		armed.Store(true)
		go func() { // ends with the call
			n, err := call(counting, client.Request{}, "incr", "n")
			outcomes <- outcome{n, err}
		}()
		address := <-reached
		nodes := c.Nodes()
		killed := nodes[slices.IndexFunc(nodes, func(n *Node) bool { return n.API == address })]
		killed.Kill(t)
		cut <- struct{}{}
		if got := <-outcomes; got.err != nil || got.n != want {
			t.Errorf("node %d killed: got %d, %v, want %d", killed.ID, got.n, got.err, want)
		}
		if n, err := call(counting, client.Request{}, "incr", "n"); err != nil || n != want+1 {
			t.Errorf("afterwards: got %d, %v, want %d", n, err, want+1)
		}
		killed.Restart(t)
	}
}

// TestCommandLineOpensASession shows it by the index, which a session takes one of. On a slow disk
// it may take more: what is not answered in time is asked again.
func TestCommandLineOpensASession(t *testing.T) {
	c := programs.Cluster(t, 1)
	c.Leader(t)
	shared := c.connect(t, client.Config{NoSession: true})
	index := func(words ...string) core.Index {
		c.Client(t, append([]string{"call", "incr", "n"}, words...)...).Want(t, exit.OK, " index=")
		data, err := scripting.EncodeCall("len")
		if err != nil {
			t.Fatal(err)
		}
		r, err := shared.Do(t.Context(), client.Request{Kind: core.RequestQuery, Data: data})
		if err != nil {
			t.Fatal(err)
		}
		return r.Index
	}
	last := index()
	Eventually(t, "a command to take two entries", func() bool {
		now := index()
		took := now - last
		if last = now; took < 2 {
			t.Fatalf("a command took %d entries, want 2", took)
		}
		return took == 2
	})
	if now := index("--no-session"); now != last+1 {
		t.Errorf("without a session a command took %d entries, want 1", now-last)
	}
}
