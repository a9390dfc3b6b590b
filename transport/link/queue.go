package link

import (
	"sync"

	"github.com/tidelock-raft/tidelock/core"
)

// maxSpare is the longest slice of messages that is kept for reuse.
const maxSpare = 4096

// lane is one bounded queue. What does not fit is refused, so that what is in it has no gaps.
type lane struct {
	msgs  []core.Message // msgs[:head] were taken
	head  int
	bytes int
}

// put reports whether m found room. A lane that is empty has room for anything.
func (l *lane) put(m *core.Message, maxMessages, maxBytes int) bool {
	w := m.Size()
	if n := len(l.msgs) - l.head; n > 0 && (n >= maxMessages || l.bytes+w > maxBytes) {
		return false
	}
	l.msgs = append(l.msgs, *m)
	l.bytes += w
	return true
}

// pop takes the oldest message.
func (l *lane) pop() (core.Message, bool) {
	if l.head == len(l.msgs) {
		return core.Message{}, false
	}
	m := l.msgs[l.head]
	l.msgs[l.head] = core.Message{}
	l.bytes -= m.Size()
	if l.head++; 2*l.head >= len(l.msgs) { // so the taken part never outgrows the rest
		n := copy(l.msgs, l.msgs[l.head:])
		clear(l.msgs[n:])
		l.msgs, l.head = l.msgs[:n], 0
	}
	return m, true
}

// queue is what waits for one peer: pieces of snapshots in bulk, everything else in urgent.
type queue struct {
	maxMessages, maxBytes int
	ready                 chan struct{} // holds one element when something may be waiting

	mu           sync.Mutex
	urgent, bulk lane
}

func newQueue(maxMessages, maxBytes int) *queue {
	return &queue{maxMessages: maxMessages, maxBytes: maxBytes, ready: make(chan struct{}, 1)}
}

// put queues what fits and returns how many messages did not. Once one is refused, so is the rest
// of its kind.
func (q *queue) put(msgs []core.Message) int {
	dropped, urgentFull, bulkFull := 0, false, false
	q.mu.Lock()
	for i := range msgs {
		l, full := &q.urgent, &urgentFull
		if msgs[i].Kind == core.MsgSnapshotChunk {
			l, full = &q.bulk, &bulkFull
		}
		if *full = *full || !l.put(&msgs[i], q.maxMessages, q.maxBytes); *full {
			dropped++
		}
	}
	q.mu.Unlock()
	q.signal()
	return dropped
}

func (q *queue) signal() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// takeUrgent takes everything urgent, and leaves spare, which was cleared, to be filled instead.
func (q *queue) takeUrgent(spare []core.Message) []core.Message {
	if cap(spare) > maxSpare {
		spare = nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.urgent.msgs
	q.urgent = lane{msgs: spare[:0]}
	return taken
}

// takeBulk takes one piece of a snapshot.
func (q *queue) takeBulk() (core.Message, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bulk.pop()
}

func (q *queue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.urgent.msgs) == 0 && len(q.bulk.msgs) == 0
}

// drop empties the queue and returns how many messages were in it.
func (q *queue) drop() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := len(q.urgent.msgs) + len(q.bulk.msgs) - q.bulk.head
	q.urgent, q.bulk = lane{}, lane{}
	return n
}
