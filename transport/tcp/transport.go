package tcp

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidelock-raft/tidelock/core"
)

// Transport is a core.Transport over TCP.
type Transport struct {
	config      Config
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
	peers   map[peerKey]*peer
	conns   map[net.Conn]struct{} // all that are open, to be closed by Close
	inbound map[*inbound]struct{} // accepted connections
	pending int                   // of these, ones in the handshake
}

// peerKey is whom messages go to. The node belongs to it: should another node take over an address,
// it gets a connection and a handshake of its own.
type peerKey struct {
	addr core.Addr
	node core.NodeID
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
func Open(c Config, inbox core.Inbox) (*Transport, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.orDefaults()
	listener := c.Listener
	if listener == nil {
		var err error
		if listener, err = net.Listen("tcp", c.Listen); err != nil {
			return nil, fmt.Errorf("tcp: listen on %s: %w", c.Listen, err)
		}
	}
	t := &Transport{
		config: c, inbox: inbox, listener: listener, incarnation: rand.Uint64(),
		peers: map[peerKey]*peer{}, conns: map[net.Conn]struct{}{},
		inbound: map[*inbound]struct{}{},
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.running.Add(1)
	go t.accept() // ended by Close, as all others
	return t, nil
}

// Addr is where this node can be reached: the listener's address.
func (t *Transport) Addr() core.Addr { return core.Addr(t.listener.Addr().String()) }

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

// Send implements core.Transport.
func (t *Transport) Send(to core.Addr, msgs []core.Message) {
	for len(msgs) > 0 {
		n := 1
		for n < len(msgs) && msgs[n].To == msgs[0].To {
			n++
		}
		if dropped := t.enqueue(peerKey{addr: to, node: msgs[0].To}, msgs[:n]); dropped > 0 {
			t.counters.dropped.Add(uint64(dropped))
		}
		msgs = msgs[n:]
	}
}

// enqueue returns how many messages were dropped.
func (t *Transport) enqueue(key peerKey, msgs []core.Message) int {
	t.mu.RLock()
	if p := t.peers[key]; p != nil {
		defer t.mu.RUnlock() // held, so that the peer does not expire meanwhile
		return p.queue.put(msgs)
	}
	t.mu.RUnlock()

	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.peers[key]
	if p == nil {
		if t.closed || len(t.peers) >= t.config.MaxPeers {
			return len(msgs)
		}
		p = newPeer(t, key)
		t.peers[key] = p
		t.running.Add(1)
		go p.run() // ended by Close, or when it expires
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
	for conn := range t.conns {
		_ = conn.Close() // it is given up, whatever it says
	}
	t.mu.Unlock()
	t.running.Wait()
	return err
}

// track makes Close close conn, and reports false when that has happened already.
func (t *Transport) track(conn net.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		_ = conn.Close() // never used
		return false
	}
	t.conns[conn] = struct{}{}
	return true
}

// release closes conn and forgets it.
func (t *Transport) release(conn net.Conn) {
	_ = conn.Close() // what could not be sent is lost anyway
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.conns, conn)
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
