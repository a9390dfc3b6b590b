package engine

// queue is a first-in first-out list in a ring, so that a long life costs no memory.
type queue[T any] struct {
	ring []T // its length is a power of two, or zero
	head int
	size int
}

func (q *queue[T]) len() int { return q.size }

func (q *queue[T]) at(i int) *T { return &q.ring[(q.head+i)&(len(q.ring)-1)] }

func (q *queue[T]) first() *T { return q.at(0) }

func (q *queue[T]) last() *T { return q.at(q.size - 1) }

func (q *queue[T]) push(v T) {
	if q.size == len(q.ring) {
		ring := make([]T, max(16, 2*len(q.ring)))
		for i := range q.size {
			ring[i] = *q.at(i)
		}
		q.ring, q.head = ring, 0
	}
	q.size++
	*q.last() = v
}

func (q *queue[T]) pop() {
	var zero T
	*q.first() = zero
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.size--
}

func (q *queue[T]) popLast() {
	var zero T
	*q.last() = zero
	q.size--
}

// removeAt closes the gap that element i leaves.
func (q *queue[T]) removeAt(i int) {
	for ; i > 0; i-- {
		*q.at(i) = *q.at(i - 1)
	}
	q.pop()
}

// countWhile returns how many elements from the front on satisfy ok.
func (q *queue[T]) countWhile(ok func(*T) bool) int {
	n := 0
	for n < q.size && ok(q.at(n)) {
		n++
	}
	return n
}
