package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/api/wire"
)

const (
	// maxLeaders bounds the groups whose leader is remembered.
	maxLeaders = 4096
	// avoidance is how long an endpoint that could not be reached, or did not answer, is not preferred
	// to one that forwards to it.
	avoidance = 5 * time.Second
)

var errTooMany = errors.New("client: too many endpoints")

// endpoint is an address, and the one connection to it. Its fields belong to Client.mu.
type endpoint struct {
	address   string
	given     bool        // by Config
	found     uint64      // when it was last looked for, by endpoints.searches
	node      core.NodeID // who was there last; zero: not known
	conn      *conn       // nil: none was made; it may have failed
	dialing   *dialing
	downUntil time.Time
}

// dialing is a connection being made, for everyone who waits for it.
type dialing struct {
	done chan struct{} // closed when conn and err are set
	conn *conn
	err  error
}

// endpoints is what a client knows of the nodes. It belongs to Client.mu.
//
// Invariants: rotation has each endpoint that is in use for requests without a Target once;
// byAddress has these and the targets, at most MaxEndpoints; home is an index into rotation. Every
// connection and every dialing is that of an endpoint in byAddress.
type endpoints struct {
	rotation  []*endpoint
	byAddress map[string]*endpoint
	searches  uint64
	leaders   map[core.GroupID]*endpoint
	home      int // whom to ask when no leader is known
	direct    atomic.Pointer[direct]
}

// direct is where requests of one group go, for those who do not want to wait for Client.mu: to its
// leader. It is nil whenever leaders may have changed.
type direct struct {
	group    core.GroupID
	endpoint *endpoint
	conn     *conn // it may have failed
}

func (d *direct) alive() bool { return d != nil && d.conn.alive() }

// serves reports whether a request goes that way.
func (d *direct) serves(t *task) bool {
	r := &t.request
	return d.alive() && r.Group == d.group && r.Target == "" && r.Level != core.Stale
}

func (b *endpoints) init(addresses []string, random *rand.Rand) {
	b.byAddress = make(map[string]*endpoint)
	b.leaders = make(map[core.GroupID]*endpoint)
	for _, address := range addresses {
		if b.byAddress[address] == nil {
			b.rotation = append(b.rotation, b.find(address))
			b.byAddress[address].given = true
		}
	}
	b.home = random.IntN(len(b.rotation))
}

// find returns the endpoint with this address, which is new if need be; nil: there are too many.
func (b *endpoints) find(address string) *endpoint {
	e := b.byAddress[address]
	if e == nil {
		if len(b.byAddress) >= MaxEndpoints && !b.forget() {
			return nil
		}
		e = &endpoint{address: address}
		b.byAddress[address] = e
	}
	b.searches++
	e.found = b.searches
	return e
}

// forget makes room: of the endpoints that were learned and are not connected, the one that was not
// looked for for the longest time goes. It reports whether there was one.
func (b *endpoints) forget() bool {
	var oldest *endpoint
	for _, e := range b.byAddress {
		if !e.given && e.dialing == nil && !e.connected() && (oldest == nil || e.found < oldest.found) {
			oldest = e
		}
	}
	if oldest == nil {
		return false
	}
	b.direct.Store(nil)
	delete(b.byAddress, oldest.address)
	maps.DeleteFunc(b.leaders, func(_ core.GroupID, e *endpoint) bool { return e == oldest })
	home := b.rotation[b.home]
	b.rotation = slices.DeleteFunc(b.rotation, func(e *endpoint) bool { return e == oldest })
	b.home = max(0, slices.Index(b.rotation, home))
	return true
}

// connected reports whether there is a live connection.
func (e *endpoint) connected() bool { return e.conn != nil && e.conn.alive() }

func (b *endpoints) addresses() []string {
	addresses := make([]string, len(b.rotation))
	for i, e := range b.rotation {
		addresses[i] = e.address
	}
	return addresses
}

// leads remembers who leads a group.
func (b *endpoints) leads(g core.GroupID, e *endpoint) {
	if b.leaders[g] == e {
		return
	}
	if len(b.leaders) >= maxLeaders && b.leaders[g] == nil {
		clear(b.leaders)
	}
	b.direct.Store(nil)
	b.leaders[g] = e
}

// hint remembers that a group's leader is said to be at this address.
func (b *endpoints) hint(g core.GroupID, address string) {
	e := b.find(address)
	if e == nil {
		return
	}
	if !slices.Contains(b.rotation, e) {
		b.rotation = append(b.rotation, e)
	}
	b.leads(g, e)
}

// leave makes sure that someone else is asked next.
func (b *endpoints) leave(g core.GroupID, e *endpoint) {
	if b.leaders[g] == e {
		b.direct.Store(nil)
		delete(b.leaders, g)
	}
	if b.rotation[b.home] == e {
		b.home = (b.home + 1) % len(b.rotation)
	}
}

