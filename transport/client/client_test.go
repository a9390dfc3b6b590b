package client_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/api/native"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// node is a core.Service whose answers a test supplies, and a server for it.
type node struct {
	id     core.NodeID
	server *native.Server
	asked  atomic.Int64

	mu     sync.Mutex
	answer func(core.Request) *core.Reply // nil: never
}

func (n *node) Submit(requests []core.Request) {
	n.mu.Lock()
	answer := n.answer
	n.mu.Unlock()
	for _, r := range requests {
		n.asked.Add(1)
		if reply := answer(r); reply != nil {
			r.Caller.Replied(r.Token, *reply)
		}
	}
}

func (n *node) Status() core.NodeStatus { return core.NodeStatus{Node: n.id, Cluster: 7} }

func (n *node) set(answer func(core.Request) *core.Reply) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.answer = answer
}

func (n *node) addr() string { return n.server.Addr() }

// cluster is some nodes that know each other's API addresses.
type cluster []*node

func newCluster(t *testing.T, size int) cluster {
	t.Helper()
	return startCluster(t, size, net.Listen)
}

func startCluster(
	t *testing.T, size int, listen func(network, address string) (net.Listener, error),
) cluster {
	t.Helper()
	var mu sync.Mutex
	var nodes cluster
	addr := func(id core.NodeID) string {
		mu.Lock()
		defer mu.Unlock()
		if id == 0 || int(id) > len(nodes) {
			return ""
		}
		return nodes[id-1].addr()
	}
	for i := range size {
		n := &node{id: core.NodeID(i + 1)}
		n.set(n.echo)
		mu.Lock()
		n.start(t, native.Config{APIAddr: addr, Grace: 100 * time.Millisecond, Open: listen})
		nodes = append(nodes, n)
		mu.Unlock()
	}
	return nodes
}

func (n *node) start(t *testing.T, c native.Config) {
	t.Helper()
	server, err := native.Serve(c, n)
	for range 1000 { // somebody may dial from the port that was this node's
		if !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
		<-time.After(10 * time.Millisecond)
		server, err = native.Serve(c, n)
	}
	if err != nil {
		t.Fatal(err)
	}
	n.server = server
	t.Cleanup(func() { _ = server.Close() })
}

// echo leads and answers with what it is asked.
func (n *node) echo(r core.Request) *core.Reply {
	return &core.Reply{Leader: n.id, Index: 9, Result: core.Result{Value: r.Data}}
}

// refuse answers with an error.
func refuse(err error) func(core.Request) *core.Reply {
	return func(core.Request) *core.Reply { return &core.Reply{Err: err} }
}

func never(core.Request) *core.Reply { return nil }

// follow makes every node but the leader's refuse in its favour.
func (c cluster) follow(leader core.NodeID) {
	for _, n := range c {
		if n.id == leader {
			n.set(n.echo)
		} else {
			n.set(refuse(&core.NotLeaderError{Leader: leader}))
		}
	}
}

func (c cluster) addrs() []string {
	var addrs []string
	for _, n := range c {
		addrs = append(addrs, n.addr())
	}
	return addrs
}

// open makes a client without sessions, as the services of these tests have none.
func open(t *testing.T, c client.Config) *client.Client {
	t.Helper()
	c.NoSession = true
	return openWithSessions(t, c)
}

// openWithSessions makes a client that asks nobody twice only because the machine is busy.
func openWithSessions(t *testing.T, c client.Config) *client.Client {
	t.Helper()
	c.Seed, c.Timeout = cmp.Or(c.Seed, 1), cmp.Or(c.Timeout, 20*time.Second)
	c.AttemptTimeout = cmp.Or(c.AttemptTimeout, c.Timeout)
	c.DialTimeout = cmp.Or(c.DialTimeout, c.Timeout)
	cl, err := client.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cl.Close() })
	return cl
}

func put(data string) client.Request { return client.Request{Data: []byte(data)} }

func get(data string) client.Request {
	return client.Request{Kind: core.RequestQuery, Data: []byte(data)}
}

