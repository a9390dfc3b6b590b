package client_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/api/native"
	"github.com/tidelock-raft/tidelock/transport/api/wire"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// shuffler answers requests out of order, from several goroutines, each with its own data.
func shuffler(t *testing.T, n *node) func(core.Request) *core.Reply {
	work := make(chan core.Request, 1<<14)
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for r := range work {
				held := []core.Request{r} // not while it waits: others may take what comes
				for more := true; more && len(held) < 16; {
					select {
					case r, more = <-work:
						held = append(held, r)
					default:
						more = false
					}
				}
				for _, r := range slices.Backward(held) {
					if r.Caller != nil { // else there is no more work
						r.Caller.Replied(r.Token, *n.echo(r))
					}
				}
			}
		})
	}
	t.Cleanup(func() { close(work); workers.Wait() })
	return func(r core.Request) *core.Reply { work <- r; return nil }
}

// TestThousandsInFlightGetTheirOwnReplies uses Go and Do at once, over one connection.
func TestThousandsInFlightGetTheirOwnReplies(t *testing.T) {
	nodes := newCluster(t, 1)
	nodes[0].set(shuffler(t, nodes[0]))
	c := open(t, client.Config{Endpoints: nodes.addrs()})
	var open sync.WaitGroup
	check := func(want string, got client.Reply, err error) {
		if err != nil || string(got.Value) != want {
			t.Errorf("got %q, %v, want %q", got.Value, err, want)
		}
	}
	for i := range 10_000 {
		want := fmt.Sprint("go ", i)
		open.Add(1)
		c.Go(context.Background(), put(want), func(got client.Reply, err error) {
			check(want, got, err)
			open.Done()
		})
	}
	for i := range 100 {
		open.Go(func() {
			for j := range 20 {
				want := fmt.Sprint("do ", i, j)
				got, err := c.Do(t.Context(), get(want))
				check(want, got, err)
			}
		})
	}
	open.Wait()
	if n := nodes[0].asked.Load(); n != 12_000 {
		t.Errorf("asked %d times, want 12000", n)
	}
}

// TestGoRetriesAsDoDoes has Go find the leader, wait out a busy one, and give up in time.
func TestGoRetriesAsDoDoes(t *testing.T) {
	nodes := newCluster(t, 2)
	nodes.follow(2)
	nodes[1].set(func(r core.Request) *core.Reply {
		if nodes[1].asked.Load()%2 == 1 {
			return &core.Reply{Err: core.ErrBusy}
		}
		return nodes[1].echo(r)
	})
	c := open(t, client.Config{Endpoints: nodes.addrs()[:1]})
	outcomes := make(chan error, 1)
	done := func(_ client.Reply, err error) { outcomes <- err }
	for range 5 {
		c.Go(context.Background(), put("x"), done)
		if err := <-outcomes; err != nil {
			t.Error(err)
		}
	}
	nodes[1].set(never)
	ctx, cancel := context.WithCancel(t.Context())
	c.Go(ctx, put("x"), done)
	until(t, "it is in flight", func() bool { return nodes[1].asked.Load() == 11 })
	cancel()
	if err := <-outcomes; !errors.Is(err, core.ErrUnknownOutcome) {
		t.Errorf("cancelled: got %v, want ErrUnknownOutcome", err)
	}
	c.Go(context.Background(), client.Request{Kind: 9}, done)
	if err := <-outcomes; !errors.Is(err, client.ErrInvalid) {
		t.Errorf("kind 9: got %v, want ErrInvalid", err)
	}
}

func TestGoTimesOut(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, nodes cluster, n network) {
		c := open(t, client.Config{Endpoints: nodes.addrs(), Dial: n.dial, Timeout: time.Second})
		if _, err := c.Do(t.Context(), put("x")); err != nil {
			t.Fatal(err)
		}
		nodes[0].set(never)
		began := time.Now()
		for request, want := range map[core.RequestKind]error{
			core.RequestCommand: core.ErrUnknownOutcome, core.RequestQuery: client.ErrUnavailable,
		} {
			outcome := make(chan error, 1)
			c.Go(context.Background(), client.Request{Kind: request},
				func(_ client.Reply, err error) { outcome <- err })
			if err := <-outcome; !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("two requests of a second each took %v", took)
		}
	})
}

func TestGoIsBounded(t *testing.T) {
	nodes := newCluster(t, 1)
	nodes[0].set(never)
	c := open(t, client.Config{Endpoints: nodes.addrs(), MaxPending: 10})
	outcomes := make(chan error, 20)
	for range 15 {
		c.Go(context.Background(), put("x"), func(_ client.Reply, err error) { outcomes <- err })
	}
	for range 5 {
		if err := <-outcomes; err != core.ErrBusy {
			t.Errorf("got %v, want core.ErrBusy", err)
		}
	}
	until(t, "ten are in flight", func() bool { return nodes[0].asked.Load() == 10 })
	_ = c.Close()
	for range 10 {
		if err := <-outcomes; !errors.Is(err, core.ErrUnknownOutcome) {
			t.Errorf("got %v, want ErrUnknownOutcome", err)
		}
	}
}

