// Package memory joins nodes of one process: a core.Transport without a network, for tests, for
// trying things out, and for clusters of goroutines. A Network is the wire; it can be cut and made
// to lose messages. It is not the simulator's network, which has a clock of its own: see core/sim.
//
// A node's inbox is served by one goroutine from one bounded queue. Messages arrive in the order in
// which they were sent, uncopied. What finds no room is dropped, the newest first.
package memory

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"

	"github.com/tidelock-raft/tidelock/core"
)

// Config says who joins a network. Node, Cluster and Addr are required; any other zero field means
// its default.
type Config struct {
	Node          core.NodeID
	Cluster       core.ClusterID
	Addr          core.Addr // any text; one node at a time may have it
	QueueMessages int       // that wait for this node; default 16384
	QueueBytes    int       // that wait for this node; default 64 MiB
}

// maxUnreachable bounds the addresses about which a node is still to be told.
const maxUnreachable = 1024

// Network joins nodes. Its methods may be called from several goroutines.
type Network struct {
	mu     sync.Mutex
	nodes  map[core.Addr]*Transport
	cut    map[link]bool
	loss   float64
	random *rand.Rand
}

type link struct{ from, to core.Addr }

// NewNetwork returns a network without nodes and without faults.
func NewNetwork() *Network {
	return &Network{
		nodes: map[core.Addr]*Transport{}, cut: map[link]bool{}, random: rand.New(rand.NewPCG(0, 0)),
	}
}

// Join adds a node. An error means that the configuration is incomplete or, syscall.EADDRINUSE as
// with other transports, the address is taken.
func (n *Network) Join(c Config, inbox core.Inbox) (*Transport, error) {
	if c.Node == 0 || c.Cluster == 0 || c.Addr == "" {
		return nil, errors.New("memory: Config lacks Node, Cluster or Addr")
	}
	c.QueueMessages = cmp.Or(c.QueueMessages, 16384)
	c.QueueBytes = cmp.Or(c.QueueBytes, 64<<20)
	t := &Transport{
		network: n, config: c, inbox: inbox, unreachable: map[core.Addr]bool{},
		ready: make(chan struct{}, 1), done: make(chan struct{}), ended: make(chan struct{}),
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.nodes[c.Addr] != nil {
		return nil, fmt.Errorf("memory: %q: %w", c.Addr, syscall.EADDRINUSE)
	}
	n.nodes[c.Addr] = t
	go t.run() // ended by Close
	return t, nil
}

// Cut makes everything vanish that one address sends to the other, until Heal. The other way stays.
func (n *Network) Cut(from, to core.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[link{from, to}] = true
}

// Isolate cuts an address off in both ways from all that have joined by now, until Heal.
func (n *Network) Isolate(addr core.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for other := range n.nodes {
		n.cut[link{addr, other}], n.cut[link{other, addr}] = true, true
	}
}

// Heal undoes every Cut and Isolate, and ends the loss.
func (n *Network) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.cut)
	n.loss = 0
}

// Loss makes each message vanish with this probability, until Heal. The seed decides which.
func (n *Network) Loss(probability float64, seed uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.loss = probability
	n.random = rand.New(rand.NewPCG(seed, seed))
}

// route decides about messages: a nil target means that they vanish; false, that nobody is there.
func (n *Network) route(from *Transport, to core.Addr) (*Transport, bool) {
	target := n.nodes[to]
	switch {
	case n.nodes[from.config.Addr] != from, n.cut[link{from.config.Addr, to}]:
		return nil, true // the sender was closed, or the way is cut
	case target == nil, target.config.Cluster != from.config.Cluster:
		return nil, false
	}
	return target, true
}

// Transport is one node's end of a Network.
type Transport struct {
	network     *Network
	config      Config
	inbox       core.Inbox
	ready       chan struct{} // holds one element when something may be waiting
	done, ended chan struct{} // closed by Close; closed when run has returned

	mu          sync.Mutex
	queue       []core.Message
	bytes       int
	unreachable map[core.Addr]bool
}

// Send implements core.Transport.
func (t *Transport) Send(to core.Addr, msgs []core.Message) {
	n := t.network
	n.mu.Lock()
	defer n.mu.Unlock() // to the end: so messages of one sender stay in order
	target, exists := n.route(t, to)
	if !exists {
		t.lost(to)
	}
	if target == nil {
		return
	}
	target.mu.Lock()
	defer target.mu.Unlock()
	for i := range msgs {
		switch {
		case n.loss > 0 && n.random.Float64() < n.loss:
		case msgs[i].From != t.config.Node: // it is not this node's to say
		case msgs[i].To != target.config.Node: // another node has this address now
			if t != target {
				t.lost(to)
			}
		case !target.put(&msgs[i]):
			target.signal()
			return // what follows is dropped as well, so that there is no gap
		}
	}
	target.signal()
}

// put reports whether the message found room. A queue that is empty has room for anything.
func (t *Transport) put(m *core.Message) bool {
	w := m.Size()
	if n := len(t.queue); n > 0 && (n >= t.config.QueueMessages || t.bytes+w > t.config.QueueBytes) {
		return false
	}
	t.queue = append(t.queue, *m)
	t.bytes += w
	return true
}

// lost has the inbox told, by its own goroutine.
func (t *Transport) lost(to core.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.unreachable) < maxUnreachable {
		t.unreachable[to] = true
	}
	t.signal()
}

func (t *Transport) signal() {
	select {
	case t.ready <- struct{}{}:
	default:
	}
}

// run serves the inbox.
func (t *Transport) run() {
	defer close(t.ended)
	var msgs []core.Message
	for {
		select {
		case <-t.done:
			return
		case <-t.ready:
		}
		t.mu.Lock()
		msgs, t.queue, t.bytes = t.queue, msgs[:0], 0
		unreachable := t.unreachable
		if len(unreachable) > 0 {
			t.unreachable = map[core.Addr]bool{}
		} else {
			unreachable = nil
		}
		t.mu.Unlock()
		for to := range unreachable {
			t.inbox.Unreachable(to)
		}
		if len(msgs) > 0 {
			t.inbox.Deliver(msgs) // what it does not take is dropped
			clear(msgs)
		}
	}
}

// Close implements core.Transport. The address is free again.
func (t *Transport) Close() error {
	n := t.network
	n.mu.Lock()
	closed := n.nodes[t.config.Addr] != t
	if !closed {
		delete(n.nodes, t.config.Addr)
		close(t.done)
	}
	n.mu.Unlock()
	<-t.ended
	if closed {
		return core.ErrClosed
	}
	return nil
}
