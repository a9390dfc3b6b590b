package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/api/wire"
)

const (
	// batchBytes is how much a connection writes at once, a single larger request excepted.
	batchBytes = 256 << 10
	// writeTimeout bounds writing that much.
	writeTimeout = 10 * time.Second
)

var (
	errExpired = errors.New("no answer in time")
	errParted  = errors.New("server is going down")
)

// conn is a connection that carries many exchanges at once.
//
// Invariants, under mu:
//  1. An exchange is in waiting, not sent yet, or in pending, sent, until it is settled.
//  2. pending has at most welcome.Window exchanges, by id, and no id is used twice.
//  3. Once err is set, both are empty and remain so.
type conn struct {
	link    net.Conn
	address string
	welcome wire.Welcome

	mu      sync.Mutex
	work    sync.Cond // for the writer: waiting has grown, pending has shrunk, or err is set
	waiting []*exchange
	pending map[uint64]*exchange
	lastID  uint64
	parted  bool // the server has said its last word
	err     error
}

// dial makes a connection and does the handshake. The connection works once write and read run.
func dial(ctx context.Context, config *Config, address string) (*conn, error) {
	link, err := config.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	welcome, err := greet(ctx, link, config.Cluster)
	if err != nil {
		_ = link.Close()
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	c := &conn{
		link: link, address: address, welcome: welcome, pending: make(map[uint64]*exchange),
	}
	c.work.L = &c.mu
	return c, nil
}

func greet(ctx context.Context, link net.Conn, cluster core.ClusterID) (wire.Welcome, error) {
	deadline, _ := ctx.Deadline()
	if err := link.SetDeadline(deadline); err != nil {
		return wire.Welcome{}, err
	}
	hello := wire.Hello{Version: wire.Version, Cluster: cluster}
	if _, err := link.Write(hello.Append(nil)); err != nil {
		return wire.Welcome{}, err
	}
	var buf [wire.WelcomeBytes]byte
	if _, err := io.ReadFull(link, buf[:]); err != nil {
		return wire.Welcome{}, err
	}
	welcome, err := wire.DecodeWelcome(buf[:])
	switch {
	case err != nil:
		return welcome, err
	case welcome.Refusal != 0:
		return welcome, fmt.Errorf("%w: %v", ErrRefused, welcome.Refusal)
	case cluster != 0 && welcome.Cluster != cluster:
		return welcome, fmt.Errorf("%w: cluster %d, want %d", ErrRefused, welcome.Cluster, cluster)
	case welcome.Version != wire.Version || welcome.Window == 0:
		return welcome, fmt.Errorf("%w: version %d, window %d",
			ErrRefused, welcome.Version, welcome.Window)
	}
	return welcome, link.SetDeadline(time.Time{})
}

// start queues an exchange. After an error it is not and will not be sent, and not be settled.
func (c *conn) start(x *exchange, limit time.Duration) error {
	if n, most := len(x.request.Data), c.welcome.MaxRequestBytes; uint64(n) > uint64(most) {
		return fmt.Errorf("%w: %d bytes, limit %d", core.ErrTooLarge, n, most)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	x.conn = c
	c.waiting = append(c.waiting, x)
	x.timer.Reset(limit)
	c.work.Signal()
	return nil
}

// alive reports whether exchanges can be started.
func (c *conn) alive() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err == nil
}

// cancel settles an exchange that is not settled yet. If it was not sent, it never will be.
func (c *conn) cancel(x *exchange, err error) {
	c.mu.Lock()
	settled := x.settled
	if !settled {
		x.settled, x.err = true, err
		if _, sent := c.pending[x.id]; sent {
			delete(c.pending, x.id)
			c.work.Signal()
		} else if i := slices.Index(c.waiting, x); i >= 0 {
			c.waiting = slices.Delete(c.waiting, i, i+1)
		}
	}
	c.mu.Unlock()
	if !settled {
		x.finish()
	}
}

// write sends what is waiting, as much at once as the window and batchBytes allow.
func (c *conn) write() {
	var buf []byte
	for {
		if buf = c.collect(buf[:0]); len(buf) == 0 {
			return
		}
		_ = c.link.SetWriteDeadline(time.Now().Add(writeTimeout))
		if _, err := c.link.Write(buf); err != nil {
			c.fail(err)
			return
		}
		if cap(buf) > 4*batchBytes {
			buf = nil
		}
	}
}

// collect waits for exchanges and encodes them; nothing once the connection has failed.
func (c *conn) collect(buf []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.err == nil && len(buf) == 0 {
		taken := 0
		for _, x := range c.waiting {
			if len(buf) >= batchBytes || uint64(len(c.pending)) >= uint64(c.welcome.Window) {
				break
			}
			taken++
			c.lastID++
			x.id = c.lastID
			c.pending[x.id] = x
			buf = x.appendFrame(buf)
		}
		c.waiting = slices.Delete(c.waiting, 0, taken)
		if len(buf) == 0 {
			c.work.Wait()
		}
	}
	if c.err != nil {
		return nil
	}
	return buf
}

// read takes replies until the connection ends.
func (c *conn) read() {
	frames := wire.NewReader(c.link, wire.MaxReplyBytes)
	var reply wire.Reply
	for {
		payload, err := frames.Next()
		if err == nil {
			err = reply.Decode(payload)
		}
		if err == nil && reply.ID == 0 {
			err = c.lastWord(&reply)
		}
		if err != nil {
			c.fail(err)
			return
		}
		c.settle(&reply)
	}
}

// lastWord handles a reply about the connection as a whole.
func (c *conn) lastWord(r *wire.Reply) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.parted = r.Outcome == wire.OutcomeClosed; c.parted {
		return errParted
	}
	return fmt.Errorf("server hangs up: %s", r.Message)
}

// settle gives an exchange its reply. Nobody may be waiting for it any more.
func (c *conn) settle(r *wire.Reply) {
	c.mu.Lock()
	x := c.pending[r.ID]
	if x != nil {
		if len(c.waiting) > 0 {
			c.work.Signal() // there is room in the window
		}
		delete(c.pending, r.ID)
		x.settled, x.reply = true, *r
		x.reply.Value = append([]byte(nil), r.Value...)
	}
	c.mu.Unlock()
	if x != nil {
		x.finish()
	}
}

// fail ends the connection, and settles every exchange: those not sent, and after a server's last
// word all, were certainly not carried out.
func (c *conn) fail(err error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = fmt.Errorf("connection to %s: %w", c.address, err)
	lost := c.waiting
	for _, x := range c.pending {
		lost = append(lost, x)
		if c.parted {
			x.id = 0
		}
	}
	c.waiting, c.pending = nil, nil
	for _, x := range lost {
		x.settled, x.err = true, c.err
	}
	c.work.Signal()
	c.mu.Unlock()
	_ = c.link.Close()
	for _, x := range lost {
		x.finish()
	}
}
