// Package several makes one core.Transport of some that run side by side, each with a listener of
// its own. Whom to carry a message by is what its address says: grpc://host:9101 is the place
// host:9101 of the transport named grpc, and an address that names no transport belongs to the
// first. Whatever arrives, by whichever, goes to one inbox.
//
// Thus a cluster moves from one transport to another without a pause: while every node runs both,
// the address of one node after the other is changed. Messages to a node may overtake each other at
// that moment, as they may at any other.
package several

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/tidelock-raft/tidelock/core"
)

// Part is one of the transports.
type Part struct {
	Name string // as in addresses
	Open func(core.Inbox) (core.Transport, error)
}

// maxRoutes bounds the nodes of which it is remembered where they were sent to.
const maxRoutes = 1024

// Transport is a core.Transport made of others.
type Transport struct {
	names []string // of parts
	parts []core.Transport
	inbox core.Inbox
	log   *slog.Logger

	mu     sync.RWMutex
	closed bool
	routes map[core.NodeID]core.Addr // where each node was last sent to
}

// Open opens the parts, in this order; if one cannot be opened, none is. The inbox may be called
// before Open returns.
func Open(parts []Part, inbox core.Inbox, log *slog.Logger) (*Transport, error) {
	t := &Transport{inbox: inbox, log: log, routes: map[core.NodeID]core.Addr{}}
	if len(parts) == 0 {
		return nil, errors.New("several: no transport is given")
	}
	for _, p := range parts {
		opened, err := core.Transport(nil), error(nil)
		if slices.Contains(t.names, p.Name) {
			err = fmt.Errorf("several: transport %s is given twice", p.Name)
		} else {
			opened, err = p.Open(&door{inbox, p.Name, len(t.parts) == 0})
		}
		if err != nil {
			return nil, errors.Join(err, t.Close())
		}
		t.names, t.parts = append(t.names, p.Name), append(t.parts, opened)
	}
	return t, nil
}

// door is the inbox of a part, which knows addresses without its name.
type door struct {
	core.Inbox
	name  string
	first bool
}

// Unreachable implements core.Inbox: what is lost is lost by whichever name the place has.
func (d *door) Unreachable(place core.Addr) {
	d.Inbox.Unreachable(core.Addr(d.name + "://" + string(place)))
	if d.first {
		d.Inbox.Unreachable(place)
	}
}

// route returns which part an address belongs to, -1 for none, and its place there.
func (t *Transport) route(to core.Addr) (int, core.Addr) {
	name, place := to.Split()
	return slices.Index(t.names, cmp.Or(name, t.names[0])), place
}

// Send implements core.Transport.
func (t *Transport) Send(to core.Addr, msgs []core.Message) {
	if len(msgs) == 0 {
		return
	}
	at, place := t.route(to)
	t.note(msgs[0].To, to, at < 0)
	if at >= 0 {
		t.parts[at].Send(place, msgs)
		return
	}
	t.mu.RLock()
	defer t.mu.RUnlock() // held, so that Close waits
	if !t.closed {
		t.inbox.Unreachable(to)
	}
}

// note remembers where a node was sent to, and logs an address that leads nowhere when it is new.
func (t *Transport) note(id core.NodeID, to core.Addr, nowhere bool) {
	t.mu.RLock()
	before, known := t.routes[id]
	t.mu.RUnlock()
	if known && before == to {
		return
	}
	t.mu.Lock()
	if len(t.routes) >= maxRoutes {
		clear(t.routes)
	}
	t.routes[id] = to
	t.mu.Unlock()
	if nowhere {
		t.log.Warn("peer lost", "peer", id, "addr", to, "error", t.nowhere(to))
	}
}

// nowhere says why nothing can be sent to an address of none of the parts.
func (t *Transport) nowhere(to core.Addr) string {
	name, _ := to.Split()
	return fmt.Sprintf("transport %s does not run on this node, and the address is %s; there are: %s",
		name, to, strings.Join(t.names, ", "))
}

// Troubles implements core.Diagnoser. What a part says of a node counts while the node's address
// belongs to the part.
func (t *Transport) Troubles() []core.Trouble {
	var troubles []core.Trouble
	t.mu.RLock()
	defer t.mu.RUnlock()
	for at, part := range t.parts {
		d, ok := part.(core.Diagnoser)
		if !ok {
			continue
		}
		for _, trouble := range d.Troubles() {
			if by, _ := t.route(t.routes[trouble.Node]); by == at {
				troubles = append(troubles, trouble)
			}
		}
	}
	for id, to := range t.routes {
		if by, _ := t.route(to); by < 0 {
			troubles = append(troubles, core.Trouble{Node: id, Error: t.nowhere(to)})
		}
	}
	return troubles
}

// Close implements core.Transport: it closes every part, whatever goes wrong with another.
func (t *Transport) Close() error {
	t.mu.Lock()
	again := t.closed
	t.closed = true
	t.mu.Unlock()
	var err error
	for _, part := range t.parts {
		err = errors.Join(err, part.Close())
	}
	if again {
		return core.ErrClosed
	}
	return err
}
