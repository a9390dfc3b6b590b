// Package ring is a first-in first-out list that reuses its memory. It knows nothing of what it
// holds; core/raft and core/engine keep in it what waits.
package ring

// Ring is a list that grows to the most that it ever held, so that a long life costs no memory. The
// zero value is empty.
//
// Invariants:
//  1. len(items) is zero or a power of two; 0 ≤ size ≤ len(items).
//  2. What is not in the list is zero, lest it holds on to memory.
type Ring[T any] struct {
	items []T
	head  int
	size  int
}

// Len is how many elements there are.
func (r *Ring[T]) Len() int { return r.size }

// At returns the i-th element from the front, 0 ≤ i < Len.
func (r *Ring[T]) At(i int) *T { return &r.items[(r.head+i)&(len(r.items)-1)] }

// First returns the first element; there has to be one.
func (r *Ring[T]) First() *T { return r.At(0) }

// Last returns the last element; there has to be one.
func (r *Ring[T]) Last() *T { return r.At(r.size - 1) }

// Push adds an element behind the last.
func (r *Ring[T]) Push(v T) {
	if r.size == len(r.items) {
		grown := make([]T, max(4, 2*r.size))
		for i := range r.size {
			grown[i] = *r.At(i)
		}
		r.items, r.head = grown, 0
	}
	r.size++
	*r.Last() = v
}

// Pop takes the first element out.
func (r *Ring[T]) Pop() T {
	var zero T
	v := *r.First()
	*r.First() = zero
	r.head = (r.head + 1) & (len(r.items) - 1)
	r.size--
	return v
}

// PopLast takes the last element out.
func (r *Ring[T]) PopLast() T {
	var zero T
	v := *r.Last()
	*r.Last() = zero
	r.size--
	return v
}

// RemoveAt takes the i-th element out; those before it close the gap.
func (r *Ring[T]) RemoveAt(i int) {
	for ; i > 0; i-- {
		*r.At(i) = *r.At(i - 1)
	}
	r.Pop()
}

// CountWhile returns how many elements from the front on satisfy ok.
func (r *Ring[T]) CountWhile(ok func(*T) bool) int {
	n := 0
	for n < r.size && ok(r.At(n)) {
		n++
	}
	return n
}

// Clear takes all elements out, and keeps the memory.
func (r *Ring[T]) Clear() {
	clear(r.items)
	r.head, r.size = 0, 0
}
