package node

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/engine"
)

// Node is a handler with goroutines: one for each lane, and the loop, which sees to it that time
// passes. It is the Inbox of its transport and the Service of its clients; its methods may be
// called from several goroutines.
//
// Whoever puts something into the mailbox has the handler look at it, unless somebody else is at it
// just now: waking another goroutine for that would cost more than most of what there is to do.
type Node struct {
	config    Config
	mailbox   *mailbox
	lanes     *goroutines
	transport core.Transport

	turn    sync.Mutex // held while the handler is used, before Start, and from the end on
	handler *Handler
	events  engine.Events // those of the pass under way, as done
	done    []func()

	start sync.Once
	stop  chan struct{} // closed by Close
	once  sync.Once
	ended chan struct{} // closed when the loop has ended
	err   error         // why; valid once ended is closed
}

// New opens the groups as NewHandler does. The node does nothing before Start.
func New(c Config) (*Node, error) {
	if c.QueryLanes == 0 {
		c.QueryLanes = max(2, runtime.GOMAXPROCS(0))
	}
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	if c.Clock == nil {
		c.Clock = NewClock()
	}
	n := &Node{
		config: c, mailbox: newMailbox(c), stop: make(chan struct{}), ended: make(chan struct{}),
	}
	n.turn.Lock()
	n.lanes = newGoroutines(func(done func()) { n.mailbox.give(done); n.attend() })
	if n.handler, err = newHandler(c, n.lanes); err != nil {
		return nil, err
	}
	return n, nil
}

// Start connects the node with its peers and lets it run. The node closes the transport. Only the
// first call counts.
func (n *Node) Start(t core.Transport) {
	n.start.Do(func() {
		n.transport = t
		n.handler.Connect(t)
		n.handler.greet()
		go n.run() // ended by Close, or by what Err then returns
	})
}

// run is the loop: it looks when it is time to, or when others leave it something.
func (n *Node) run() {
	defer close(n.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		n.pass()
		if err := n.handler.Err(); err != nil {
			n.shutdown(err)
			return
		}
		timer.Reset(time.Duration(n.handler.NextTick() - n.config.Clock.Now()))
		n.release()
		select {
		case <-n.mailbox.wake:
		case <-timer.C:
		case <-n.stop:
			n.turn.Lock()
			n.shutdown(nil)
			return
		}
		n.turn.Lock()
	}
}

// attend has the handler look at what is in the mailbox.
func (n *Node) attend() {
	if n.mailbox.news() {
		n.look()
	}
}

// look has the handler look. It does not wait: who has the turn looks again, or leaves it to the
// loop.
func (n *Node) look() {
	if !n.turn.TryLock() {
		return
	}
	passed := false
	defer func() {
		if !passed {
			abort(recover())
		}
	}()
	n.pass()
	passed = true
	n.release()
}

// abort ends the process. The caller of look may be one who recovers from panics, such as an HTTP
// server: the node would then live on, and nobody would ever have the turn again.
func abort(cause any) {
	stack := debug.Stack()
	go func() { panic(fmt.Sprintf("handling events: %v\n%s", cause, stack)) }()
	select {}
}

// pass hands the handler what is in the mailbox. The caller has the turn.
func (n *Node) pass() {
	n.done = n.mailbox.take(&n.events, n.done)
	n.handler.Handle(n.done, &n.events)
	clear(n.done)
	n.done = n.done[:0]
	n.events.Reset()
}

// release ends the turn. What came meanwhile is for the loop, and so is the end.
func (n *Node) release() {
	n.mailbox.hush(n.handler.Gathers())
	failed := n.handler.Err() != nil
	n.turn.Unlock()
	if failed || n.mailbox.news() {
		n.mailbox.signal()
	}
}

// shutdown ends everything in an order that leaves no caller without an answer: no more comes in,
// lanes finish what they have, what is left is answered. The caller has the turn, and keeps it.
func (n *Node) shutdown(cause error) {
	n.mailbox.close()
	err := n.transport.Close()
	close(n.handler.over)
	n.lanes.close()
	var events engine.Events
	done := n.mailbox.take(&events, nil)
	n.handler.refuse(&events)
	if closing := n.handler.Stop(done...); closing != nil && cause == nil {
		err = errors.Join(err, fmt.Errorf("close store: %w", closing))
	}
	if cause != nil {
		err = cause
	}
	n.err = err
}

// Close stops the node and waits until it has: the transport is closed, goroutines have ended,
// callers are answered, the store is closed. It returns what stopped the node before Close was
// called, or what went wrong in closing.
func (n *Node) Close() error {
	n.once.Do(func() { close(n.stop) })
	n.start.Do(func() { // never started: there is no loop to end it
		n.transport = noTransport{}
		n.shutdown(nil)
		close(n.ended)
	})
	<-n.ended
	return n.err
}

// Done is closed when the node has stopped, by Close or by itself.
func (n *Node) Done() <-chan struct{} { return n.ended }

// Err returns why the node has stopped. It is to be called after Done is closed.
func (n *Node) Err() error { return n.err }

// Submit implements core.Service.
func (n *Node) Submit(requests []core.Request) {
	taken, news, closed := n.mailbox.requests(requests)
	if news {
		n.look()
	}
	err := core.ErrBusy
	if closed {
		err = core.ErrClosed
	}
	for i := taken; i < len(requests); i++ {
		requests[i].Caller.Replied(requests[i].Token, core.Reply{Err: err})
	}
}

// Status implements core.Service. Of a node that has stopped it says only who it was.
func (n *Node) Status() core.NodeStatus {
	answer := make(chan core.NodeStatus, 1)
	if n.mailbox.post(func() { answer <- n.handler.Status() }) {
		n.attend()
		select {
		case status := <-answer:
			return status
		case <-n.ended:
		}
	}
	return core.NodeStatus{
		Node: n.config.Engine.Node, Cluster: n.config.Cluster, Version: n.config.Version,
	}
}

// Deliver implements core.Inbox.
func (n *Node) Deliver(messages []core.Message) int {
	taken := n.mailbox.messages(messages)
	n.attend()
	return taken
}

// Unreachable implements core.Inbox.
func (n *Node) Unreachable(to core.Addr) { n.mailbox.unreachable(to) }

// noTransport is the transport of a node that was closed before it was started.
type noTransport struct{}

func (noTransport) Send(core.Addr, []core.Message) {}
func (noTransport) Close() error                   { return nil }

// systemClock is the machine's own clock.
type systemClock struct{ origin time.Time }

// NewClock returns the system's clock. Its first instant is one nanosecond.
func NewClock() core.Clock { return systemClock{time.Now().Add(-1)} }

func (c systemClock) Now() core.Instant { return core.Instant(time.Since(c.origin)) }
func (systemClock) Wall() int64         { return time.Now().UnixNano() }
