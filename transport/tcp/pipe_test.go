package tcp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/codec"
	"github.com/tidelock-raft/tidelock/transport/link"
)

// Tests in this package run on pipes and on synctest's clock: nothing is buffered, time-outs take
// no time, and a goroutine that outlives Close fails the test.

// wire is a network of pipes.
type wire struct {
	mu        sync.Mutex
	listeners map[string]*listener
	dialled   []time.Time
}

type listener struct {
	addr  string
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *listener) Addr() net.Addr { return pipeAddr(l.addr) }

type pipeAddr string

func (pipeAddr) Network() string  { return "pipe" }
func (a pipeAddr) String() string { return string(a) }

func newWire() *wire { return &wire{listeners: map[string]*listener{}} }

func (w *wire) listen(addr string) *listener {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := &listener{addr: addr, conns: make(chan net.Conn, 256), done: make(chan struct{})}
	w.listeners[addr] = l
	return l
}

func (w *wire) dial(ctx context.Context, addr string) (net.Conn, error) {
	w.mu.Lock()
	w.dialled = append(w.dialled, time.Now())
	l := w.listeners[addr]
	w.mu.Unlock()
	if l == nil {
		return nil, errors.New("nobody listens")
	}
	ours, theirs := net.Pipe()
	select {
	case <-l.done:
		return nil, errors.New("nobody listens any more")
	case <-ctx.Done():
		return nil, ctx.Err()
	case l.conns <- theirs:
		return ours, nil
	}
}

func (w *wire) dials() []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]time.Time(nil), w.dialled...)
}

// recorder is an inbox, and the log of its node.
type recorder struct {
	mu          sync.Mutex
	msgs        []core.Message
	unreachable []time.Time
	log         bytes.Buffer
}

func (r *recorder) Deliver(msgs []core.Message) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.msgs = append(r.msgs, msgs...)
	return len(msgs)
}

func (r *recorder) Unreachable(core.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unreachable = append(r.unreachable, time.Now())
}

// Write takes the log.
func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(p)
}

func (r *recorder) delivered() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.msgs)
}

func (r *recorder) lost() []time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]time.Time(nil), r.unreachable...)
}

func (r *recorder) logged(text string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Count(r.log.Bytes(), []byte(text))
}

// open starts a node of cluster 7 on the wire; it is closed with the test.
func (w *wire) open(t *testing.T, id core.NodeID, addr string, change ...func(*Config)) (
	*Transport, *recorder,
) {
	t.Helper()
	r := new(recorder)
	c := Config{
		Node: id, Cluster: 7, Listener: w.listen(addr), Dial: w.dial, Seed: uint64(id),
		Logger: slog.New(slog.NewTextHandler(r, nil)),
	}
	for _, f := range change {
		f(&c)
	}
	transport, err := Open(c, r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = transport.Close() })
	return transport, r
}

// call connects a raw client.
func (w *wire) call(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := w.dial(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// greeting is a hello that node 2 of cluster 7 accepts.
func greeting() link.Hello {
	return link.Hello{Version: link.Version, Cluster: 7, From: 1, To: 2, Incarnation: 99}
}

// shake connects a raw client and says hello.
func (w *wire) shake(t *testing.T, addr string, h link.Hello) (net.Conn, link.Answer) {
	t.Helper()
	conn := w.call(t, addr)
	if err := writeHello(conn, h); err != nil {
		t.Fatal(err)
	}
	a, err := readAnswer(conn)
	if err != nil {
		t.Fatal(err)
	}
	return conn, a
}

// serveAs accepts one connection for a raw server and answers it.
func (l *listener) serveAs(t *testing.T, a link.Answer) net.Conn {
	t.Helper()
	conn := <-l.conns
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := readHello(conn); err != nil {
		t.Fatal(err)
	}
	if err := writeAnswer(conn, a); err != nil {
		t.Fatal(err)
	}
	return conn
}

func accept2() link.Answer {
	return link.Answer{Version: link.Version, Cluster: 7, Node: 2, Incarnation: 1}
}

func message(from, to core.NodeID) core.Message {
	return core.Message{Kind: core.MsgAppend, Group: 1, From: from, To: to, Term: 1}
}

func frame(t *testing.T, msgs ...core.Message) []byte {
	t.Helper()
	b, err := codec.Limits{}.AppendFrame(nil, msgs)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ends returns how long it takes until the other side closes the connection.
func ends(conn net.Conn) time.Duration {
	began := time.Now()
	_, _ = io.Copy(io.Discard, conn) // whichever way it ends
	return time.Since(began)
}

// bubble runs a test on virtual time.
func bubble(t *testing.T, f func(t *testing.T, w *wire)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newWire()) })
}

// pass lets virtual time pass.
func pass(d time.Duration) { <-time.After(d) }
