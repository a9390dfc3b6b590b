package link

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/tidelock-raft/tidelock/core"
)

// BatchBytes is about how much is written at once.
const BatchBytes = 256 << 10

var errExpired = errors.New("link: connection was not used")

// peer sends to one node. Everything but queue and kick belongs to the goroutine of run.
type peer struct {
	t      *Transport
	key    Target
	queue  *queue
	kick   chan struct{} // holds one element when the peer has shown that it lives
	random *rand.Rand

	taken    []core.Message // from the queue; those before next are in the batch or written
	next     int
	used     time.Time // when a message was last sent
	failures int       // since a connection last lasted
	complain string    // the last reason that was logged; empty: none since the last connection

	trouble atomic.Pointer[error] // why there is no connection; nil: there is one, or none is wanted
}

func newPeer(t *Transport, key Target) *peer {
	return &peer{
		t: t, key: key, queue: newQueue(t.config.QueueMessages, t.config.QueueBytes),
		kick: make(chan struct{}, 1), used: time.Now(),
		random: rand.New(rand.NewPCG(t.config.Seed, uint64(key.Node))),
	}
}

// run connects whenever there is something to send, until Close or until the peer expires.
func (p *peer) run() {
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
	p.complain = ""
	p.trouble.Store(nil)
	p.t.config.Logger.Info("connected", "peer", p.key.Node, "addr", p.key.Addr)

	broken := make(chan error, 1)
	done := make(chan struct{})
	go func() { // ended by closing conn, below or by Close
		defer close(done)
		broken <- conn.Watch()
	}()
	err = p.send(conn, broken)
	_ = conn.Close() // what could not be sent is lost anyway; ends Watch
	<-done
	return err
}

// connect dials and shakes hands, in the time that there is for it.
func (p *peer) connect() (Session, error) {
	ctx, cancel := context.WithTimeout(p.t.ctx, p.t.config.HandshakeTimeout)
	defer cancel()
	return p.t.protocol.Connect(ctx, p.t, p.key)
}

// send sends what is queued, and a sign of life now and then, until something fails.
func (p *peer) send(conn Session, broken <-chan error) error {
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
			err = conn.Flush()
		}
		if err != nil {
			return err
		}
	}
}

// sendBatch writes one batch of urgent messages and at most one piece of a snapshot. If there is
// more, the queue is signalled again: signs of life and the end get their turn in between. The
// queue itself must be asked, because its signal may have been used up for what was taken before.
func (p *peer) sendBatch(conn Session) error {
	if p.next == len(p.taken) {
		p.taken, p.next = p.queue.takeUrgent(p.taken), 0
	}
	count := 0
	for p.next < len(p.taken) && conn.Size() < BatchBytes {
		count += p.add(conn, &p.taken[p.next])
		p.next++
	}
	if piece, ok := p.queue.takeBulk(); ok {
		count += p.add(conn, &piece)
	}
	if p.next == len(p.taken) {
		defer clear(p.taken) // an idle peer pins nothing
	}
	if p.next < len(p.taken) || !p.queue.empty() {
		p.queue.signal()
	}
	if count == 0 {
		return nil
	}
	p.used = time.Now()
	if err := conn.Flush(); err != nil {
		p.t.counters.dropped.Add(uint64(count))
		return err
	}
	p.t.counters.sent.Add(uint64(count))
	return nil
}

// add puts m into the batch and returns 1, or 0 if it is nothing that a peer would take.
func (p *peer) add(conn Session, m *core.Message) int {
	var err error
	if m.From == p.t.config.Node {
		err = conn.Add(m)
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

// lost gives up what was to be sent, and tells.
func (p *peer) lost(err error) {
	dropped := p.queue.drop() + len(p.taken) - p.next
	p.taken, p.next = nil, 0
	p.t.counters.dropped.Add(uint64(dropped))
	p.used = time.Now() // it does not expire while it is being tried
	p.trouble.Store(&err)
	reason := "unreachable"
	if refused := (*RefusedError)(nil); errors.As(err, &refused) {
		reason = refused.Error()
	}
	if p.complain != reason {
		p.complain = reason
		p.t.config.Logger.Warn("peer lost", "peer", p.key.Node, "addr", p.key.Addr,
			"dropped", dropped, "error", err)
	}
	p.t.inbox.Unreachable(p.key.Addr)
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
