package sim

import (
	"errors"
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
)

// Client asks one thing after the other, at hosts that it picks by chance.
type Client struct {
	ID    int
	w     *World
	busy  *Operation
	last  *Operation
	again bool // last was asked for once more
	// session is the id of the client's session, zero if it has none; sequence is of its last command.
	session, sequence uint64
	seen              map[string]any // the newest values of keys that it was told
	newest            core.Index     // that it was told of
	// Next draws the next operation: its name, arguments and kind; nil: the client rests again.
	Next func(c *Client) *Operation
	// Wait draws how long the client rests between operations, Patience is how long it waits for an
	// answer.
	Wait     func() core.Instant
	Patience core.Instant
}

// StartClients has the clients of a world begin, each with its own workload.
func (w *World) StartClients(next func(c *Client) *Operation) {
	for i := range w.Options.Clients {
		c := &Client{ID: i + 1, w: w, Next: next, Wait: w.pause, Patience: 2 * Second,
			seen: map[string]any{}}
		w.Clients = append(w.Clients, c)
		c.rest()
	}
}

// Once in so long all clients ask at once, and then one thing after the other for some time.
const flurryEvery, flurry = 2 * Second, 25 * Millisecond

// pause draws how long a client rests.
func (w *World) pause() core.Instant {
	since := w.now % flurryEvery
	if since < flurry {
		return core.Instant(w.workload.Int64N(int64(Millisecond)))
	}
	return min(core.Instant(w.workload.Int64N(int64(w.Options.Wait))), flurryEvery-since)
}

// StopClients lets clients finish what they wait for and ask for nothing more.
func (w *World) StopClients() {
	for _, c := range w.Clients {
		c.Next = nil
	}
}

// Busy reports whether the client waits for an answer.
func (c *Client) Busy() bool { return c.busy != nil }

// mark is a text that no other operation has.
func (c *Client) mark() string { return fmt.Sprintf("%d.%d", c.ID, len(c.w.History)+1) }

func (c *Client) rest() { c.w.After(c.Wait(), c.ask) }

func (c *Client) ask() {
	if c.Next == nil {
		return
	}
	op := c.Next(c)
	if op == nil {
		c.rest()
		return
	}
	op.Client = c.ID
	if op.Host == 0 {
		op.Host = core.NodeID(1 + c.w.workload.IntN(len(c.w.Hosts)))
	}
	c.busy, c.last = op, op
	c.w.Ask(op, func() {
		c.busy = nil
		c.learn(op)
		c.settle(op)
		c.rest()
	})
	c.w.After(c.Patience, func() { c.w.giveUp(op) })
}

// learn remembers the value of a register, which makes it likely that cas succeeds, and how far the
// log was.
func (c *Client) learn(op *Operation) {
	c.newest = max(c.newest, op.Reply.Index)
	if asked, ok := parse(op.Data); ok && asked.name == "get" && op.Fate == Acked {
		if key, ok := asked.args[0].(string); ok {
			c.seen[key] = decoded(op.told())
		}
	}
}

// Ask has a host carry out an operation, and calls then when its fate is known.
func (w *World) Ask(op *Operation, then func()) {
	op.ID, op.Call = uint64(len(w.History)+1), w.now
	w.History = append(w.History, op)
	if op.Data == nil {
		data, err := scripting.EncodeCall(op.Name, op.Args...)
		if err != nil {
			w.Fail("workload", "encode %s%v: %v", op.Name, op.Args, err)
			return
		}
		op.Data = data
	}
	w.submit(op, then)
}

func (w *World) submit(op *Operation, then func()) {
	op.then = then
	h := w.Host(op.Host)
	op.clock = h.Now()
	op.waits = op.AtLeast > 0 && h.Up() && h.Status().AppliedIndex < op.AtLeast
	h.Submit(op.request(&waiter{w, op, then}))
}

// waiter is told what became of an operation.
type waiter struct {
	w    *World
	op   *Operation
	then func()
}

// Replied implements core.Caller.
func (a *waiter) Replied(_ uint64, r core.Reply) {
	if a.op.Fate != Pending {
		return // its client has given up
	}
	if r.Err != nil && a.w.retry(a.op, 50*Millisecond) {
		return
	}
	a.op.Reply = r
	switch {
	case r.Err == nil && !expired(&r):
		a.op.Fate = Acked
		a.w.Report.Acked++
	case errors.Is(r.Err, core.ErrUnknownOutcome), r.Err == nil, a.op.tries > 0:
		a.op.Fate = Unknown
		a.w.Report.Unknown++
	default:
		a.op.Fate = Refused
		a.w.Report.Refused++
	}
	a.w.ended(a.op)
	if a.then != nil {
		a.w.After(0, a.then)
	}
}

// giveUp ends the wait for an answer that has not come.
func (w *World) giveUp(op *Operation) {
	if op.Fate != Pending {
		return
	}
	if w.retry(op, 0) {
		w.After(2*Second, func() { w.giveUp(op) })
		return
	}
	op.Fate = Unknown
	w.Report.Unknown++
	w.ended(op)
	if c := op.Client; c > 0 {
		client := w.Clients[c-1]
		client.busy = nil
		client.settle(op)
		client.rest()
	}
}

func (w *World) ended(op *Operation) {
	op.Return = w.now
	w.record(traceOperation, op.Host, op.ID<<8|uint64(op.Fate))
	w.tell(func(o Observer) { o.Ended(op) })
}

// Install has the log begin with the script: it asks the leader until that has worked.
func (w *World) Install(limit core.Instant) error {
	data, err := scripting.EncodeInstall(w.source)
	if err != nil {
		return fmt.Errorf("encode script: %w", err)
	}
	var asked *Operation
	return w.Until(limit, "script in the log", func() bool {
		leader := w.Leader()
		if leader != nil && leader.Machine.Ready() {
			return true
		}
		if leader != nil && (asked == nil || w.now > asked.Call+Second/10) {
			asked = &Operation{Name: "@install", Data: data, Host: leader.ID, Call: w.now}
			w.submit(asked, nil)
		}
		return false
	})
}
