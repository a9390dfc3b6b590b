package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/api/wire"
)

const (
	// batchBytes is how much a connection writes at once, a single larger request excepted.
	batchBytes = 256 << 10
	// writeTimeout bounds writing that much.
	writeTimeout = 10 * time.Second
	// maxBurst is how many replies are settled together at most.
	maxBurst = 128
	// sharedBytes is how large a reply's value may be to share a block with others, and blockBytes
	// how much is kept by keeping one of them.
	sharedBytes, blockBytes = 512, 4 << 10
	// idleYields is how often in a row others are let run in vain before a write, and maxYields how
	// often at all.
	idleYields, maxYields = 2, 64
	// grain is the least time between two looks for what is overdue.
	grain = time.Millisecond
)

var (
	errExpired = errors.New("no answer in time")
	errParted  = errors.New("server is going down")
)

// conn is a connection that carries many exchanges at once.
//
// Invariants, under mu:
//  1. An exchange is in waiting[head:], not sent yet, or in pending, sent, until it is settled.
//  2. pending has at most welcome.Window exchanges, by id, and no id is used twice.
//  3. Once err is set, both are empty and remain so.
//  4. timer is set to wake, and no exchange's deadline is before it; zero: there is no exchange.
type conn struct {
	link    net.Conn
	address string
	welcome wire.Welcome

	mu      sync.Mutex
	work    sync.Cond // for the writer: waiting has grown, pending has shrunk, or err is set
	waiting []*exchange
	head    int
	pending map[uint64]*exchange
	timer   *time.Timer // runs expire
	wake    time.Time
	lastID  uint64
	parted  bool // the server has said its last word
	err     error
	dead    atomic.Bool // err is set, for those who only look
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
	return newConn(link, address, welcome), nil
}

