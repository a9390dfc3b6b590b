package client

import (
	"context"
	"errors"
	"fmt"
	"io"
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
//  1. An exchange is in waiting[head:], without an id, or in flight, until it is settled.
//  2. flight has at most welcome.Window exchanges. No id is used twice.
//  3. out has the frames of those in flight whose ids are above taken, in order: the writer has not
//     taken them, and they were certainly not sent. If stale, it also has some of others that were
//     dropped, which leave it before it is taken.
//  4. Exchanges wait only while flight or out has no room.
//  5. Once err is set, all of these are empty and remain so.
//  6. timer is set to wake, and no exchange's deadline is before it; zero: there is no exchange.
type conn struct {
	link    net.Conn
	address string
	welcome wire.Welcome

	mu      sync.Mutex
	work    sync.Cond // for the writer: out has grown, or err is set
	waiting []*exchange
	head    int
	flight  flight
	out     []byte
	stale   bool
	taken   uint64
	timer   *time.Timer // runs expire
	wake    time.Time
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
	c := &conn{link: link, address: address, welcome: welcome}
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
	if c.head == len(c.waiting) && c.room() {
		c.launch(x)
		c.work.Signal()
	} else {
		c.waiting = append(c.waiting, x)
	}
	if c.wake.IsZero() || deadline.Before(c.wake) {
		c.wake = deadline
		c.timer.Reset(time.Until(deadline))
	}
	return nil
}

// alive reports whether exchanges can be started.
func (c *conn) alive() bool { return !c.dead.Load() }

// room reports whether one more exchange may be in flight, and its frame in out.
func (c *conn) room() bool {
	window := int(min(c.welcome.Window, math.MaxInt32)) // int may have 32 bits
	return c.flight.count < window && len(c.out) < batchBytes
}

// launch has an exchange be in flight. Its data is encoded where it was made, and not by the
// writer, who would have to fetch it from another processor.
func (c *conn) launch(x *exchange) {
	c.flight.add(x)
	c.out = x.request.AppendFrame(c.out)
}

// fill launches what waits, as far as there is room.
func (c *conn) fill() {
	for c.head < len(c.waiting) && c.room() {
		c.launch(c.waiting[c.head])
		c.waiting[c.head] = nil
		c.head++
	}
	if 2*c.head >= len(c.waiting) { // so what was taken never outgrows the rest
		c.waiting, c.head = slices.Delete(c.waiting, 0, c.head), 0
	}
	if len(c.out) > 0 {
		c.work.Signal()
	}
}

// drop settles an exchange in flight without a reply.
func (c *conn) drop(x *exchange, err error) {
	x.settled, x.err = true, err
	c.flight.remove(x)
	if x.request.ID > c.taken {
		x.request.ID, c.stale = 0, true
	}
}

// withdraw takes the frames of exchanges that were dropped out of out: of all at once, for many may
// be while the writer is held up.
func (c *conn) withdraw() {
	if !c.stale {
		return
	}
	c.out, c.stale = c.out[:0], false
	for id := c.taken + 1; id <= c.flight.last; id++ {
		if x := c.flight.find(id); x != nil {
			c.out = x.request.AppendFrame(c.out)
		}
	}
	c.fill()
}

// cancel settles an exchange that is not settled yet. If it was not sent, it never will be.
func (c *conn) cancel(x *exchange, err error) {
	c.mu.Lock()
	settled := x.settled
	switch {
	case settled:
	case x.request.ID == 0:
		x.settled, x.err = true, err
		if i := slices.Index(c.waiting[c.head:], x); i >= 0 {
			c.waiting = slices.Delete(c.waiting, c.head+i, c.head+i+1)
		}
	default:
		c.drop(x, err)
	}
	if !settled {
		c.fill()
	}
	c.mu.Unlock()
	if !settled {
		x.finish(nil)
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
	for _, x := range c.flight.slots {
		if x != nil && overdue(x) {
			c.drop(x, errExpired)
		}
	}
	if !c.wake.IsZero() {
		c.timer.Reset(max(c.wake.Sub(now), grain))
	}
	c.fill()
	c.mu.Unlock()
	for _, x := range late {
		x.finish(nil)
	}
}

// write sends what is in out, again and again.
func (c *conn) write() {
	var buf []byte
	for {
		if buf = c.collect(buf); len(buf) == 0 {
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

// collect waits for frames and takes them; spare becomes the next buffer for them. It returns
// nothing once the connection has failed.
func (c *conn) collect(spare []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.withdraw(); c.err == nil && len(c.out) == 0; c.withdraw() {
		for c.err == nil && len(c.out) == 0 {
			c.work.Wait()
		}
		c.linger() // what is in out can be cancelled meanwhile
	}
	buf := c.out
	c.out, c.taken = spare[:0], c.flight.last
	c.fill()
	return buf
}

// linger lets others run as long as more comes of it: one write for all costs far less, here and at
// the other end.
func (c *conn) linger() {
	for n, idle := 0, 0; n < maxYields && idle < idleYields; n++ {
		before := c.flight.last
		c.mu.Unlock()
		runtime.Gosched()
		c.mu.Lock()
		if idle++; c.flight.last > before {
			idle = 0
		}
	}
}

// read takes replies until the connection ends: those that have arrived together as one burst.
func (c *conn) read() {
	frames := wire.NewReader(c.link, wire.MaxReplyBytes)
	var replies [maxBurst]wire.Reply // they keep their strings: see Decode
	var settled [maxBurst]*exchange
	for {
		n, err := gather(frames, replies[:])
		own(replies[:n])
		c.settle(replies[:n], settled[:])
		for i, x := range settled[:n] {
			if x != nil {
				x.finish(&replies[i])
			}
			replies[i].Value, settled[i] = nil, nil
		}
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

// settle sets for each reply whose exchange it settles; nobody may be waiting for one any more.
func (c *conn) settle(replies []wire.Reply, settled []*exchange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range replies {
		if id := replies[i].ID; id <= c.taken { // there is no reply to what was not sent
			if x := c.flight.find(id); x != nil {
				c.flight.remove(x)
				x.settled, settled[i] = true, x
			}
		}
	}
	if c.head < len(c.waiting) {
		c.fill()
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
	c.dead.Store(true)
	lost := c.waiting[c.head:]
	for _, x := range c.flight.slots {
		if x == nil {
			continue
		}
		lost = append(lost, x)
		if c.parted || x.request.ID > c.taken {
			x.request.ID = 0
		}
	}
	c.waiting, c.head, c.flight, c.out = nil, 0, flight{}, nil
	c.timer.Stop()
	for _, x := range lost {
		x.settled, x.err = true, c.err
	}
	c.work.Signal()
	c.mu.Unlock()
	_ = c.link.Close()
	for _, x := range lost {
		x.finish(nil)
	}
}
