// Package link is what transports over connections have in common: one bounded pair of queues and
// one sender for each peer, back-off, the judgement of who may speak, limits on who may knock, TLS,
// and the counters. What bytes look like is left to a Protocol, which a transport on top of this
// package is: see transport/tcp, transport/grpc and transport/http.
//
// # Connections
//
// A node dials when it has something to say, and messages go from the dialler to the other side
// only. The dialler says a Hello, the other side gives an Answer. A hello of another cluster, for
// another node, or of another version is answered with the reason and the connection closed; both
// sides log it. A message that is not from the node of the hello, or not to this one, ends the
// connection. A new incarnation of a node ends the connections of the one before, and nothing of
// theirs is delivered any more when its own hello is answered. While nothing is to be said there
// are signs of life in both directions: thus both notice when the other is gone.
//
// # Queues
//
// There are two queues for each peer: one for pieces of snapshots, one for everything else. What
// does not fit is dropped, the newest first: what was queued before stays without a gap, which is
// what a follower can use. A piece of a snapshot never holds up other messages by more than itself:
// it is sent with what is urgent, and only one at a time; the two kinds may overtake each other.
// When a connection breaks or cannot be made, the queues are emptied and Unreachable is told; the
// next attempt waits for a message and for a back-off that grows and is jittered, and is cut short
// when the peer connects to us.
//
// What an inbox has no room for is dropped. Raft repeats it.
//
// # Security
//
// Without TLS a peer is who it says. With it (package secure), a connection is handed to the
// protocol only when its certificate has been verified, and a hello is accepted only from the node
// that the certificate names. A connection counts against Config.MaxPending until its hello was
// accepted, for no longer than Config.HandshakeTimeout, and against Config.MaxInbound until it
// ends.
package link

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/secure"
)

// Protocol is what distinguishes one transport from another.
type Protocol struct {
	Name string   // stands in front of errors
	ALPN []string // what TLS calls the protocol, if anything

	// Connect dials a node with Transport.Dial, and returns when it has accepted this one's hello.
	// The session ends when ctx does or when a connection of its own is closed.
	Connect func(ctx context.Context, t *Transport, to Target) (Session, error)
	// Serve serves the connections of l, which are of type *Conn, until l is closed. When it
	// returns, nothing that it has started runs any more.
	Serve func(t *Transport, l net.Listener)
}

// Session is a connection to one node that has accepted this one. Its methods are called by one
// goroutine, but for Watch and Close.
type Session interface {
	// Add puts a message into the batch; an error says that no peer would take it.
	Add(m *core.Message) error
	// Size is about how many bytes the batch has.
	Size() int
	// Flush sends the batch, within Config.WriteTimeout, and empties it. An empty one is sent as a
	// sign of life.
	Flush() error
	// Watch returns when the other side gives no sign of life for Config.IdleTimeout, or when the
	// session ends.
	Watch() error
	// Close ends the session.
	Close() error
}

// Target is whom messages go to. The node belongs to it: should another node take over an address,
// it gets a connection and a handshake of its own.
type Target struct {
	Addr core.Addr
	Node core.NodeID
}

// Transport is a core.Transport whose bytes are a Protocol's.
type Transport struct {
	protocol    Protocol
	config      Config
	identity    *secure.Identity // nil: no TLS
	inbox       core.Inbox
	listener    net.Listener
	incarnation uint64
	refusals    limiter
	ctx         context.Context // done once Close was called
	cancel      context.CancelFunc
	running     sync.WaitGroup // every goroutine of the transport
	counters    counters

	mu      sync.RWMutex
	closed  bool
	peers   map[Target]*peer
	dialled map[*Conn]struct{} // to be closed by Close, as those
	inbound map[*Conn]struct{} // that were accepted
	pending int                // of these, ones in the handshake
}

type counters struct {
	sent, dropped, delivered, refused atomic.Uint64
}

// Stats counts since Open.
type Stats struct {
	Sent      uint64 // messages given to a connection
	Dropped   uint64 // messages to send for which a queue had no room, or that a failure lost
	Delivered uint64 // messages that the inbox took
	Refused   uint64 // messages that the inbox had no room for
	Peers     int    // queues now
	Inbound   int    // accepted connections now
}

