package native_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/api/native"
	"github.com/tidelock-raft/tidelock/transport/api/wire"
)

func TestDamageIsToldAndEndsTheConnection(t *testing.T) {
	for rule, damage := range map[string][]byte{
		"not msgpack":        {0, 0, 0, 1, 0xc1},
		"beyond the limit":   {0xff, 0xff, 0xff, 0xff},
		"an id of zero":      (&wire.Request{Op: wire.OpCommand}).AppendFrame(nil),
		"more than one item": {0, 0, 0, 2, 1, 1},
	} {
		s := newService(true)
		p := connect(t, serve(t, native.Config{}, s), hello)
		p.send(command(1, "x"))
		if got := p.next(); got.ID != 1 {
			t.Fatalf("%s: got %+v, want an echo", rule, got)
		}
		together := command(2, "together with damage")
		p.write(append(together.AppendFrame(nil), damage...))
		got := p.next()
		for ; got.ID != 0; got = p.next() {
			carriedOut := s.count() == 2 // only if it arrived before the damage did
			if want := wire.OutcomeClosed; got.Outcome != want && !carriedOut {
				t.Errorf("%s: got %+v, want %v", rule, got, want)
			}
		}
		if got.Outcome != wire.OutcomeInvalid || !strings.Contains(got.Message, "malformed") {
			t.Errorf("%s: got %+v, want what is wrong", rule, got)
		}
		p.hangsUp()
	}
}

// TestStrangersAreDroppedBeforeAnythingElse sends what is no handshake, and then nothing at all.
func TestStrangersAreDroppedBeforeAnythingElse(t *testing.T) {
	config := native.Config{HandshakeTimeout: 50 * time.Millisecond}
	server := serve(t, config, newService(true))
	for _, words := range []string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "TLK", ""} {
		link, err := net.Dial("tcp", server.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer link.Close()
		_ = link.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := link.Write([]byte(words)); err != nil {
			t.Fatal(err)
		}
		n, err := link.Read(make([]byte, 1))
		var timeout net.Error
		if n > 0 || errors.As(err, &timeout) && timeout.Timeout() {
			t.Errorf("%q: got %d bytes, %v, want the end", words, n, err)
		}
	}
}

func TestConnectionsAreCapped(t *testing.T) {
	server := serve(t, native.Config{MaxConns: 2}, newService(true))
	first, second := connect(t, server, hello), connect(t, server, hello)
	if got := connect(t, server, hello).welcome.Refusal; got != wire.RefusedFull {
		t.Errorf("third of two: got %v, want %v", got, wire.RefusedFull)
	}
	second.send(command(1, "x"))
	second.next()
	_ = first.Close()
	until(t, "there is room again", func() bool {
		return connect(t, server, hello).welcome.Refusal == 0
	})
}

// syncBuffer is a log that can be read while it is written.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func TestClientThatDoesNotReadIsDropped(t *testing.T) {
	var log syncBuffer
	s := newService(false)
	p := connect(t, serve(t, native.Config{
		MaxPendingBytes: 1 << 20, MaxReplyBytes: 1 << 20,
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
		// The socket's buffers take some replies; what gathers behind them counts.
		StallTimeout: 200 * time.Millisecond,
	}, s), hello)
	var many []wire.Request
	for id := range uint64(200) {
		many = append(many, command(id+1, "x"))
	}
	p.send(many...)
	value := make([]byte, 1<<19)
	for _, r := range s.await(200) {
		r.Caller.Replied(r.Token, core.Reply{Result: core.Result{Value: value}})
	}
	until(t, "the client is dropped", func() bool {
		return strings.Contains(log.String(), "does not read its replies")
	})
}

func TestSlowWriteEndsTheConnection(t *testing.T) {
	s := newService(true)
	server := serve(t, native.Config{
		StallTimeout: 50 * time.Millisecond, MaxRequestBytes: 1 << 20, MaxConns: 1,
	}, s)
	p := connect(t, server, hello)
	_ = p.SetWriteDeadline(time.Now().Add(5 * time.Second))
	big := command(1, strings.Repeat("x", 1<<20))
	frame := big.AppendFrame(nil)
	for range 100 {
		if _, err := p.Write(frame); err != nil {
			break // the server hung up, as it should
		}
	}
	until(t, "the slot is free", func() bool {
		return connect(t, server, hello).welcome.Refusal == 0
	})
}