// pick chooses whom to ask, and returns the connection if there is a live one.
func (c *Client) pick(t *task) (*endpoint, *conn, error) {
	if d := c.book.direct.Load(); d.serves(t) {
		return d.endpoint, d.conn, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isClosing {
		return nil, nil, core.ErrClosed
	}
	e := c.book.leaders[t.request.Group]
	switch {
	case t.request.Target != "":
		if e = c.book.find(t.request.Target); e == nil {
			return nil, nil, errTooMany
		}
	case e == nil || t.request.Level == core.Stale:
		e = c.book.rotation[c.book.home]
	}
	if !e.connected() {
		return e, nil, nil
	}
	g := t.request.Group
	if t.request.Target == "" && c.book.leaders[g] == e && !c.book.direct.Load().alive() {
		c.book.direct.Store(&direct{g, e, e.conn})
	}
	return e, e.conn, nil
}

// learn takes note of what a reply says about the leader. A leader that this client cannot reach
// itself is not preferred, as long as others forward to it.
func (c *Client) learn(t *task, e *endpoint, node core.NodeID, r *wire.Reply) {
	if d := c.book.direct.Load(); r.Leader == node && d.serves(t) && d.endpoint == e {
		return // nothing that is new
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	group, known := t.request.Group, c.book.byAddress[r.API]
	switch leads := r.Leader == node; {
	case leads && t.request.Target == "":
		c.book.leads(group, e)
	case leads || r.Leader == 0:
	case r.API != "" && (known == nil || time.Now().After(known.downUntil)):
		c.book.hint(group, r.API)
	default:
		c.seek(group, r.Leader)
	}
}

// seek prefers the endpoint of a leader whose address is not known, or of no use here: the one
// where that node was. While there is none, those of which nothing is known are connected with, one
// after the other.
func (c *Client) seek(g core.GroupID, leader core.NodeID) {
	now := time.Now()
	var unknown *endpoint
	for _, e := range c.book.rotation {
		switch {
		case e.dialing != nil:
			return // the next reply sees who it is
		case now.Before(e.downUntil):
		case e.node == leader:
			c.book.leads(g, e)
			return
		case e.node == 0:
			unknown = e
		}
	}
	if unknown != nil && !c.isClosing {
		c.startDial(unknown)
	}
}

// turn goes from an endpoint that could not help to the one it names, or to any other.
func (c *Client) turn(t *task, e *endpoint, api string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.book.leave(t.request.Group, e)
	if api != "" && api != e.address {
		c.book.hint(t.request.Group, api)
	}
}

// avoid notes that an endpoint did not answer in time, though others may hear from it.
func (c *Client) avoid(e *endpoint) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.downUntil = time.Now().Add(avoidance)
}

// connect returns a live connection to e, and makes one if need be, for all who wait for it.
func (c *Client) connect(ctx context.Context, deadline time.Time, e *endpoint) (*conn, error) {
	c.mu.Lock()
	if c.isClosing {
		c.mu.Unlock()
		return nil, core.ErrClosed
	}
	if c.book.byAddress[e.address] != e { // it was forgotten since it was picked
		c.mu.Unlock()
		return nil, errTooMany
	}
	if e.connected() {
		defer c.mu.Unlock()
		return e.conn, nil
	}
	d := e.dialing
	if d == nil {
		d = c.startDial(e)
	}
	c.mu.Unlock()
	if err := wait(ctx, time.Until(deadline), d.done); err != nil {
		return nil, fmt.Errorf("connect to %s: %w", e.address, err)
	}
	return d.conn, d.err
}

// startDial makes a connection. The caller holds mu, and the client is not closing.
func (c *Client) startDial(e *endpoint) *dialing {
	d := &dialing{done: make(chan struct{})}
	e.dialing = d
	c.running.Go(func() { c.dial(e, d) }) // ends within DialTimeout, or with life
	return d
}

func (c *Client) dial(e *endpoint, d *dialing) {
	ctx, cancel := context.WithTimeout(c.life, c.config.DialTimeout)
	defer cancel()
	conn, err := dial(ctx, &c.config, e.address)
	c.mu.Lock()
	switch {
	case c.isClosing:
		d.err = core.ErrClosed
	case err != nil:
		d.err = err
		e.downUntil = time.Now().Add(avoidance)
	default:
		d.conn, e.conn, e.downUntil = conn, conn, time.Time{}
		e.node = conn.welcome.Node
		c.running.Go(conn.write) // these end when the connection fails
		c.running.Go(conn.read)
	}
	e.dialing = nil
	c.mu.Unlock()
	close(d.done)
	if conn != nil && d.conn == nil {
		_ = conn.link.Close()
	}
}

// conns lists the connections there are.
func (c *Client) conns() []*conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	var conns []*conn
	for _, e := range c.book.byAddress {
		if e.conn != nil {
			conns = append(conns, e.conn)
		}
	}
	return conns
}

// wait waits for done, ctx or so much time; an error says which of the latter.
func wait(ctx context.Context, limit time.Duration, done <-chan struct{}) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return errExpired
	}
}
