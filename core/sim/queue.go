package sim

import (
	"container/heap"

	"github.com/tidelock-raft/tidelock/core"
)

// event is something that happens at an instant; order tells those of one instant apart.
type event struct {
	at    core.Instant
	order uint64
	run   func()
}

// queue is the future, the nearest event first.
type queue struct {
	events eventHeap
	count  uint64
}

func (q *queue) push(at core.Instant, run func()) {
	q.count++
	heap.Push(&q.events, event{at, q.count, run})
}

func (q *queue) pop() event { return heap.Pop(&q.events).(event) }

// next returns when the nearest event happens, if there is one.
func (q *queue) next() (core.Instant, bool) {
	if len(q.events) == 0 {
		return 0, false
	}
	return q.events[0].at, true
}

type eventHeap []event

// Len implements heap.Interface.
func (h eventHeap) Len() int { return len(h) }

// Less implements heap.Interface.
func (h eventHeap) Less(i, k int) bool {
	return h[i].at < h[k].at || h[i].at == h[k].at && h[i].order < h[k].order
}

// Swap implements heap.Interface.
func (h eventHeap) Swap(i, k int) { h[i], h[k] = h[k], h[i] }

// Push implements heap.Interface.
func (h *eventHeap) Push(x any) { *h = append(*h, x.(event)) }

// Pop implements heap.Interface.
func (h *eventHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = event{}
	*h = old[:len(old)-1]
	return last
}
