// Package client talks to a cluster: it finds the leader, keeps one connection to each endpoint it
// needs, carries many requests over it at once, and repeats what can be repeated.
//
// What is repeated, after a pause that grows and is never the same, until the deadline: a query,
// whatever went wrong; and a command, for it goes through a session (core/session), in which it is
// carried out once however often it is asked for. One that has no answer at the deadline is an
// *UnknownOutcome. So is, at once, a change or a transfer, and with Config.NoSession a command,
// that was sent and not answered: these are repeated only while they were certainly not carried
// out, as when the node is not the leader, is too busy or is going down.
//
// A session is opened by the first command and left to expire: to close it would cost an entry in
// the log, which is more than the cluster needs for remembering it.
//
// Read next: transport/api/wire for the format, transport/api/native for the other end.
package client

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/api/wire"
)

// Client talks to a cluster. Its methods may be called from several goroutines.
type Client struct {
	config    Config
	exchanges sync.Pool
	calls     sync.Pool
	sessions  sessions
	pending   atomic.Int64 // requests of Go that are not answered

	life    context.Context // ends with Close
	kill    context.CancelFunc
	running sync.WaitGroup // every goroutine: of dials, of connections, of calls being repeated

	mu        sync.Mutex
	book      endpoints
	random    *rand.Rand
	isClosing bool // nothing is added to running any more
}

// New returns a client. It connects when first used.
func New(c Config) (*Client, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	if c.Seed == 0 {
		c.Seed = rand.Uint64()
	}
	client := &Client{config: c, random: rand.New(rand.NewPCG(c.Seed, 0))}
	client.exchanges.New, client.calls.New = newExchange, newCall
	client.sessions.groups = make(map[core.GroupID]*roll)
	client.life, client.kill = context.WithCancel(context.Background())
	client.book.init(c.Endpoints, client.random)
	return client, nil
}

// Do asks, and waits for the outcome until the deadline of ctx or, if it has none, Config.Timeout.
//
// Errors: *core.Failure (the machine's own refusal), *UnknownOutcome, *NotLeader and
// core.ErrQuarantined (with a Target), ErrUnavailable, ErrInvalid, ErrReplyTooLarge, and core's
// ErrTooLarge, ErrNoGroup, ErrClosed and, with too many commands open at once, ErrBusy.
// Only *UnknownOutcome leaves open whether a command was carried out. A core.RequestResync needs a
// Target; that it has no answer in time does not end it.
func (c *Client) Do(ctx context.Context, r Request) (Reply, error) {
	t := task{request: r}
	if err := c.prepare(ctx, &t); err != nil {
		return Reply{}, err
	}
	return c.pursue(ctx, &t)
}

// Go asks as Do does, but returns at once; done is told the outcome, exactly once, perhaps before
// Go returns. It must not block, nor call Close: other replies wait behind it. With more than
// Config.MaxPending requests open the outcome is core.ErrBusy. A context that can be cancelled
// costs a goroutine for each request.
func (c *Client) Go(ctx context.Context, r Request, done func(Reply, error)) {
	a := c.calls.Get().(*call)
	a.client, a.ctx, a.done, a.task.request = c, ctx, done, r
	err := c.prepare(ctx, &a.task)
	if c.pending.Add(1) > int64(c.config.MaxPending) && err == nil {
		err = core.ErrBusy
	}
	if err != nil {
		a.end(Reply{}, err)
		return
	}
	if ctx.Done() == nil && a.begin() {
		return
	}
	a.pursue()
}

// Status asks one endpoint, once, to describe its node; with an empty endpoint, one after the other
// until one answers. Errors: ErrUnavailable with the cause, core.ErrClosed.
func (c *Client) Status(ctx context.Context, endpoint string) (core.NodeStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	addresses := []string{endpoint}
	if endpoint == "" {
		addresses = c.Endpoints()
	}
	var err error
	for _, address := range addresses {
		var status core.NodeStatus
		if c.life.Err() != nil {
			return status, core.ErrClosed
		}
		if status, err = c.statusOf(ctx, address); err == nil {
			return status, nil
		}
	}
	return core.NodeStatus{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// Endpoints lists the endpoints known: those configured, then those learned.
func (c *Client) Endpoints() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.book.addresses()
}

// Close ends everything: commands in flight become an *UnknownOutcome, all else core.ErrClosed. A
// second Close returns core.ErrClosed.
func (c *Client) Close() error {
	c.mu.Lock()
	if c.isClosing {
		c.mu.Unlock()
		return core.ErrClosed
	}
	c.isClosing = true
	c.mu.Unlock()
	c.kill()
	for _, conn := range c.conns() { // there will be no others, now that isClosing is set
		conn.fail(core.ErrClosed)
	}
	c.running.Wait()
	return nil
}

// spawn runs f beside the caller, unless the client is closing. f ends soon after Close.
func (c *Client) spawn(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.isClosing {
		c.running.Go(f)
	}
	return !c.isClosing
}

// prepare checks a task's request and fills in what it leaves open.
func (c *Client) prepare(ctx context.Context, t *task) error {
	r := &t.request
	if r.Group == 0 {
		r.Group = core.DefaultGroup
	}
	if r.Kind == 0 {
		r.Kind = core.RequestCommand
	}
	level := r.Level
	switch r.Level = 0; r.Kind {
	case core.RequestCommand:
		t.op = wire.OpCommand
		if !c.config.NoSession {
			t.op = wire.OpSession
		}
	case core.RequestQuery:
		t.op, r.Level = wire.OpQuery, max(level, core.Linearizable)
	case core.RequestResync:
		t.op = wire.OpResync
	case core.RequestChange:
		t.op = wire.OpChange
	case core.RequestTransfer:
		t.op = wire.OpTransfer
	case core.RequestBackup:
		t.op = wire.OpBackup
	case core.RequestProbe:
		t.op = wire.OpProbe
	case core.RequestLog:
		t.op = wire.OpLog
	default:
		return fmt.Errorf("%w: kind %d", ErrInvalid, r.Kind)
	}
	if t.op != wire.OpQuery {
		r.AtLeast = 0
	}
	if r.Level != core.Bounded {
		r.MaxStale = 0
	}
	if (t.op == wire.OpResync || t.op == wire.OpBackup || t.op == wire.OpLog) && r.Target == "" {
		return fmt.Errorf("%w: resync, backup or log of no node", ErrInvalid)
	}
	if len(r.Data) > wire.MaxDataBytes {
		return fmt.Errorf("%w: %d bytes, limit %d", core.ErrTooLarge, len(r.Data),
			wire.MaxDataBytes)
	}
	var ok bool
	t.begun = time.Now()
	if t.deadline, ok = ctx.Deadline(); !ok {
		t.deadline = t.begun.Add(c.config.Timeout)
	}
	return nil
}