func TestReplyTellsEverything(t *testing.T) {
	nodes := newCluster(t, 1)
	var seen core.Request
	nodes[0].set(func(r core.Request) *core.Reply { seen = r; return nodes[0].echo(r) })
	c := open(t, client.Config{Endpoints: nodes.addrs(), Cluster: 7})
	got, err := c.Do(t.Context(), put("x"))
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Value) != "x" || got.Index != 9 || got.Leader != 1 || got.Node != 1 ||
		got.Endpoint != nodes[0].addr() {
		t.Errorf("got %+v", got)
	}
	if seen.Group != core.DefaultGroup || seen.Kind != core.RequestCommand || seen.Level != 0 {
		t.Errorf("the service saw %+v, want a command to the default group", seen)
	}
	r := get("x")
	r.Group, r.Local = 4, true
	if _, err = c.Do(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if seen.Group != 4 || seen.Level != core.Linearizable || !seen.Local {
		t.Errorf("the service saw %+v, want a linearizable local query to group 4", seen)
	}
}

func TestTargetIsAskedAndNoOther(t *testing.T) {
	nodes := newCluster(t, 2)
	nodes.follow(2)
	c := open(t, client.Config{Endpoints: nodes.addrs()})
	r := put("x")
	r.Target = nodes[0].addr()
	_, err := c.Do(t.Context(), r)
	var notLeader *client.NotLeader
	if !errors.As(err, &notLeader) || notLeader.Leader != 2 || notLeader.API != nodes[1].addr() {
		t.Fatalf("got %v, want NotLeader in favour of node 2", err)
	}
	var plain *core.NotLeaderError
	if !errors.Is(err, core.ErrNotLeader) || !errors.As(err, &plain) || plain.Leader != 2 {
		t.Errorf("%v is no core.NotLeaderError", err)
	}
	if errors.Is(err, client.ErrUnavailable) || nodes[1].asked.Load() != 0 {
		t.Errorf("got %v, node 2 asked %d times", err, nodes[1].asked.Load())
	}
}

// TestErrorsThatSettleTheMatter lists what is not asked twice.
func TestErrorsThatSettleTheMatter(t *testing.T) {
	failure := &core.Failure{Code: "conflict", Message: "value has changed"}
	for _, c := range []struct {
		reply   core.Reply
		request client.Request
		want    error
	}{
		{core.Reply{Index: 3, Result: core.Result{Failure: failure}}, put("x"), failure},
		{core.Reply{Err: core.ErrTooLarge}, put("x"), core.ErrTooLarge},
		{core.Reply{Err: core.ErrNoGroup}, put("x"), core.ErrNoGroup},
		{core.Reply{Err: core.ErrUnknownOutcome}, put("x"), core.ErrUnknownOutcome},
		{core.Reply{Err: errors.New("disk is gone")}, put("x"), core.ErrUnknownOutcome},
		{core.Reply{Result: core.Result{Value: make([]byte, 200)}}, put("x"),
			core.ErrUnknownOutcome},
		{core.Reply{Result: core.Result{Value: make([]byte, 200)}}, get("x"),
			client.ErrReplyTooLarge},
		{core.Reply{}, put(strings.Repeat("x", 101)), core.ErrTooLarge},
		{core.Reply{}, client.Request{Kind: 9}, client.ErrInvalid},
		{core.Reply{}, client.Request{Kind: core.RequestQuery, Level: 9}, client.ErrInvalid},
	} {
		n := &node{id: 1}
		n.set(func(core.Request) *core.Reply { return &c.reply })
		n.start(t, native.Config{MaxReplyBytes: 100, MaxRequestBytes: 100})
		cl := open(t, client.Config{Endpoints: []string{n.addr()}})
		got, err := cl.Do(t.Context(), c.request)
		if asked := n.asked.Load(); asked > 1 || c.want == core.ErrNoGroup && asked != 1 {
			t.Errorf("%v: asked %d times, want once", c.want, asked)
		}
		var isFailure *core.Failure
		if c.want == error(failure) {
			if !errors.As(err, &isFailure) || *isFailure != *failure || got.Index != 3 {
				t.Errorf("got %+v, %v, want %v", got, err, failure)
			}
		} else if !errors.Is(err, c.want) {
			t.Errorf("got %v, want %v", err, c.want)
		}
	}
}