// Open starts to listen. The inbox may be called before Open returns.
func Open(p Protocol, c Config, inbox core.Inbox) (*Transport, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	c = c.orDefaults()
	t := &Transport{
		protocol: p, config: c, inbox: inbox, listener: c.Listener, incarnation: rand.Uint64(),
		peers: map[Target]*peer{}, dialled: map[*Conn]struct{}{}, inbound: map[*Conn]struct{}{},
	}
	var err error
	if c.TLS.Enabled() {
		if t.identity, err = secure.Load(c.TLS, c.Node, c.Logger); err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	if t.listener == nil {
		if t.listener, err = net.Listen("tcp", c.Listen); err != nil {
			return nil, fmt.Errorf("%s: listen on %s: %w", p.Name, c.Listen, err)
		}
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	door := &listener{t: t, ready: make(chan *Conn)}
	t.running.Go(func() { t.accept(door) }) // ended by Close, as all others
	t.running.Go(func() { p.Serve(t, door) })
	return t, nil
}

// Addr is where this node can be reached: the listener's address.
func (t *Transport) Addr() core.Addr { return core.Addr(t.listener.Addr().String()) }

// Config returns the configuration, with the defaults filled in.
func (t *Transport) Config() Config { return t.config }

// Context is done once the transport has been closed.
func (t *Transport) Context() context.Context { return t.ctx }

// Stats returns the counters.
func (t *Transport) Stats() Stats {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return Stats{
		Sent: t.counters.sent.Load(), Dropped: t.counters.dropped.Load(),
		Delivered: t.counters.delivered.Load(), Refused: t.counters.refused.Load(),
		Peers: len(t.peers), Inbound: len(t.inbound),
	}
}

// Troubles implements core.Diagnoser.
func (t *Transport) Troubles() []core.Trouble {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var troubles []core.Trouble
	for to, p := range t.peers {
		if err := p.trouble.Load(); err != nil {
			text := (*err).Error()
			troubles = append(troubles, core.Trouble{
				Node: to.Node, Error: text[:min(len(text), core.MaxTroubleBytes)],
			})
		}
	}
	return troubles
}

// Send implements core.Transport.
func (t *Transport) Send(to core.Addr, msgs []core.Message) {
	for len(msgs) > 0 {
		n := 1
		for n < len(msgs) && msgs[n].To == msgs[0].To {
			n++
		}
		if dropped := t.enqueue(Target{Addr: to, Node: msgs[0].To}, msgs[:n]); dropped > 0 {
			t.counters.dropped.Add(uint64(dropped))
		}
		msgs = msgs[n:]
	}
}

// enqueue returns how many messages were dropped.
func (t *Transport) enqueue(to Target, msgs []core.Message) int {
	t.mu.RLock()
	if p := t.peers[to]; p != nil {
		defer t.mu.RUnlock() // held, so that the peer does not expire meanwhile
		return p.queue.put(msgs)
	}
	t.mu.RUnlock()

	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.peers[to]
	if p == nil {
		if t.closed || len(t.peers) >= t.config.MaxPeers {
			return len(msgs)
		}
		p = newPeer(t, to)
		t.peers[to] = p
		t.running.Go(p.run) // ended by Close, or when it expires
	}
	return p.queue.put(msgs)
}

// Close implements core.Transport. It does not wait for queued messages to leave.
func (t *Transport) Close() error {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		t.running.Wait() // no Inbox call runs after this Close either
		return core.ErrClosed
	}
	t.closed = true
	t.peers = nil
	t.cancel()
	err := t.listener.Close()
	for _, conns := range []map[*Conn]struct{}{t.dialled, t.inbound} {
		for c := range conns {
			c.abort()
		}
	}
	t.mu.Unlock()
	t.running.Wait()
	return err
}

// limiter lets a reason through once a minute, so that no stranger can fill the log.
type limiter struct {
	mu   sync.Mutex
	last map[string]time.Time
}

const (
	limiterPeriod  = time.Minute
	limiterReasons = 1024
)

func (l *limiter) allow(reason string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if last, ok := l.last[reason]; ok && now.Sub(last) < limiterPeriod {
		return false
	}
	if l.last == nil || len(l.last) >= limiterReasons {
		l.last = map[string]time.Time{}
	}
	l.last[reason] = now
	return true
}
