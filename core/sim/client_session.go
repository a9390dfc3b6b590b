package sim

import (
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/session"
)

// maxTries bounds how often a command of a session is sent.
const maxTries = 100

// InSession makes an operation one of the client's session, or opens one first.
func (c *Client) InSession(op *Operation) *Operation {
	switch {
	case op.Query:
		return op
	case c.session == 0:
		return &Operation{Name: "@open", Open: true, Data: []byte{byte(session.OpOpen), 0, 0, 0}}
	}
	c.sequence++
	op.Session, op.Sequence = c.session, c.sequence
	return op
}

// settle takes note of how an operation ended, for the session. One of unknown outcome ends it:
// whether its number is free nobody can say.
func (c *Client) settle(op *Operation) {
	switch {
	case op.Open && op.Fate == Acked:
		id, err := session.DecodeID(op.Reply.Result.Value)
		if err != nil {
			c.w.Fail("session", "open: %v", err)
		}
		c.session, c.sequence = id, 0
	case op.Session != 0 && op.Fate != Acked:
		c.session = 0
	}
}

// request is what a host is asked.
func (o *Operation) request(caller core.Caller) core.Request {
	q := core.Request{Group: core.DefaultGroup, Kind: core.RequestCommand, Data: o.Data,
		Token: o.ID, Caller: caller}
	switch {
	case o.Query:
		q.Kind, q.Level = core.RequestQuery, o.Level
		q.AtLeast, q.MaxStale = o.AtLeast, int64(o.MaxStale)
	case o.Open:
		q.Kind = core.RequestSession
	case o.Session != 0:
		h := session.Header{
			Op: session.OpCommand, Session: o.Session, Sequence: o.Sequence, Done: o.Sequence - 1,
		}
		data, _ := h.AppendBinary(nil) // the error is always nil
		q.Kind, q.Data = core.RequestSession, append(data, o.Data...)
	}
	return q
}

// retry sends a command of a session once more, to any host, and reports whether it does: done
// twice it is done once.
func (w *World) retry(op *Operation, delay core.Instant) bool {
	if op.Session == 0 || op.tries >= maxTries {
		return false
	}
	op.tries++
	w.After(delay, func() {
		if op.Fate == Pending {
			op.Host = core.NodeID(1 + w.workload.IntN(len(w.Hosts)))
			w.Host(op.Host).Submit(op.request(&waiter{w, op, op.then}))
		}
	})
	return true
}

// expired reports whether an answer says no more than that there is no such session any more.
func expired(r *core.Reply) bool {
	f := r.Result.Failure
	return r.Err == nil && f != nil && f.Code == session.CodeExpired
}
