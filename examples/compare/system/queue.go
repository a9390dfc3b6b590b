package system

import "sync"

// queue gathers what one goroutine takes, all at once.
type queue[T any] struct {
	mu    sync.Mutex
	items []T
	wake  chan struct{}
}

func (q *queue[T]) init() { q.wake = make(chan struct{}, 1) }

func (q *queue[T]) add(items ...T) {
	q.mu.Lock()
	q.items = append(q.items, items...)
	first := len(q.items) == len(items)
	q.mu.Unlock()
	if !first {
		return
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take takes all there is; old is what was taken before, to be used again.
func (q *queue[T]) take(old []T) []T {
	clear(old)
	q.mu.Lock()
	defer q.mu.Unlock()
	items := q.items
	q.items = old[:0]
	return items
}

// wait waits until there may be something; false: stopped.
func (q *queue[T]) wait(stop chan struct{}) bool {
	select {
	case <-stop:
		return false
	case <-q.wake:
		return true
	}
}
