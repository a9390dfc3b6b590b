// Package trace shows what a transport carries. It wraps a core.Transport and its core.Inbox and
// calls a function for each message that passes; it changes, delays and drops nothing.
//
//	show := trace.Log(logger)
//	transport, err := tcp.Open(config, trace.Inbox(inbox, show))
//	…
//	node := … trace.Transport(transport, show) …
package trace

import (
	"context"
	"log/slog"

	"github.com/tidelock-raft/tidelock/core"
)

// Direction says what becomes of a message.
type Direction string

// The directions.
const (
	Sent        Direction = "sent"        // handed over; it may still be lost
	Received    Direction = "received"    // arrived, and about to be delivered
	Refused     Direction = "refused"     // had been received, but the inbox had no room
	Unreachable Direction = "unreachable" // no message: an address was reported
)

// Func is called for each message, possibly from several goroutines. The address is that of the
// other side where it is known: for Sent and Unreachable. The message is read-only.
type Func func(d Direction, addr core.Addr, m core.Message)

// Log returns a Func that writes to a logger, at level debug. Where that is off it costs little.
func Log(l *slog.Logger) Func {
	return func(d Direction, addr core.Addr, m core.Message) {
		ctx := context.Background()
		if !l.Enabled(ctx, slog.LevelDebug) {
			return
		}
		attrs := make([]slog.Attr, 0, 2)
		if addr != "" {
			attrs = append(attrs, slog.String("addr", string(addr)))
		}
		if d != Unreachable {
			attrs = append(attrs, slog.String("message", m.String()))
		}
		l.LogAttrs(ctx, slog.LevelDebug, "rpc "+string(d), attrs...)
	}
}

// Transport returns next with f called for each message that is sent. It is a core.Diagnoser if
// next is one.
func Transport(next core.Transport, f Func) core.Transport {
	t := &transport{next, f}
	if d, ok := next.(core.Diagnoser); ok {
		return diagnoser{t, d.Troubles}
	}
	return t
}

type diagnoser struct {
	*transport
	troubles func() []core.Trouble
}

// Troubles implements core.Diagnoser.
func (d diagnoser) Troubles() []core.Trouble { return d.troubles() }

type transport struct {
	core.Transport
	show Func
}

// Send shows the messages and passes them on.
func (t *transport) Send(to core.Addr, msgs []core.Message) {
	for i := range msgs {
		t.show(Sent, to, msgs[i])
	}
	t.Transport.Send(to, msgs)
}

// Inbox returns next with f called for each message that arrives.
func Inbox(next core.Inbox, f Func) core.Inbox { return &inbox{next, f} }

type inbox struct {
	next core.Inbox
	show Func
}

// Deliver shows the messages, passes them on, and shows those for which there was no room.
func (i *inbox) Deliver(msgs []core.Message) int {
	for k := range msgs {
		i.show(Received, "", msgs[k])
	}
	n := i.next.Deliver(msgs)
	for k := range msgs[n:] {
		i.show(Refused, "", msgs[n+k])
	}
	return n
}

// Unreachable shows the report and passes it on.
func (i *inbox) Unreachable(to core.Addr) {
	i.show(Unreachable, to, core.Message{})
	i.next.Unreachable(to)
}
