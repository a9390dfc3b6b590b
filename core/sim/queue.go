package sim

import "github.com/tidelock-raft/tidelock/core"

// event is something that happens at an instant; order tells those of one instant apart.
type event struct {
	at    core.Instant
	order uint64
	run   func()
}

func (e *event) before(o *event) bool {
	return e.at < o.at || e.at == o.at && e.order < o.order
}

// queue is the future, the nearest event first: a binary heap. It is not container/heap's because
// that makes an allocation of every event.
type queue struct {
	events []event
	count  uint64
}

func (q *queue) push(at core.Instant, run func()) {
	q.count++
	q.events = append(q.events, event{at, q.count, run})
	for i := len(q.events) - 1; i > 0; {
		parent := (i - 1) / 2
		if !q.events[i].before(&q.events[parent]) {
			return
		}
		q.events[i], q.events[parent] = q.events[parent], q.events[i]
		i = parent
	}
}

func (q *queue) pop() event {
	first, last := q.events[0], len(q.events)-1
	q.events[0], q.events[last] = q.events[last], event{}
	q.events = q.events[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return first
		}
		if child+1 < last && q.events[child+1].before(&q.events[child]) {
			child++
		}
		if !q.events[child].before(&q.events[i]) {
			return first
		}
		q.events[i], q.events[child] = q.events[child], q.events[i]
		i = child
	}
}

// next returns when the nearest event happens, if there is one.
func (q *queue) next() (core.Instant, bool) {
	if len(q.events) == 0 {
		return 0, false
	}
	return q.events[0].at, true
}