// TestUnlessCarriedOutCommandsAreRepeated lists what is asked again.
func TestUnlessCarriedOutCommandsAreRepeated(t *testing.T) {
	for _, c := range []struct {
		err   error
		query bool
	}{
		{core.ErrBusy, false}, {core.ErrClosed, false}, {&core.NotLeaderError{}, false},
		{core.ErrUnknownOutcome, true}, {errors.New("disk is gone"), true},
	} {
		nodes := newCluster(t, 1)
		n := nodes[0]
		n.set(func(r core.Request) *core.Reply {
			if n.asked.Load() < 4 {
				return &core.Reply{Err: c.err}
			}
			return n.echo(r)
		})
		request := put("x")
		if c.query {
			request = get("x")
		}
		cl := open(t, client.Config{Endpoints: nodes.addrs()})
		if _, err := cl.Do(t.Context(), request); err != nil || n.asked.Load() != 4 {
			t.Errorf("%v: got %v after %d attempts, want success after 4", c.err, err, n.asked.Load())
		}
	}
}

func TestUnavailableTellsTheLastCause(t *testing.T) {
	nodes := newCluster(t, 2)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, n := range nodes {
		n.set(func(core.Request) *core.Reply {
			if n.asked.Load() == 3 {
				cancel()
			}
			return &core.Reply{Err: &core.NotLeaderError{}}
		})
	}
	c := open(t, client.Config{Endpoints: nodes.addrs()})
	_, err := c.Do(ctx, get("x"))
	if !errors.Is(err, client.ErrUnavailable) || !errors.Is(err, core.ErrNotLeader) ||
		!errors.Is(err, context.Canceled) {
		t.Errorf("no leader: got %v, want ErrUnavailable because of ErrNotLeader", err)
	}
	if _, err = c.Do(ctx, put("x")); !errors.Is(err, client.ErrUnavailable) {
		t.Errorf("cancelled before: got %v, want ErrUnavailable", err)
	}
}

func TestRefusalIsACause(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, nodes cluster, n network) {
		c := open(t, client.Config{Endpoints: nodes.addrs(), Dial: n.dial, Cluster: 8})
		_, err := c.Do(t.Context(), put("x"))
		if !errors.Is(err, client.ErrUnavailable) || !errors.Is(err, client.ErrRefused) {
			t.Errorf("got %v, want ErrUnavailable because of ErrRefused", err)
		}
		for _, n := range nodes {
			_ = n.server.Close()
		}
		c = open(t, client.Config{Endpoints: nodes.addrs(), Dial: n.dial})
		_, err = c.Do(t.Context(), put("x"))
		var refused *net.OpError
		if !errors.Is(err, client.ErrUnavailable) || !errors.As(err, &refused) {
			t.Errorf("no server: got %v, want ErrUnavailable because of a *net.OpError", err)
		}
	})
}

// TestUnansweredCommandIsUnknownAndNotRepeated has a time-out, a cancellation, and a server that
// dies, each with a command in flight.
func TestUnansweredCommandIsUnknownAndNotRepeated(t *testing.T) {
	for name, lose := range map[string]func(n *node, cancel func()){
		"time-out":     func(*node, func()) {},
		"cancellation": func(_ *node, cancel func()) { cancel() },
		"death":        func(n *node, _ func()) { _ = n.server.Close() },
	} {
		inBubble(t, 2, func(t *testing.T, nodes cluster, n network) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			for _, n := range nodes {
				n.set(func(core.Request) *core.Reply {
					go lose(n, cancel)
					return nil
				})
			}
			c := open(t, client.Config{Endpoints: nodes.addrs(), Dial: n.dial})
			_, err := c.Do(ctx, put("x"))
			var unknown *client.UnknownOutcome
			if !errors.As(err, &unknown) || !errors.Is(err, core.ErrUnknownOutcome) {
				t.Errorf("%s: got %v, want *UnknownOutcome", name, err)
			}
			if n := nodes[0].asked.Load() + nodes[1].asked.Load(); n != 1 {
				t.Errorf("%s: asked %d times, want once", name, n)
			}
		})
	}
}