// TestUnsentCommandIsNotUnknown keeps commands waiting behind the server's window of one until they
// are given up: they are never sent.
func TestUnsentCommandIsNotUnknown(t *testing.T) {
	n := &node{id: 1}
	held := make(chan core.Request, 200)
	n.set(func(r core.Request) *core.Reply { held <- r; return nil })
	n.start(t, native.Config{MaxInFlight: 1, Grace: 10 * time.Millisecond})
	c := open(t, client.Config{Endpoints: []string{n.addr()}})
	outcomes := make(chan error, 2)
	do := func(data string) {
		_, err := c.Do(t.Context(), put(data))
		outcomes <- err
	}
	go do("first")
	first := <-held
	for range 100 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		_, err := c.Do(ctx, put("given up"))
		cancel()
		if !errors.Is(err, client.ErrUnavailable) || errors.Is(err, core.ErrUnknownOutcome) {
			t.Fatalf("got %v, want ErrUnavailable", err)
		}
	}
	go do("last")
	first.Caller.Replied(first.Token, core.Reply{})
	last := <-held
	if string(last.Data) != "last" {
		t.Errorf("%q was carried out", last.Data)
	}
	last.Caller.Replied(last.Token, core.Reply{})
	for range 2 {
		if err := <-outcomes; err != nil {
			t.Error(err)
		}
	}
}

// scripted is a server that shakes hands and then does what a test says.
func scripted(t *testing.T, welcome []byte, then func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() { _ = listener.Close(); running.Wait() })
	running.Go(func() {
		for {
			link, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer link.Close()
				_ = link.SetDeadline(time.Now().Add(10 * time.Second))
				if _, err := io.ReadFull(link, make([]byte, wire.HelloBytes)); err == nil {
					_, _ = link.Write(welcome)
					then(link)
				}
			})
		}
	})
	return listener.Addr().String()
}

var welcome = wire.Welcome{
	Version: wire.Version, Cluster: 7, Node: 1, MaxRequestBytes: 100, Window: 8,
}

// TestServerThatBreaksTheProtocolIsLeft lists servers that a client survives.
func TestServerThatBreaksTheProtocolIsLeft(t *testing.T) {
	afterRequest := func(answer []byte) func(net.Conn) {
		return func(link net.Conn) {
			var request wire.Request
			payload, err := wire.NewReader(link, 1000).Next()
			if err == nil && request.Decode(payload) == nil {
				_, _ = link.Write(answer)
				_, _ = io.Copy(io.Discard, link)
			}
		}
	}
	otherVersion, noWindow := welcome, welcome
	otherVersion.Version, noWindow.Window = 9, 0
	reproach := wire.Reply{Outcome: wire.OutcomeInvalid, Message: "malformed"}
	hi := welcome.Append(nil)
	stranger, ok := wire.Reply{ID: 999}, wire.Reply{ID: 1}
	for name, c := range map[string]struct {
		welcome []byte
		answer  []byte
		want    error
	}{
		"no welcome":             {make([]byte, wire.WelcomeBytes), nil, client.ErrUnavailable},
		"another version":        {otherVersion.Append(nil), nil, client.ErrUnavailable},
		"a window of zero":       {noWindow.Append(nil), nil, client.ErrUnavailable},
		"no msgpack":             {hi, []byte{0, 0, 0, 1, 0xc1}, core.ErrUnknownOutcome},
		"a reply of 4 GiB":       {hi, []byte{255, 255, 255, 255}, core.ErrUnknownOutcome},
		"a reproach":             {hi, reproach.AppendFrame(nil), core.ErrUnknownOutcome},
		"an outcome of tomorrow": {hi, tomorrow(), core.ErrUnknownOutcome},
		"a reply to nothing":     {hi, ok.AppendFrame(stranger.AppendFrame(nil)), nil},
	} {
		limit := 20 * time.Second
		if c.want == client.ErrUnavailable {
			limit = 200 * time.Millisecond
		}
		address := scripted(t, c.welcome, afterRequest(c.answer))
		cl := open(t, client.Config{Endpoints: []string{address}, Timeout: limit})
		if _, err := cl.Do(t.Context(), put("x")); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
		_ = cl.Close()
	}
}

// TestLastWordMeansNotCarriedOut has a server that reads a command and parts, and answers the next.
func TestLastWordMeansNotCarriedOut(t *testing.T) {
	var asked atomic.Int64
	address := scripted(t, welcome.Append(nil), func(link net.Conn) {
		if _, err := wire.NewReader(link, 1000).Next(); err != nil {
			return
		}
		answer := wire.Reply{ID: 1}
		if asked.Add(1) == 1 {
			answer = wire.Reply{Outcome: wire.OutcomeClosed}
		}
		_, _ = link.Write(answer.AppendFrame(nil))
		_, _ = io.Copy(io.Discard, link)
	})
	c := open(t, client.Config{Endpoints: []string{address}})
	if _, err := c.Do(t.Context(), put("x")); err != nil || asked.Load() != 2 {
		t.Errorf("got %v after %d attempts, want success after 2", err, asked.Load())
	}
}

