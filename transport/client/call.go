package client

import (
	"context"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/api/wire"
)

// call is a request of Go. The first attempt needs no goroutine; if it does not settle the matter,
// one is started that goes on as Do would. It is used again after its end.
type call struct {
	client   *Client
	ctx      context.Context
	task     task
	endpoint *endpoint
	first    exchange // of the first attempt
	done     func(Reply, error)
}

func newCall() any { return new(call) }

// begin makes the first attempt, if there is a connection to make it on.
func (a *call) begin() bool {
	c := a.client
	if a.task.op == wire.OpSession && !c.sessions.number(&a.task) {
		return false
	}
	endpoint, conn, err := c.pick(&a.task)
	if err != nil || conn == nil {
		return false
	}
	a.endpoint = endpoint
	a.first.request, a.first.call = a.task.wire(), a
	return conn.start(&a.first, c.until(&a.task)) == nil
}

// settled hears what became of the first attempt.
func (a *call) settled(r *wire.Reply) {
	reply, final, err := a.client.judge(&a.task, a.endpoint, &a.first, r)
	if final {
		a.end(a.client.conclude(&a.task, reply, err))
		return
	}
	a.task.fail(err)
	a.pursue()
}

// pursue makes further attempts.
func (a *call) pursue() {
	if !a.client.spawn(func() { a.end(a.client.pursue(a.ctx, &a.task)) }) {
		a.end(a.client.conclude(&a.task, Reply{}, core.ErrClosed))
	}
}

func (a *call) end(r Reply, err error) {
	c, done := a.client, a.done
	c.pending.Add(-1)
	*a = call{}
	c.calls.Put(a)
	done(r, err)
}
