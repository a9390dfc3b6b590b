package raft

import "github.com/tidelock-raft/tidelock/core"

// queue is a first-in first-out ring that grows to the most that it ever held.
//
// Invariants: len(items) is zero or a power of two; 0 ≤ size ≤ len(items).
type queue[T any] struct {
	items []T
	head  int
	size  int
}

func (q *queue[T]) len() int { return q.size }

// at returns the i-th item from the front.
func (q *queue[T]) at(i int) *T { return &q.items[(q.head+i)&(len(q.items)-1)] }

func (q *queue[T]) push(v T) {
	if q.size == len(q.items) {
		grown := make([]T, max(4, 2*q.size))
		for i := range q.size {
			grown[i] = *q.at(i)
		}
		q.items, q.head = grown, 0
	}
	q.size++
	*q.at(q.size - 1) = v
}

func (q *queue[T]) pop() T {
	v := *q.at(0)
	q.head = (q.head + 1) & (len(q.items) - 1)
	q.size--
	return v
}

func (q *queue[T]) clear() { q.head, q.size = 0, 0 }

// ledger counts bytes of entries that are under way, in batches that end in log order.
//
// Invariant: bytes is the sum over the batches, so an empty ledger holds zero bytes.
type ledger struct {
	batches queue[batch]
	bytes   int
}

type batch struct {
	last  core.Index
	bytes int
}

// add books a batch that ends with the entry at last.
func (l *ledger) add(last core.Index, bytes int) {
	l.batches.push(batch{last, bytes})
	l.bytes += bytes
}

// release takes out the batches that end at or before i.
func (l *ledger) release(i core.Index) {
	for l.batches.len() > 0 && l.batches.at(0).last <= i {
		l.bytes -= l.batches.pop().bytes
	}
}

// len is the number of batches under way.
func (l *ledger) len() int { return l.batches.len() }

func (l *ledger) clear() {
	l.batches.clear()
	l.bytes = 0
}