func tomorrow() []byte {
	r := wire.Reply{ID: 1, Outcome: 99}
	return r.AppendFrame(nil)
}

// TestSilentServerDoesNotHoldTheClient has a listener that never shakes hands beside one that does.
func TestSilentServerDoesNotHoldTheClient(t *testing.T) {
	nodes := newCluster(t, 1)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for seed := range uint64(4) {
		c := open(t, client.Config{
			Endpoints: []string{silent.Addr().String(), nodes[0].addr()}, Seed: seed + 1,
			DialTimeout: 50 * time.Millisecond,
		})
		if _, err := c.Do(t.Context(), put("x")); err != nil {
			t.Error(err)
		}
	}
}

// TestSeveredConnectionsUnderLoad cuts connections at random places; commands are carried out at
// most once, and those that are answered exactly once.
func TestSeveredConnectionsUnderLoad(t *testing.T) {
	nodes := newCluster(t, 1)
	var mu sync.Mutex
	times := map[uint64]int{}
	nodes[0].set(func(r core.Request) *core.Reply {
		mu.Lock()
		defer mu.Unlock()
		times[binary.BigEndian.Uint64(r.Data)]++
		return nodes[0].echo(r)
	})
	var cut atomic.Int64
	c := open(t, client.Config{Endpoints: nodes.addrs(), Dial: cutting(&cut)})
	var workers sync.WaitGroup
	answered := make([]bool, 4000)
	for w := range 8 {
		workers.Go(func() {
			for i := w; i < len(answered); i += 8 {
				r := client.Request{Data: binary.BigEndian.AppendUint64(nil, uint64(i))}
				_, err := c.Do(t.Context(), r)
				if err != nil && !errors.Is(err, core.ErrUnknownOutcome) {
					t.Error(err)
				}
				answered[i] = err == nil
			}
		})
	}
	workers.Wait()
	mu.Lock() // some that nobody waits for may be carried out only now
	defer mu.Unlock()
	unknown := 0
	for i, ok := range answered {
		if n := times[uint64(i)]; n > 1 || ok && n != 1 {
			t.Errorf("command %d: carried out %d times, answered: %v", i, n, ok)
		}
		if !ok {
			unknown++
		}
	}
	if cut.Load() < 5 || unknown == 0 || unknown > len(answered)/2 {
		t.Errorf("%d connections, %d unknown outcomes of %d: the test does not test",
			cut.Load(), unknown, len(answered))
	}
}

// cutting makes connections that break, and counts them.
func cutting(cut *atomic.Int64) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, address string) (net.Conn, error) {
		link, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		return &brittle{Conn: link, left: 3000 + 777*(cut.Add(1)%5)}, err
	}
}

// brittle is a connection that breaks after so many bytes were written.
type brittle struct {
	net.Conn
	left int64
}

func (b *brittle) Write(p []byte) (int, error) {
	n := min(int64(len(p)), b.left)
	b.left -= n
	written, err := b.Conn.Write(p[:n])
	if err == nil && written < len(p) {
		_ = b.Close()
		err = net.ErrClosed
	}
	return written, err
}

func TestNothingIsLeftRunning(t *testing.T) {
	before := runtime.NumGoroutine()
	nodes := newCluster(t, 2)
	c := open(t, client.Config{Endpoints: nodes.addrs()})
	for range 10 {
		if _, err := c.Do(t.Context(), put("x")); err != nil {
			t.Fatal(err)
		}
	}
	_ = c.Close()
	for _, n := range nodes {
		_ = n.server.Close()
	}
	until(t, "goroutines have ended", func() bool { return runtime.NumGoroutine() <= before })
}

func BenchmarkDo(b *testing.B) {
	for _, workers := range []int{1, 64, 1024} {
		b.Run(fmt.Sprint(workers), func(b *testing.B) { benchmark(b, workers) })
	}
}

func benchmark(b *testing.B, workers int) {
	n := &node{id: 1}
	n.set(n.echo)
	server, err := native.Serve(native.Config{}, n)
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	c, err := client.New(client.Config{Endpoints: []string{server.Addr()}, NoSession: true})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	r := put(strings.Repeat("v", 128))
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ReportAllocs()
	b.ResetTimer()
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for left.Add(-1) >= 0 {
				if _, err := c.Do(context.Background(), r); err != nil {
					b.Error(err)
				}
			}
		})
	}
	running.Wait()
}

func BenchmarkGo(b *testing.B) {
	n := &node{id: 1}
	n.set(n.echo)
	server, err := native.Serve(native.Config{}, n)
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	c, err := client.New(client.Config{Endpoints: []string{server.Addr()}, NoSession: true})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	r := put(strings.Repeat("v", 128))
	slots := make(chan struct{}, 4096)
	done := func(_ client.Reply, err error) { <-slots }
	b.ReportAllocs()
	for b.Loop() {
		slots <- struct{}{}
		c.Go(context.Background(), r, done)
	}
}
