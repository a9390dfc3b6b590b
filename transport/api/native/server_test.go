package native_test

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/api/native"
	"github.com/tidelock-raft/tidelock/transport/api/wire"
)

// service is a core.Service that keeps what it is asked until a test answers. With an echo it
// answers at once, with the request's own data.
type service struct {
	mu      sync.Mutex
	echo    bool
	changed sync.Cond
	batches []int // sizes
	asked   []core.Request
}

func newService(echo bool) *service {
	s := &service{echo: echo}
	s.changed.L = &s.mu
	return s
}

func (s *service) Submit(requests []core.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.echo {
		for _, r := range requests {
			r.Caller.Replied(r.Token, core.Reply{Result: core.Result{Value: r.Data}})
		}
	}
	s.batches = append(s.batches, len(requests))
	s.asked = append(s.asked, requests...)
	s.changed.Broadcast()
}

func (s *service) Status() core.NodeStatus {
	return core.NodeStatus{Node: 3, Cluster: 77, Version: "v1"}
}

// await returns the first n requests, once there are as many.
func (s *service) await(n int) []core.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.asked) < n {
		s.changed.Wait()
	}
	return s.asked[:n:n]
}

func (s *service) setEcho() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.echo = true
}

func (s *service) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

func serve(t *testing.T, c native.Config, s core.Service) *native.Server {
	t.Helper()
	server, err := native.Serve(c, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}

// peer is the client's end of a connection, bare.
type peer struct {
	t *testing.T
	net.Conn
	frames  *wire.Reader
	welcome wire.Welcome
}

func connect(t *testing.T, server *native.Server, hello wire.Hello) *peer {
	t.Helper()
	link, err := net.Dial("tcp", server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	return greet(t, link, hello)
}

func greet(t *testing.T, link net.Conn, hello wire.Hello) (p *peer) {
	t.Helper()
	t.Cleanup(func() { _ = link.Close() })
	_ = link.SetDeadline(time.Now().Add(20 * time.Second))
	p = &peer{t: t, Conn: link, frames: wire.NewReader(link, wire.MaxReplyBytes)}
	p.write(hello.Append(nil))
	buf := make([]byte, wire.WelcomeBytes)
	if _, err := io.ReadFull(link, buf); err != nil {
		t.Fatal(err)
	}
	var err error
	if p.welcome, err = wire.DecodeWelcome(buf); err != nil {
		t.Fatal(err)
	}
	return p
}

var hello = wire.Hello{Version: wire.Version}

func (p *peer) write(data []byte) {
	p.t.Helper()
	if _, err := p.Write(data); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) send(requests ...wire.Request) {
	p.t.Helper()
	var buf []byte
	for _, r := range requests {
		buf = r.AppendFrame(buf)
	}
	p.write(buf)
}

func (p *peer) next() wire.Reply {
	p.t.Helper()
	payload, err := p.frames.Next()
	if err != nil {
		p.t.Fatal(err)
	}
	var r wire.Reply
	if err := r.Decode(payload); err != nil {
		p.t.Fatal(err)
	}
	return r
}

func (p *peer) hangsUp() {
	p.t.Helper()
	_, err := p.frames.Next()
	var timeout net.Error
	if err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		p.t.Errorf("the server did not hang up: %v", err)
	}
}

func command(id uint64, data string) wire.Request {
	return wire.Request{ID: id, Op: wire.OpCommand, Group: 1, Data: []byte(data)}
}

// until waits for a condition that nothing announces.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ticks := time.NewTicker(time.Millisecond)
	defer ticks.Stop()
	for end := time.Now().Add(10 * time.Second); !condition(); <-ticks.C {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func TestHandshakeWelcomesAndRefuses(t *testing.T) {
	server := serve(t, native.Config{MaxInFlight: 7, MaxRequestBytes: 9}, newService(true))
	base := wire.Welcome{
		Version: wire.Version, Cluster: 77, Node: 3, MaxRequestBytes: 9, Window: 7,
	}
	for _, c := range []struct {
		hello wire.Hello
		want  wire.Refusal
	}{
		{hello, 0}, {wire.Hello{Version: wire.Version, Cluster: 77}, 0},
		{wire.Hello{Version: 99}, wire.RefusedVersion},
		{wire.Hello{Version: wire.Version, Cluster: 78}, wire.RefusedCluster},
	} {
		want := base
		want.Refusal = c.want
		p := connect(t, server, c.hello)
		if p.welcome != want {
			t.Errorf("%+v: got %+v, want %+v", c.hello, p.welcome, want)
		}
		if c.want != 0 {
			p.hangsUp()
		}
	}
}

func TestRequestsAndRepliesKeepEveryField(t *testing.T) {
	s := newService(false)
	addr := func(id core.NodeID) string { return "node" + string('0'+rune(id)) }
	p := connect(t, serve(t, native.Config{APIAddr: addr}, s), hello)
	p.send(wire.Request{
		ID: 5, Op: wire.OpQuery, Group: 8, Level: core.Stale, Local: true, Data: []byte("d"),
	}, command(6, strings.Repeat("big", 10_000)))
	asked := s.await(2)
	for _, r := range asked {
		if r.Caller == nil || r.Token == 0 {
			t.Fatalf("got %+v, want a caller and a token", r)
		}
	}
	caller := asked[0].Caller
	asked[0].Caller = nil
	want := core.Request{
		Group: 8, Kind: core.RequestQuery, Level: core.Stale, Local: true, Data: []byte("d"),
		Token: asked[0].Token,
	}
	if !reflect.DeepEqual(asked[0], want) {
		t.Errorf("got %+v, want %+v", asked[0], want)
	}
	if r := asked[1]; r.Kind != core.RequestCommand || len(r.Data) != 30_000 {
		t.Errorf("got kind %d and %d bytes, want a command and 30000", r.Kind, len(r.Data))
	}
	caller.Replied(asked[1].Token, core.Reply{Leader: 2, Err: &core.NotLeaderError{Leader: 4}})
	caller.Replied(asked[0].Token, core.Reply{Index: 9, Leader: 2, Result: core.Result{
		Failure: &core.Failure{Code: "c", Message: "m"}, Value: []byte("v"),
	}})
	for _, want := range []wire.Reply{
		{
			ID: 6, Outcome: wire.OutcomeNotLeader, Leader: 4, API: "node4",
			Message: "not the leader; node 4 is",
		},
		{
			ID: 5, Outcome: wire.OutcomeFailure, Leader: 2, API: "node2", Index: 9, Code: "c",
			Message: "m", Value: []byte("v"),
		},
	} {
		if got := p.next(); !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestOperationsReachTheService(t *testing.T) {
	s := newService(true)
	p := connect(t, serve(t, native.Config{}, s), hello)
	kinds := []core.RequestKind{core.RequestCommand, core.RequestQuery, core.RequestResync,
		core.RequestChange, core.RequestTransfer, core.RequestSession}
	for i, op := range []wire.Op{wire.OpCommand, wire.OpQuery, wire.OpResync, wire.OpChange,
		wire.OpTransfer, wire.OpSession} {
		p.send(wire.Request{ID: 7, Op: op, Group: 1, Level: core.Stale})
		if got := p.next(); got.ID != 7 || got.Outcome != wire.OutcomeOK {
			t.Errorf("operation %d: got %+v", op, got)
		}
		if got := s.await(i + 1)[i].Kind; got != kinds[i] {
			t.Errorf("operation %d: asked for kind %d, want %d", op, got, kinds[i])
		}
	}
}

func TestServerAnswersWhatIsNotForTheService(t *testing.T) {
	s := newService(true)
	p := connect(t, serve(t, native.Config{MaxRequestBytes: 10}, s), hello)
	p.send(
		wire.Request{ID: 1, Op: wire.OpStatus},
		wire.Request{ID: 2, Op: 200},
		wire.Request{ID: 3, Op: wire.OpQuery, Level: 7},
		command(4, "eleven byte"),
	)
	var status core.NodeStatus
	if err := json.Unmarshal(p.next().Value, &status); err != nil || status.Node != 3 {
		t.Errorf("got status %+v, %v, want node 3", status, err)
	}
	for _, want := range []wire.Reply{
		{ID: 2, Outcome: wire.OutcomeInvalid}, {ID: 3, Outcome: wire.OutcomeInvalid},
		{ID: 4, Outcome: wire.OutcomeTooLarge},
	} {
		if got := p.next(); !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if n := s.count(); n != 0 {
		t.Errorf("the service was asked %d times, want 0", n)
	}
}

func TestReplyBeyondTheLimitIsSaidToBe(t *testing.T) {
	s := newService(false)
	p := connect(t, serve(t, native.Config{MaxReplyBytes: 100}, s), hello)
	p.send(command(1, "x"))
	r := s.await(1)[0]
	r.Caller.Replied(r.Token, core.Reply{Index: 4, Result: core.Result{Value: make([]byte, 101)}})
	got := p.next()
	want := wire.Reply{
		ID: 1, Outcome: wire.OutcomeReplyTooLarge, Index: 4, Message: "101 bytes, limit 100",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// describing counts how often it is asked to describe itself, at some length.
type describing struct {
	*service
	asked atomic.Int64
}

func (d *describing) Status() core.NodeStatus {
	d.asked.Add(1)
	status := d.service.Status()
	status.Version = strings.Repeat("v", 1000)
	return status
}

func TestStatusIsMadeOnceForManyAndWithinTheLimit(t *testing.T) {
	for limit, want := range map[int]wire.Outcome{
		0: wire.OutcomeOK, 500: wire.OutcomeReplyTooLarge,
	} {
		s := &describing{service: newService(true)}
		p := connect(t, serve(t, native.Config{MaxReplyBytes: limit}, s), hello)
		before := s.asked.Load()
		var many []wire.Request
		for id := range uint64(100) {
			many = append(many, wire.Request{ID: id + 1, Op: wire.OpStatus})
		}
		p.send(many...)
		for id := range uint64(100) {
			got := p.next()
			if got.ID != id+1 || got.Outcome != want || want == wire.OutcomeOK != (len(got.Value) > 1000) {
				t.Fatalf("limit %d: got %+v, want %v", limit, got, want)
			}
		}
		if n := s.asked.Load() - before; n > 10 {
			t.Errorf("100 that asked together had it made %d times", n)
		}
	}
}

func TestRequestsThatArriveTogetherAreOneBatch(t *testing.T) {
	s := newService(true)
	p := connect(t, serve(t, native.Config{}, s), hello)
	var many []wire.Request
	for id := range uint64(100) {
		many = append(many, command(id+1, "some data"))
	}
	p.send(many...)
	for id := range uint64(100) {
		if got := p.next(); got.ID != id+1 || string(got.Value) != "some data" {
			t.Fatalf("got %+v, want an echo of %d", got, id+1)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.batches) > 10 {
		t.Errorf("100 requests written at once came in %d batches: %v", len(s.batches), s.batches)
	}
}

// TestInFlightIsBounded sends more than the window, and finds the rest read when there is room.
func TestInFlightIsBounded(t *testing.T) {
	s := newService(false)
	p := connect(t, serve(t, native.Config{MaxInFlight: 10}, s), hello)
	var many []wire.Request
	for id := range uint64(35) {
		many = append(many, command(id+1, "x"))
	}
	p.send(many...)
	for done := 0; done < 35; done++ {
		asked := s.await(min(done+1, 35))
		if n := s.count(); n > done+10 {
			t.Fatalf("%d requests in flight, limit 10", n-done)
		}
		asked[done].Caller.Replied(asked[done].Token, core.Reply{})
		if got := p.next(); got.ID != uint64(done+1) {
			t.Fatalf("got reply to %d, want %d", got.ID, done+1)
		}
	}
}

// TestDataOutlivesTheBuffer checks that later requests do not change data handed to the service.
func TestDataOutlivesTheBuffer(t *testing.T) {
	s := newService(false)
	p := connect(t, serve(t, native.Config{}, s), hello)
	sizes := []int{0, 1, 100, 4096, 4097, 70_000}
	for round := range 20 {
		for i, size := range sizes {
			fill := string(rune('a' + (round+i)%26))
			id := uint64(round*len(sizes) + i + 1)
			p.send(command(id, strings.Repeat(fill, size)))
		}
	}
	for n, r := range s.await(20 * len(sizes)) {
		round, i := n/len(sizes), n%len(sizes)
		fill := string(rune('a' + (round+i)%26))
		if want := strings.Repeat(fill, sizes[i]); string(r.Data) != want {
			t.Fatalf("request %d: got %.9q…, want %.9q…", n, r.Data, want)
		}
		if cap(r.Data) != len(r.Data) && cap(r.Data) > 2*len(r.Data)+64 {
			t.Errorf("request %d: %d bytes reach into %d", n, len(r.Data), cap(r.Data))
		}
	}
}
