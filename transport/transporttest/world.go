package transporttest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tidelock-raft/tidelock/core"
)

// cluster is the one that nodes belong to unless a check is about another.
const cluster core.ClusterID = 77

// world holds the nodes of one check.
type world struct {
	suite  Suite
	nodes  []*node
	probes uint64 // that connect has sent
}

// node is an open transport with its inbox.
type node struct {
	core.Transport
	*inbox
	id   core.NodeID
	addr core.Addr
}

// open starts a node.
func (w *world) open(n Node) (*node, error) {
	in := newInbox()
	transport, addr, err := w.suite.Open(n, in)
	if err != nil {
		return nil, fmt.Errorf("open node %d: %w", n.ID, err)
	}
	opened := &node{Transport: transport, inbox: in, id: n.ID, addr: addr}
	w.nodes = append(w.nodes, opened)
	return opened, nil
}

// pair starts nodes 1 and 2, and returns once 2 hears 1.
func (w *world) pair() (a, b *node, err error) {
	if a, err = w.open(Node{ID: 1, Cluster: cluster}); err != nil {
		return nil, nil, err
	}
	if b, err = w.open(Node{ID: 2, Cluster: cluster}); err != nil {
		return nil, nil, err
	}
	return a, b, w.connect(a, b)
}

// connect sends until what was sent last arrives, and empties b's inbox: behind it nothing is on
// the way. A transport may lose what is sent before it is connected, so it sends again, each time
// after a longer wait: however slow the network is, one arrives before the next is sent.
func (w *world) connect(a, b *node) error {
	var next time.Time
	pause := 5 * time.Millisecond
	send := func() {
		if now := time.Now(); now.After(next) {
			w.probes++
			pause *= 2
			next = now.Add(pause)
			a.Send(b.addr, []core.Message{numbered(a.id, b.id, 1<<40+w.probes)})
		}
	}
	return w.repeat("what was sent last arrives", send, b.inbox, func() bool {
		last := func(m core.Message) bool { return m.Token == 1<<40+w.probes }
		if !slices.ContainsFunc(b.msgs, last) {
			return false
		}
		b.msgs = nil
		return true
	})
}

func (w *world) close() {
	for _, n := range w.nodes {
		n.release()
		_ = n.Close() // checks look at what Close returns where it matters
	}
}

// await waits until cond, called with the inbox locked, holds.
func (w *world) await(what string, in *inbox, cond func() bool) error {
	return w.repeat(what, func() {}, in, cond)
}

// repeat does something again and again until cond, called with the inbox locked, holds.
func (w *world) repeat(what string, do func(), in *inbox, cond func() bool) error {
	deadline := time.NewTimer(w.suite.Patience)
	defer deadline.Stop()
	for {
		do()
		in.mu.Lock()
		ok, changed := cond(), in.changed
		in.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-time.After(10 * time.Millisecond):
		case <-deadline.C:
			return fmt.Errorf("waited %v in vain until %s", w.suite.Patience, what)
		}
	}
}

// within runs do and reports an error when it takes too long.
func (w *world) within(what string, do func()) error {
	done := make(chan struct{})
	go func() { // ends with do
		defer close(done)
		do()
	}()
	select {
	case <-done:
		return nil
	case <-time.After(w.suite.Patience):
		return errors.New(what + " still runs after " + w.suite.Patience.String())
	}
}

// quiet lets some time pass.
func (w *world) quiet() { <-time.After(w.suite.Quiet) }

// inbox records what it is given.
type inbox struct {
	mu          sync.Mutex
	changed     chan struct{} // closed and replaced when something happened
	msgs        []core.Message
	unreachable map[core.Addr]int
	room        int // messages taken from one Deliver; negative: all
	running     int // calls now
	final       bool
	late        int           // calls that began when final was set
	gate        chan struct{} // if not nil, Deliver waits for it to be closed
}

func newInbox() *inbox {
	return &inbox{changed: make(chan struct{}), unreachable: map[core.Addr]int{}, room: -1}
}

// Deliver implements core.Inbox. It copies the messages, but not what they point to.
func (b *inbox) Deliver(msgs []core.Message) int {
	gate := b.enter()
	defer b.leave()
	if gate != nil {
		<-gate
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(msgs)
	if b.room >= 0 {
		n = min(n, b.room)
	}
	b.msgs = append(b.msgs, msgs[:n]...)
	return n
}

// Unreachable implements core.Inbox.
func (b *inbox) Unreachable(to core.Addr) {
	b.enter()
	defer b.leave()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unreachable[to]++
}

func (b *inbox) enter() chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running++
	if b.final {
		b.late++
	}
	return b.gate
}

func (b *inbox) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running--
	close(b.changed)
	b.changed = make(chan struct{})
}

// hold makes Deliver wait until release.
func (b *inbox) hold() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gate = make(chan struct{})
}

func (b *inbox) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gate != nil {
		close(b.gate)
		b.gate = nil
	}
}

// taken returns what has arrived.
func (b *inbox) taken() []core.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]core.Message(nil), b.msgs...)
}

// numbered is a small message that can be told from others.
func numbered(from, to core.NodeID, token uint64) core.Message {
	return core.Message{Kind: core.MsgForward, Group: 1, From: from, To: to, Term: 1, Token: token}
}