func TestCloseFinishesWhatIsInFlight(t *testing.T) {
	s := newService(false)
	server := serve(t, native.Config{}, s)
	p := connect(t, server, hello)
	p.send(command(1, "in flight"))
	r := s.await(1)[0]
	s.setEcho()
	closed := make(chan error)
	go func() { closed <- server.Close() }()
	for id, refused := uint64(2), false; !refused; id++ {
		p.send(command(id, "too late, perhaps"))
		got := p.next()
		refused = got.Outcome == wire.OutcomeClosed
		if got.ID != id || !refused && got.Outcome != wire.OutcomeOK {
			t.Fatalf("got %+v, want an echo or a refusal of %d", got, id)
		}
	}
	if link, err := net.Dial("tcp", server.Addr()); err == nil {
		_ = link.Close()
		t.Error("the server lets clients in while it closes")
	}
	carriedOut := s.count()
	r.Caller.Replied(r.Token, core.Reply{Index: 5})
	if got := p.next(); got.ID != 1 || got.Outcome != wire.OutcomeOK || got.Index != 5 {
		t.Errorf("got %+v, want the reply to what was in flight", got)
	}
	if got := p.next(); got.ID != 0 || got.Outcome != wire.OutcomeClosed {
		t.Errorf("got %+v, want the last word", got)
	}
	p.send(command(100, "after the last word"))
	p.hangsUp()
	_ = p.Close()
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := server.Close(); err != core.ErrClosed {
		t.Errorf("second Close: got %v, want core.ErrClosed", err)
	}
	if n := s.count(); n != carriedOut {
		t.Errorf("%d requests were carried out after the first refusal", n-carriedOut)
	}
	r.Caller.Replied(r.Token, core.Reply{}) // late: dropped
}

func TestConfigIsChecked(t *testing.T) {
	for name, c := range map[string]native.Config{
		"request limit": {MaxRequestBytes: wire.MaxDataBytes + 1},
		"reply limit":   {MaxReplyBytes: wire.MaxDataBytes + 1},
		"address":       {Listen: "nowhere"},
	} {
		if server, err := native.Serve(c, newService(true)); err == nil {
			_ = server.Close()
			t.Errorf("%s: no error", name)
		}
	}
}

// echoing answers at once and keeps nothing.
type echoing struct{}

func (echoing) Submit(requests []core.Request) {
	for i := range requests {
		r := &requests[i]
		r.Caller.Replied(r.Token, core.Reply{Index: 1, Result: core.Result{Value: r.Data}})
	}
}

func (echoing) Status() core.NodeStatus { return core.NodeStatus{Node: 1, Cluster: 1} }

func TestServingAllocatesOncePerBatch(t *testing.T) {
	p := connect(t, serve(t, native.Config{}, echoing{}), hello)
	_ = p.SetDeadline(time.Time{})
	var frames []byte
	for id := range uint64(64) {
		r := command(id+1, strings.Repeat("v", 128))
		frames = r.AppendFrame(frames)
	}
	got := testing.AllocsPerRun(200, func() {
		p.write(frames)
		for range 64 {
			if _, err := p.frames.Next(); err != nil {
				t.Fatal(err)
			}
		}
	})
	if got > 16 { // the frames may arrive in some pieces, each a batch
		t.Errorf("got %v allocations for 64 requests, want at most 16", got)
	}
}

func BenchmarkPipelined64(b *testing.B) {
	server, err := native.Serve(native.Config{}, echoing{})
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	link, err := net.Dial("tcp", server.Addr())
	if err != nil {
		b.Fatal(err)
	}
	defer link.Close()
	var frames []byte
	for id := range uint64(64) {
		r := command(id+1, strings.Repeat("v", 128))
		frames = r.AppendFrame(frames)
	}
	_, _ = link.Write(hello.Append(nil))
	_, _ = link.Read(make([]byte, wire.WelcomeBytes))
	r := wire.NewReader(link, wire.MaxReplyBytes)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = link.Write(frames)
		for range 64 {
			if _, err := r.Next(); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/64, "ns/request")
}
