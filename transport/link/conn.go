package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/secure"
)

// Conn is a connection, with TLS on it where that is configured.
type Conn struct {
	net.Conn // what to read from and write to; the rest of Conn is not in the way of a writev
	t        *Transport
	raw      net.Conn    // below TLS
	patience *time.Timer // ends a handshake that takes too long; nil: dialled by us
	hello    Hello       // of an accepted connection once accepted; guarded by t.mu

	mu    sync.Mutex // held while messages are delivered
	ended bool       // nothing more is delivered
}

var errSlow = errors.New("link: handshake took too long")

// Dial connects to a node. With TLS, the node has proved who it is when Dial returns.
func (t *Transport) Dial(ctx context.Context, to Target) (*Conn, error) {
	raw, err := t.config.Dial(ctx, string(to.Addr))
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	c := &Conn{Conn: raw, t: t, raw: raw}
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return nil, errors.Join(core.ErrClosed, raw.Close())
	}
	t.dialled[c] = struct{}{}
	t.mu.Unlock()
	if err = c.prove(ctx, to.Node); err != nil {
		c.abort()
		t.forget(c)
		return nil, fmt.Errorf("handshake: %w", err)
	}
	return c, nil
}

// prove has the other side of a dialled connection prove that it is the node.
func (c *Conn) prove(ctx context.Context, to core.NodeID) error {
	if c.t.identity != nil {
		encrypted := tls.Client(c.raw, c.t.identity.Client(to, c.t.protocol.ALPN...))
		if err := encrypted.HandshakeContext(ctx); err != nil {
			return err
		}
		c.Conn = encrypted
	}
	if c.t.config.Verify != nil {
		return c.t.config.Verify(c.Conn, to)
	}
	return nil
}

// Welcome judges the hello of an accepted connection. The answer is for the other side, whatever it
// says; with an error, which is logged, the connection is to be closed. A connection speaks for one
// hello only, which may be repeated.
func (c *Conn) Welcome(h Hello) (Answer, error) {
	t := c.t
	s, err := t.judge(h), error(nil)
	if s == Accepted {
		if err = c.verify(h.From); err != nil {
			s = NotVerified
		} else if c.patience.Stop(); !t.adopt(c, h) {
			s, err = NotVerified, errors.New("link: the connection speaks for another")
		}
	}
	a := Answer{
		Version: t.config.Version, Status: s, Cluster: t.config.Cluster, Node: t.config.Node,
		Incarnation: t.incarnation,
	}
	if s == Accepted {
		return a, nil
	}
	err = errors.Join(t.refusal(s, h.From, h.Cluster, h.Version), err)
	t.complain("peer refused: "+s.String(), host(c.raw), err)
	return a, err
}

// verify holds a node id against the connection's certificate.
func (c *Conn) verify(node core.NodeID) error {
	if encrypted, ok := c.Conn.(*tls.Conn); ok {
		if err := secure.Verify(encrypted.ConnectionState(), node); err != nil {
			return err
		}
	}
	if c.t.config.Verify != nil {
		return c.t.config.Verify(c.Conn, node)
	}
	return nil
}

// adopt has the connection speak for a node, ends those of the node's earlier incarnations, and
// wakes those who wait to send to it. It returns false for one that speaks for another already, or
// that has ended.
func (t *Transport) adopt(c *Conn, h Hello) bool {
	t.mu.Lock()
	if _, open := t.inbound[c]; !open || c.hello != (Hello{}) {
		defer t.mu.Unlock()
		return open && c.hello == h
	}
	c.hello = h
	t.pending--
	var old []*Conn
	for o := range t.inbound {
		if o.hello.From == h.From && o.hello.Incarnation != h.Incarnation {
			o.abort() // nobody is there
			old = append(old, o)
		}
	}
	for to, p := range t.peers {
		if to.Node == h.From {
			select {
			case p.kick <- struct{}{}:
			default:
			}
		}
	}
	t.mu.Unlock()
	for _, o := range old {
		o.mu.Lock() // waits for what is being delivered
		o.ended = true
		o.mu.Unlock()
	}
	return true
}

