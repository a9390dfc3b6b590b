package node

import (
	"sync"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/engine"
)

// mailbox gathers what happens until the handler looks. Everything in it is bounded, except what
// jobs give back, of which there is one for each job.
type mailbox struct {
	maxRequests, maxRequestBytes, maxMessages, maxBytes int

	mu     sync.Mutex
	closed bool
	asked  int // bytes of requests
	bytes  int // of messages
	events engine.Events
	done   []func()
	waits  urgency       // what there is among the requests
	quiet  urgency       // what would only wait, for the write or the round of confirmation under way
	wake   chan struct{} // holds one element while there is something for the loop to look at
}

// urgency is a set of kinds of request, by what they may have to wait for.
type urgency uint8

const (
	commands urgency = 1 << iota
	linearizable
	urgent
)

func urgencyOf(q *core.Request) urgency {
	switch {
	case q.Kind == core.RequestCommand, q.Kind == core.RequestSession:
		return commands
	case q.Kind == core.RequestQuery && q.Level == core.Linearizable:
		return linearizable
	}
	return urgent
}

func newMailbox(c Config) *mailbox {
	return &mailbox{
		maxRequests: c.MaxRequests, maxRequestBytes: c.MaxRequestBytes,
		maxMessages: c.MaxMessages, maxBytes: c.MaxMessageBytes,
		wake: make(chan struct{}, 1),
	}
}

func (b *mailbox) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// requests takes as many of the requests as there is room for, and returns how many, and whether
// the handler has something to look at.
func (b *mailbox) requests(requests []core.Request) (n int, news, closed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, false, true
	}
	for room := b.maxRequests - len(b.events.Requests); n < min(len(requests), room); n++ {
		size := len(requests[n].Data)
		if b.asked > 0 && b.asked+size > b.maxRequestBytes {
			break
		}
		b.asked += size
		b.waits |= urgencyOf(&requests[n])
	}
	b.events.Requests = append(b.events.Requests, requests[:n]...)
	return n, b.newsLocked(), false
}

// messages takes as many of the messages as there is room for, and returns how many.
func (b *mailbox) messages(messages []core.Message) int {
	b.mu.Lock()
	n := 0
	for ; n < len(messages) && !b.closed; n++ {
		size := messages[n].Size()
		full := b.bytes+size > b.maxBytes && b.bytes > 0
		if full || len(b.events.Messages) == b.maxMessages {
			break
		}
		b.bytes += size
		b.events.Messages = append(b.events.Messages, messages[n])
	}
	b.mu.Unlock()
	return n
}

func (b *mailbox) unreachable(to core.Addr) {
	b.mu.Lock()
	if len(b.events.Unreachable) < core.MaxMembers {
		b.events.Unreachable = append(b.events.Unreachable, to)
	}
	b.mu.Unlock()
	b.signal()
}

// give has the handler run what a job gave back, be it in its end.
func (b *mailbox) give(f func()) {
	b.mu.Lock()
	b.done = append(b.done, f)
	b.mu.Unlock()
}

// post has the handler run f, unless nothing more is taken.
func (b *mailbox) post(f func()) bool {
	b.mu.Lock()
	if !b.closed {
		b.done = append(b.done, f)
	}
	open := !b.closed
	b.mu.Unlock()
	return open
}

// take exchanges what is in the mailbox for the two empty lists.
func (b *mailbox) take(events *engine.Events, done []func()) []func() {
	b.mu.Lock()
	defer b.mu.Unlock()
	*events, b.events = b.events, *events
	done, b.done = b.done, done
	b.asked, b.bytes, b.quiet, b.waits = 0, 0, 0, 0
	return done
}

// news reports whether the handler has something to look at.
func (b *mailbox) news() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.newsLocked()
}

func (b *mailbox) newsLocked() bool {
	e := &b.events
	requests := b.waits&^b.quiet != 0 || len(e.Requests) >= engine.MaxHeld
	return requests || len(e.Messages)+len(e.Unreachable)+len(b.done) > 0
}

// hush says whether commands, or linearizable queries, are no news until the next take.
func (b *mailbox) hush(noCommands, noQueries bool) {
	b.mu.Lock()
	b.quiet = 0
	if noCommands {
		b.quiet |= commands
	}
	if noQueries {
		b.quiet |= linearizable
	}
	b.mu.Unlock()
}

// close refuses everything from now on.
func (b *mailbox) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
}