func newConn(link net.Conn, address string, welcome wire.Welcome) *conn {
	c := &conn{
		link: link, address: address, welcome: welcome, pending: make(map[uint64]*exchange),
	}
	c.work.L = &c.mu
	c.timer = time.AfterFunc(time.Hour, c.expire) // ends at once
	c.timer.Stop()
	return c
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
func (c *conn) start(x *exchange, deadline time.Time) error {
	if n, most := len(x.request.Data), c.welcome.MaxRequestBytes; uint64(n) > uint64(most) {
		return fmt.Errorf("%w: %d bytes, limit %d", core.ErrTooLarge, n, most)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	x.conn, x.deadline = c, deadline
	c.waiting = append(c.waiting, x)
	if c.wake.IsZero() || deadline.Before(c.wake) {
		c.wake = deadline
		c.timer.Reset(time.Until(deadline))
	}
	c.work.Signal()
	return nil
}

// alive reports whether exchanges can be started.
func (c *conn) alive() bool { return !c.dead.Load() }

// cancel settles an exchange that is not settled yet. If it was not sent, it never will be.
func (c *conn) cancel(x *exchange, err error) {
	c.mu.Lock()
	settled := x.settled
	if !settled {
		x.settled, x.err = true, err
		if _, sent := c.pending[x.request.ID]; sent {
			delete(c.pending, x.request.ID)
			c.work.Signal()
		} else if i := slices.Index(c.waiting[c.head:], x); i >= 0 {
			c.waiting = slices.Delete(c.waiting, c.head+i, c.head+i+1)
		}
	}
	c.mu.Unlock()
	if !settled {
		x.finish()
	}
}

// expire settles what is overdue, and looks again when something will be. One timer for all costs a
// request next to nothing: as a rule it is answered before any deadline comes.
func (c *conn) expire() {
	c.mu.Lock()
	now, late := time.Now(), []*exchange(nil)
	c.wake = time.Time{}
	overdue := func(x *exchange) bool {
		if x.deadline.After(now) {
			if c.wake.IsZero() || x.deadline.Before(c.wake) {
				c.wake = x.deadline
			}
			return false
		}
		x.settled, x.err = true, errExpired
		late = append(late, x)
		return true
	}
	left := slices.DeleteFunc(c.waiting[c.head:], overdue)
	c.waiting = c.waiting[:c.head+len(left)]
	maps.DeleteFunc(c.pending, func(_ uint64, x *exchange) bool { return overdue(x) })
	if !c.wake.IsZero() {
		c.timer.Reset(max(c.wake.Sub(now), grain))
	}
	c.work.Signal()
	c.mu.Unlock()
	for _, x := range late {
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
	for c.err == nil && c.sendable() == 0 {
		for c.err == nil && c.sendable() == 0 {
			c.work.Wait()
		}
		c.linger() // what waits can be cancelled meanwhile
	}
	for c.sendable() > 0 && len(buf) < batchBytes {
		x := c.waiting[c.head]
		c.waiting[c.head] = nil
		c.head++
		c.lastID++
		x.request.ID = c.lastID
		c.pending[c.lastID] = x
		buf = x.request.AppendFrame(buf)
	}
	if 2*c.head >= len(c.waiting) { // so what was taken never outgrows the rest
		c.waiting, c.head = slices.Delete(c.waiting, 0, c.head), 0
	}
	return buf
}

// sendable is how many exchanges wait for which there is room in the window.
func (c *conn) sendable() int {
	window := int(min(c.welcome.Window, math.MaxInt32)) // int may have 32 bits
	return min(len(c.waiting)-c.head, window-len(c.pending))
}

// linger lets others run as long as more comes of it: one write for all costs far less, here and at
// the other end.
func (c *conn) linger() {
	for n, idle := 0, 0; n < maxYields && idle < idleYields; n++ {
		before := c.sendable()
		c.mu.Unlock()
		runtime.Gosched()
		c.mu.Lock()
		if idle++; c.sendable() > before {
			idle = 0
		}
	}
}

// read takes replies until the connection ends: those that have arrived together as one burst.
func (c *conn) read() {
	frames := wire.NewReader(c.link, wire.MaxReplyBytes)
	var replies [maxBurst]wire.Reply // they keep their strings: see Decode
	var settled []*exchange
	for {
		n, err := gather(frames, replies[:])
		own(replies[:n])
		settled = c.settle(replies[:n], settled[:0])
		for _, x := range settled {
			x.finish()
		}
		clear(settled)
		if err == nil && replies[n-1].ID == 0 {
			err = c.lastWord(&replies[n-1])
		}
		if err != nil {
			c.fail(err)
			return
		}
	}
}

// gather waits for a reply, and takes it and those that have arrived with it, up to one about the
// connection as a whole. With an error, n are good.
func gather(frames *wire.Reader, replies []wire.Reply) (n int, err error) {
	for n < len(replies) && (n == 0 || frames.Buffered() && replies[n-1].ID != 0) {
		payload, err := frames.Next()
		if err == nil {
			err = replies[n].Decode(payload)
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// own moves the values of replies from the reader's buffer to memory that is their own.
func own(replies []wire.Reply) {
	left := 0 // bytes that are going to share blocks
	for i := range replies {
		if n := len(replies[i].Value); n <= sharedBytes {
			left += n
		}
	}
	var block []byte
	for i := range replies {
		value := replies[i].Value
		n := len(value)
		if n == 0 || n > sharedBytes {
			replies[i].Value = append([]byte(nil), value...)
			continue
		}
		if len(block)+n > cap(block) {
			block = make([]byte, 0, min(left, blockBytes))
		}
		block = append(block, value...)
		replies[i].Value = block[len(block)-n : len(block) : len(block)]
		left -= n
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

// settle gives exchanges their replies, and appends them to settled. Nobody may be waiting for one
// any more.
func (c *conn) settle(replies []wire.Reply, settled []*exchange) []*exchange {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range replies {
		r := &replies[i]
		if x := c.pending[r.ID]; x != nil {
			delete(c.pending, r.ID)
			x.settled, x.reply = true, *r
			settled = append(settled, x)
		}
		r.Value = nil
	}
	if len(settled) > 0 && c.head < len(c.waiting) {
		c.work.Signal() // there is room in the window
	}
	return settled
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
	c.dead.Store(true)
	lost := c.waiting[c.head:]
	for _, x := range c.pending {
		lost = append(lost, x)
		if c.parted {
			x.request.ID = 0
		}
	}
	c.waiting, c.head, c.pending = nil, 0, nil
	c.timer.Stop()
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