// TestQueryGoesElsewhere has a node that is silent, and one that dies.
func TestQueryGoesElsewhere(t *testing.T) {
	for name, fail := range map[string]func(*node){
		"silence": func(*node) {},
		"death":   func(n *node) { go n.server.Close() },
	} {
		nodes := newCluster(t, 2)
		var first atomic.Pointer[node]
		for _, n := range nodes {
			n.set(func(r core.Request) *core.Reply {
				if first.CompareAndSwap(nil, n) || first.Load() == n {
					fail(n)
					return nil
				}
				return n.echo(r)
			})
		}
		c := open(t, client.Config{
			Endpoints: nodes.addrs(), AttemptTimeout: 50 * time.Millisecond,
		})
		got, err := c.Do(t.Context(), get("x"))
		if err != nil || got.Node == first.Load().id {
			t.Errorf("%s: got %+v, %v, want the other node's answer", name, got, err)
		}
	}
}

// TestSlowQueryIsAnsweredInTheEnd has every node need longer than an attempt at first takes.
func TestSlowQueryIsAnsweredInTheEnd(t *testing.T) {
	nodes := newCluster(t, 2)
	for _, n := range nodes {
		n.set(func(r core.Request) *core.Reply {
			time.AfterFunc(100*time.Millisecond, func() {
				r.Caller.Replied(r.Token, *n.echo(r))
			})
			return nil
		})
	}
	c := open(t, client.Config{Endpoints: nodes.addrs(), AttemptTimeout: 10 * time.Millisecond})
	if _, err := c.Do(t.Context(), get("x")); err != nil {
		t.Error(err)
	}
}

// TestRollingRestartLosesNoCommand closes servers under load, one after the other: each command is
// carried out once, and none has an unknown outcome.
func TestRollingRestartLosesNoCommand(t *testing.T) {
	nodes := make(cluster, 3)
	config := native.Config{Grace: time.Minute} // for what is in flight, be the machine ever so busy
	var carriedOut atomic.Int64
	for i := range nodes {
		n := &node{id: core.NodeID(i + 1)}
		n.set(func(r core.Request) *core.Reply { carriedOut.Add(1); return n.echo(r) })
		n.start(t, config)
		nodes[i] = n
	}
	c := open(t, client.Config{Endpoints: nodes.addrs()})
	var wanted atomic.Int64
	stop := make(chan struct{})
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				wanted.Add(1)
				if _, err := c.Do(t.Context(), put("x")); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for _, n := range nodes {
		enough := carriedOut.Load() + 200
		until(t, "there is load", func() bool { return carriedOut.Load() > enough })
		config.Listen = n.addr()
		_ = n.server.Close()
		n.start(t, config)
	}
	close(stop)
	workers.Wait()
	if got, want := carriedOut.Load(), wanted.Load(); got != want {
		t.Errorf("%d commands were carried out, want %d", got, want)
	}
}

