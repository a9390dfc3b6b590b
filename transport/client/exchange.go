package client

import (
	"time"

	"github.com/tidelock-raft/tidelock/transport/api/wire"
)

// exchange is one request on one connection, and what became of it. It is settled exactly once: by
// a reply, by the end of its connection, at its deadline, or by cancel; then finish runs.
//
// Invariants:
//  1. request.ID is zero until the exchange is in flight, and again if it is settled and the
//     server is known not to have carried it out.
//  2. Before start, and after finish, it belongs to who made it; in between to conn.mu.
type exchange struct {
	request  wire.Request
	conn     *conn
	deadline time.Time
	settled  bool
	err      error // why there is no reply

	call  *call         // told by finish
	reply *wire.Reply   // without a call, set by finish
	done  chan struct{} // holds one; told by finish if call is nil
}

func newExchange() any {
	return &exchange{reply: new(wire.Reply), done: make(chan struct{}, 1)}
}

// sent reports whether the server may have seen the request.
func (x *exchange) sent() bool { return x.request.ID != 0 }

// finish tells whoever waits. Without a reply err says why; one is the caller's again afterwards.
func (x *exchange) finish(r *wire.Reply) {
	if x.call != nil {
		x.call.settled(r)
		return
	}
	if r != nil {
		*x.reply = *r
	}
	x.done <- struct{}{}
}

// exchange makes an exchange for the request. It goes back with release.
func (c *Client) exchange(r wire.Request) *exchange {
	x := c.exchanges.Get().(*exchange)
	x.request = r
	return x
}

// release keeps the exchange to be used again.
func (c *Client) release(x *exchange) {
	x.reply.Value = nil
	*x = exchange{reply: x.reply, done: x.done}
	c.exchanges.Put(x)
}
