package tcp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/codec"
)

// batchBytes is about how much is written at once.
const batchBytes = 256 << 10

var errExpired = errors.New("tcp: connection was not used")

// peer sends to one node. Everything but queue and kick belongs to the goroutine of run.
type peer struct {
	t      *Transport
	key    peerKey
	queue  *queue
	kick   chan struct{} // holds one element when the peer has shown that it lives
	random *rand.Rand

	batch    *codec.Batch
	taken    []core.Message // from the queue; those before next are in batch or written
	next     int
	used     time.Time // when a message was last sent
	failures int       // since a connection last lasted
	complain string    // the last reason that was logged; empty: none since the last connection
}

func newPeer(t *Transport, key peerKey) *peer {
	return &peer{
		t: t, key: key, queue: newQueue(t.config.QueueMessages, t.config.QueueBytes),
		kick: make(chan struct{}, 1), batch: codec.NewBatch(t.config.Limits),
		random: rand.New(rand.NewPCG(t.config.Seed, uint64(key.node))), used: time.Now(),
	}
}

// run connects whenever there is something to send, until Close or until the peer expires.
func (p *peer) run() {
	defer p.t.running.Done()
	for p.awaitMessages() {
		began := time.Now()
		err := p.session()
		if p.t.ctx.Err() != nil {
			return
		}
		if errors.Is(err, errExpired) {
			continue // awaitMessages ends it, unless a message came just now
		}
		if time.Since(began) > p.t.config.RetryMax {
			p.failures = 0
		}
		p.lost(err)
		p.backOff()
	}
}

// awaitMessages returns true when the queue holds something, and false when the peer is to end.
func (p *peer) awaitMessages() bool {
	for p.queue.empty() {
		expiry := time.NewTimer(time.Until(p.used.Add(p.t.config.ExpireAfter)))
		select {
		case <-p.t.ctx.Done():
		case <-p.queue.ready:
		case <-expiry.C:
			if p.expire() {
				return false
			}
		}
		expiry.Stop()
		if p.t.ctx.Err() != nil {
			return false
		}
	}
	return true
}

// expire forgets the peer, unless a message has come meanwhile.
func (p *peer) expire() bool {
	p.t.mu.Lock()
	defer p.t.mu.Unlock()
	if !p.queue.empty() {
		return false
	}
	delete(p.t.peers, p.key)
	return true
}

// session connects and sends until something fails.
func (p *peer) session() error {
	drain(p.kick)
	conn, err := p.connect()
	if err != nil {
		return err
	}
	defer p.t.release(conn)
	p.complain = ""
	p.t.config.Logger.Info("connected", "peer", p.key.node, "addr", p.key.addr)

	broken := make(chan error, 1)
	done := make(chan struct{})
	go func() { // ended by closing conn, below or by Close
		defer close(done)
		broken <- p.watch(conn)
	}()
	err = p.send(conn, broken)
	_ = conn.Close() // ends watch
	<-done
	return err
}

// connect dials and shakes hands.
func (p *peer) connect() (net.Conn, error) {
	c := &p.t.config
	ctx, cancel := context.WithTimeout(p.t.ctx, c.HandshakeTimeout)
	defer cancel()
	conn, err := c.Dial(ctx, string(p.key.addr))
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	if !p.t.track(conn) {
		return nil, core.ErrClosed
	}
	deadline, _ := ctx.Deadline()
	if err := p.greet(conn, deadline); err != nil {
		p.t.release(conn)
		return nil, fmt.Errorf("handshake: %w", err)
	}
	return conn, nil
}

func (p *peer) greet(conn net.Conn, deadline time.Time) error {
	c := &p.t.config
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	err := hello{
		version: version, cluster: c.Cluster, from: c.Node, to: p.key.node,
		incarnation: p.t.incarnation,
	}.write(conn)
	if err != nil {
		return err
	}
	theirs, err := readAnswer(conn)
	if err != nil {
		return err
	}
	if err := p.t.check(theirs, p.key.node); err != nil {
		return err
	}
	if c.Verify != nil {
		return c.Verify(conn, p.key.node)
	}
	return nil
}