// until waits for a condition that nothing announces.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ticks := time.NewTicker(time.Millisecond)
	defer ticks.Stop()
	for end := time.Now().Add(20 * time.Second); !condition(); <-ticks.C {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func TestStatusAsksOneOrTheFirst(t *testing.T) {
	nodes := newCluster(t, 3)
	c := open(t, client.Config{Endpoints: nodes.addrs()})
	for _, n := range nodes {
		if got, err := c.Status(t.Context(), n.addr()); err != nil || got.Node != n.id {
			t.Errorf("got node %d, %v, want %d", got.Node, err, n.id)
		}
	}
	_ = nodes[0].server.Close()
	_ = nodes[1].server.Close()
	if got, err := c.Status(t.Context(), ""); err != nil || got.Node != 3 {
		t.Errorf("any: got node %d, %v, want 3", got.Node, err)
	}
	if _, err := c.Status(t.Context(), nodes[0].addr()); !errors.Is(err, client.ErrUnavailable) {
		t.Errorf("closed: got %v, want ErrUnavailable", err)
	}
}

func TestQuarantinedNodeIsPassedOver(t *testing.T) {
	nodes := newCluster(t, 3)
	nodes[0].set(refuse(core.ErrQuarantined))
	nodes[1].set(refuse(core.ErrQuarantined))
	c := open(t, client.Config{Endpoints: nodes.addrs()})
	query := client.Request{Kind: core.RequestQuery, Level: core.Stale}
	if r, err := c.Do(t.Context(), query); err != nil || r.Node != 3 {
		t.Errorf("any node: got node %d, %v, want 3", r.Node, err)
	}
	query.Target = nodes[0].addr()
	if _, err := c.Do(t.Context(), query); !errors.Is(err, core.ErrQuarantined) {
		t.Errorf("that node: got %v, want ErrQuarantined", err)
	}
}

// TestResyncIsAskedOfOneNodeAgainAndAgain has no answer come at first: to ask twice does no harm.
func TestResyncIsAskedOfOneNodeAgainAndAgain(t *testing.T) {
	nodes := newCluster(t, 2)
	nodes[1].set(func(r core.Request) *core.Reply {
		if r.Kind != core.RequestResync {
			t.Errorf("got kind %d, want a resync", r.Kind)
		}
		if nodes[1].asked.Load() < 3 {
			return &core.Reply{Err: core.ErrUnknownOutcome}
		}
		return &core.Reply{Index: 5}
	})
	c := open(t, client.Config{Endpoints: nodes.addrs()})
	r, err := c.Do(t.Context(), client.Request{Kind: core.RequestResync, Target: nodes[1].addr()})
	if err != nil || r.Index != 5 || r.Node != 2 || nodes[0].asked.Load() > 0 {
		t.Errorf("got %+v, %v, want node 2 alone, at 5", r, err)
	}
	for _, bad := range []client.Request{{Kind: core.RequestResync}, {Kind: 9}} {
		if _, err := c.Do(t.Context(), bad); !errors.Is(err, client.ErrInvalid) {
			t.Errorf("%+v: got %v, want ErrInvalid", bad, err)
		}
	}
}

func TestClosedClientSaysSo(t *testing.T) {
	nodes := newCluster(t, 1)
	nodes[0].set(never)
	c := open(t, client.Config{Endpoints: nodes.addrs()})
	outcomes := make(chan error, 2)
	for _, r := range []client.Request{put("x"), get("x")} {
		go func() {
			_, err := c.Do(t.Context(), r)
			if errors.Is(err, core.ErrUnknownOutcome) != (r.Kind != core.RequestQuery) {
				err = fmt.Errorf("kind %d: %w", r.Kind, err)
			} else {
				err = nil
			}
			outcomes <- err
		}()
	}
	until(t, "both are in flight", func() bool { return nodes[0].asked.Load() == 2 })
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := <-outcomes; err != nil {
			t.Error(err)
		}
	}
	if err := c.Close(); err != core.ErrClosed {
		t.Errorf("second Close: got %v, want core.ErrClosed", err)
	}
	if _, err := c.Do(t.Context(), put("x")); !errors.Is(err, core.ErrClosed) {
		t.Errorf("Do: got %v, want core.ErrClosed", err)
	}
	c.Go(t.Context(), put("x"), func(_ client.Reply, err error) { outcomes <- err })
	if err := <-outcomes; !errors.Is(err, core.ErrClosed) {
		t.Errorf("Go: got %v, want core.ErrClosed", err)
	}
	if _, err := c.Status(t.Context(), ""); !errors.Is(err, core.ErrClosed) {
		t.Errorf("Status: got %v, want core.ErrClosed", err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, endpoints := range [][]string{nil, make([]string, client.MaxEndpoints+1)} {
		if _, err := client.New(client.Config{Endpoints: endpoints}); err == nil {
			t.Errorf("%d endpoints: no error", len(endpoints))
		}
	}
}
