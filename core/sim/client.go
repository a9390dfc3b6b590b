package sim

import (
	"errors"
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
)

// Client asks one thing after the other, at hosts that it picks by chance.
type Client struct {
	ID   int
	w    *World
	busy *Operation
	// Next draws the next operation: its name, arguments and kind.
	Next func(c *Client) *Operation
	// Wait draws how long the client rests between operations, Patience is how long it waits for an
	// answer.
	Wait     func() core.Instant
	Patience core.Instant
}

// StartClients has the clients of a world begin, each with its own workload.
func (w *World) StartClients(next func(c *Client) *Operation) {
	for i := range w.Options.Clients {
		c := &Client{ID: i + 1, w: w, Next: next, Patience: 2 * Second}
		c.Wait = func() core.Instant { return core.Instant(w.workload.Int64N(int64(20 * Millisecond))) }
		w.Clients = append(w.Clients, c)
		c.rest()
	}
}

// StopClients lets clients finish what they wait for and ask for nothing more.
func (w *World) StopClients() {
	for _, c := range w.Clients {
		c.Next = nil
	}
}

// Busy reports whether the client waits for an answer.
func (c *Client) Busy() bool { return c.busy != nil }

func (c *Client) rest() { c.w.After(c.Wait(), c.ask) }

func (c *Client) ask() {
	if c.Next == nil {
		return
	}
	op := c.Next(c)
	op.Client = c.ID
	if op.Host == 0 {
		op.Host = core.NodeID(1 + c.w.workload.IntN(len(c.w.Hosts)))
	}
	c.busy = op
	c.w.Ask(op, func() {
		c.busy = nil
		c.rest()
	})
	c.w.After(c.Patience, func() { c.w.giveUp(op) })
}

// Ask has a host carry out an operation, and calls then when its fate is known.
func (w *World) Ask(op *Operation, then func()) {
	op.ID, op.Call = uint64(len(w.History)+1), w.now
	w.History = append(w.History, op)
	data, err := scripting.EncodeCall(op.Name, op.Args...)
	if err != nil {
		w.Fail("workload", "encode %s%v: %v", op.Name, op.Args, err)
		return
	}
	w.submit(op, data, then)
}

func (w *World) submit(op *Operation, data []byte, then func()) {
	q := core.Request{Group: core.DefaultGroup, Kind: core.RequestCommand, Data: data,
		Token: op.ID, Caller: &waiter{w, op, then}}
	if op.Query {
		q.Kind, q.Level = core.RequestQuery, op.Level
	}
	w.Host(op.Host).Submit(q)
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
	a.op.Reply = r
	switch {
	case r.Err == nil:
		a.op.Fate = Acked
		a.w.Report.Acked++
	case errors.Is(r.Err, core.ErrUnknownOutcome):
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
	op.Fate = Unknown
	w.Report.Unknown++
	w.ended(op)
	if c := op.Client; c > 0 {
		client := w.Clients[c-1]
		client.busy = nil
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
		if leader != nil && (asked == nil || asked.Fate > Acked) {
			asked = &Operation{Name: "@install", Host: leader.ID, Call: w.now}
			w.submit(asked, data, nil)
		}
		return false
	})
}