// Deliver hands messages of a welcomed connection to the inbox, and returns how many it took. An
// error means that the connection must be closed: a message is not the other side's to send, or not
// for this node, and nothing was delivered; or the connection has ended.
func (c *Conn) Deliver(msgs []core.Message) (int, error) {
	t := c.t
	for i := range msgs {
		if m := &msgs[i]; m.From != c.hello.From || m.To != t.config.Node {
			return 0, fmt.Errorf("node %d sent a message from %d to %d", c.hello.From, m.From, m.To)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return 0, net.ErrClosed
	}
	n := t.inbox.Deliver(msgs)
	t.counters.delivered.Add(uint64(n))
	t.counters.refused.Add(uint64(len(msgs) - n))
	return n, nil
}

// Ended logs why an accepted connection was given up, unless this node is being closed. What a
// stranger may cause is logged once in a while for each host.
func (c *Conn) Ended(err error) {
	if c.t.ctx.Err() == nil {
		c.t.complain("connection ended", host(c.raw), err)
	}
}

// Close ends the connection and forgets it.
func (c *Conn) Close() error {
	err := c.Conn.Close()
	c.t.forget(c)
	return err
}

// abort ends the connection without a word to the other side, which might not listen. Who serves
// the connection still has to close it.
func (c *Conn) abort() { _ = c.raw.Close() }

func (t *Transport) forget(c *Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.dialled, c)
	if _, open := t.inbound[c]; open {
		delete(t.inbound, c)
		c.patience.Stop()
		if c.hello == (Hello{}) {
			t.pending--
		}
	}
}

// maxAcceptPause bounds the pause after an error of Accept, such as too many open files.
const maxAcceptPause = time.Second

// listener gives a protocol the connections that may speak.
type listener struct {
	t     *Transport
	ready chan *Conn
}

// Accept returns the next connection, of type *Conn.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.ready:
		return c, nil
	case <-l.t.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Close does nothing: the listener is closed with the transport.
func (l *listener) Close() error { return nil }

// Addr is where the node listens.
func (l *listener) Addr() net.Addr { return l.t.listener.Addr() }

// accept takes connections until the listener is closed.
func (t *Transport) accept(door *listener) {
	pause := time.Duration(0)
	for {
		raw, err := t.listener.Accept()
		if t.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			if err == nil {
				_ = raw.Close() // it came too late
			}
			return
		}
		if err != nil {
			pause = min(max(2*pause, 5*time.Millisecond), maxAcceptPause)
			t.complain("accept", "", err)
			select {
			case <-t.ctx.Done():
			case <-time.After(pause):
			}
			continue
		}
		pause = 0
		if c := t.admit(raw); c != nil {
			t.running.Go(func() { door.let(c) }) // ended by closing c
		}
	}
}

// admit counts a connection in, or closes it when there are too many.
func (t *Transport) admit(raw net.Conn) *Conn {
	c := &Conn{Conn: raw, t: t, raw: raw}
	t.mu.Lock()
	full := t.pending >= t.config.MaxPending || len(t.inbound) >= t.config.MaxInbound
	if !full && !t.closed {
		c.patience = time.AfterFunc(t.config.HandshakeTimeout, func() {
			t.complain("handshake", host(raw), errSlow)
			c.abort()
		})
		t.inbound[c] = struct{}{}
		t.pending++
		t.mu.Unlock()
		return c
	}
	t.mu.Unlock()
	_ = raw.Close() // nothing was said on it
	t.complain("accept", host(raw), errors.New("too many connections"))
	return nil
}

// let hands a connection to the protocol, once it is encrypted if it has to be.
func (l *listener) let(c *Conn) {
	t := l.t
	if t.identity != nil {
		encrypted := tls.Server(c.raw, t.identity.Server(t.protocol.ALPN...))
		if err := encrypted.HandshakeContext(t.ctx); err != nil {
			c.Ended(fmt.Errorf("handshake: %w", err))
			_ = c.Close() // it proved nothing
			return
		}
		c.Conn = encrypted
	}
	select {
	case l.ready <- c:
	case <-t.ctx.Done():
		_ = c.Close() // the node is
	}
}

// complain logs what a stranger may cause, once in a while for each host. The text of err is not
// part of what is counted: it may hold the port, which changes each time.
func (t *Transport) complain(what, who string, err error) {
	if t.refusals.allow(what + who) {
		t.config.Logger.Warn(what, "remote", who, "error", err)
	}
}

func host(conn net.Conn) string {
	addr := conn.RemoteAddr().String()
	if h, _, err := net.SplitHostPort(addr); err == nil {
		return h
	}
	return addr
}
