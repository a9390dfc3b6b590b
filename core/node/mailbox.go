package node

import (
	"sync"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/engine"
)

// mailbox gathers what happens until the handler looks. Everything in it is bounded, except what
// jobs give back, of which there is one for each job.
type mailbox struct {
	maxRequests, maxMessages, maxBytes int

	mu     sync.Mutex
	closed bool
	bytes  int // of messages
	events engine.Events
	done   []func()
	wake   chan struct{} // holds one element while there is something to look at
}

func newMailbox(c Config) *mailbox {
	return &mailbox{
		maxRequests: c.MaxRequests, maxMessages: c.MaxMessages, maxBytes: c.MaxMessageBytes,
		wake: make(chan struct{}, 1),
	}
}

func (b *mailbox) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// requests takes as many of the requests as there is room for, and returns how many.
func (b *mailbox) requests(requests []core.Request) (n int, closed bool) {
	b.mu.Lock()
	if !b.closed {
		n = min(len(requests), b.maxRequests-len(b.events.Requests))
		b.events.Requests = append(b.events.Requests, requests[:n]...)
	}
	closed = b.closed
	b.mu.Unlock()
	b.signal()
	return n, closed
}

// messages takes as many of the messages as there is room for, and returns how many.
func (b *mailbox) messages(messages []core.Message) int {
	b.mu.Lock()
	n := 0
	for ; n < len(messages) && !b.closed; n++ {
		size := weight(&messages[n])
		full := b.bytes+size > b.maxBytes && b.bytes > 0
		if full || len(b.events.Messages) == b.maxMessages {
			break
		}
		b.bytes += size
		b.events.Messages = append(b.events.Messages, messages[n])
	}
	b.mu.Unlock()
	b.signal()
	return n
}

func weight(m *core.Message) int {
	size := len(m.Data)
	for i := range m.Entries {
		size += m.Entries[i].Size()
	}
	return size
}

func (b *mailbox) unreachable(to core.Addr) {
	b.mu.Lock()
	if len(b.events.Unreachable) < core.MaxMembers {
		b.events.Unreachable = append(b.events.Unreachable, to)
	}
	b.mu.Unlock()
	b.signal()
}

// post has the handler run f.
func (b *mailbox) post(f func()) bool {
	b.mu.Lock()
	if !b.closed {
		b.done = append(b.done, f)
	}
	open := !b.closed
	b.mu.Unlock()
	b.signal()
	return open
}

// take exchanges what is in the mailbox for the two empty lists.
func (b *mailbox) take(events *engine.Events, done []func()) []func() {
	b.mu.Lock()
	defer b.mu.Unlock()
	*events, b.events = b.events, *events
	done, b.done = b.done, done
	b.bytes = 0
	return done
}

// close refuses everything from now on.
func (b *mailbox) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
}