// watch reads the other side's signs of life until there are none.
func (p *peer) watch(conn net.Conn) error {
	buf := make([]byte, 16)
	for {
		if err := conn.SetReadDeadline(time.Now().Add(p.t.config.IdleTimeout)); err != nil {
			return err
		}
		if _, err := conn.Read(buf); err != nil {
			return fmt.Errorf("wait for a sign of life: %w", err)
		}
	}
}

// send writes what is queued, and an empty frame now and then, until something fails.
func (p *peer) send(conn net.Conn, broken <-chan error) error {
	p.used = time.Now()
	tick := time.NewTicker(max(p.t.config.IdleTimeout/3, 1))
	defer tick.Stop()
	p.queue.signal()
	for {
		var err error
		select {
		case <-p.t.ctx.Done():
			return core.ErrClosed
		case err = <-broken:
		case <-p.queue.ready:
			err = p.sendBatch(conn)
		case <-tick.C:
			if time.Since(p.used) >= p.t.config.ExpireAfter && p.queue.empty() {
				return errExpired
			}
			p.batch.AddEmpty()
			err = p.write(conn)
		}
		if err != nil {
			return err
		}
	}
}

// sendBatch writes one batch of urgent messages and at most one piece of a snapshot. If there is
// more, the queue is signalled again: signs of life and the end get their turn in between. The
// queue itself must be asked, because its signal may have been used up for what was taken before.
func (p *peer) sendBatch(conn net.Conn) error {
	if p.next == len(p.taken) {
		p.taken, p.next = p.queue.takeUrgent(p.taken), 0
	}
	count := 0
	for p.next < len(p.taken) && p.batch.Size() < batchBytes {
		count += p.add(&p.taken[p.next])
		p.next++
	}
	if piece, ok := p.queue.takeBulk(); ok {
		count += p.add(&piece)
	}
	if p.next < len(p.taken) || !p.queue.empty() {
		p.queue.signal()
	}
	if count == 0 {
		return nil
	}
	p.used = time.Now()
	err := p.write(conn)
	if p.next == len(p.taken) {
		clear(p.taken) // they are out of our hands, and an idle peer pins nothing
	}
	if err != nil {
		p.t.counters.dropped.Add(uint64(count))
		return err
	}
	p.t.counters.sent.Add(uint64(count))
	return nil
}

// add puts m into the batch and returns 1, or 0 if it is nothing that a peer would take.
func (p *peer) add(m *core.Message) int {
	var err error
	if m.From == p.t.config.Node {
		err = p.batch.Add(m)
	} else {
		err = fmt.Errorf("message from node %d", m.From)
	}
	if err == nil {
		return 1
	}
	p.t.counters.dropped.Add(1)
	if p.t.refusals.allow("send " + m.Kind.String()) {
		p.t.config.Logger.Error("message cannot be sent", "message", m.String(), "error", err)
	}
	return 0
}

func (p *peer) write(conn net.Conn) error {
	defer p.batch.Reset()
	if err := conn.SetWriteDeadline(time.Now().Add(p.t.config.WriteTimeout)); err != nil {
		return err
	}
	if _, err := p.batch.WriteTo(conn); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// lost gives up what was to be sent, and tells.
func (p *peer) lost(err error) {
	dropped := p.queue.drop() + len(p.taken) - p.next
	p.taken, p.next = nil, 0
	p.t.counters.dropped.Add(uint64(dropped))
	p.used = time.Now() // it does not expire while it is being tried
	reason := "unreachable"
	if refused := (*refusedError)(nil); errors.As(err, &refused) {
		reason = refused.Error()
	}
	if p.complain != reason {
		p.complain = reason
		p.t.config.Logger.Warn("peer lost", "peer", p.key.node, "addr", p.key.addr,
			"dropped", dropped, "error", err)
	}
	p.t.inbox.Unreachable(p.key.addr)
}

// backOff waits longer after each failure, until the peer shows that it lives.
func (p *peer) backOff() {
	c := &p.t.config
	wait := c.RetryMax
	if shift := p.failures; shift < 30 {
		wait = min(c.RetryMin<<shift, c.RetryMax)
	}
	p.failures++
	wait -= time.Duration(p.random.Int64N(int64(wait)/2 + 1))
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-p.t.ctx.Done():
	case <-p.kick:
	case <-timer.C:
	}
}

func drain(c chan struct{}) {
	select {
	case <-c:
	default:
	}
}
