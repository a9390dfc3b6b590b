package state

import "unsafe"

// stale is an item that had an older value, or none, from epoch on: when no view is older than
// that, it can forget. An item stands there once at most, and is not removed while it does.
type stale struct {
	place
	epoch uint64
}

// The steps of sweeping done by a commit, and for each of its writes.
const (
	sweepPerCommit = 8
	sweepPerWrite  = 2
)

// keepPast is called before an item is written: the present value moves to the past if a view
// needs it.
func (s *Space) keepPast(ch *change, it *item) {
	if it.epoch == s.epoch || !s.needed(it.epoch, s.epoch) {
		return
	}
	at := s.slab.alloc(int(unsafe.Sizeof(past{})))
	*s.past(at) = past{val: it.val, epoch: it.epoch, older: it.past}
	it.past, ch.kept = at, true
	if it.flags&queued == 0 {
		it.flags |= queued
		s.stale.push(stale{ch.place, s.epoch})
	}
}

// prune forgets what of an item's past no view needs.
func (s *Space) prune(p place, it *item) {
	hi := it.epoch
	for link := &it.past; *link != 0; {
		older := s.past(*link)
		needed := s.needed(older.epoch, hi)
		if hi = older.epoch; needed {
			link = &older.older
			continue
		}
		at := *link
		if *link = older.older; older.val != 0 {
			s.slab.free(older.val)
		}
		s.slab.free(at)
	}
	s.settle(p, it)
}

// sweep forgets what no view needs any more, in at most so many steps.
func (s *Space) sweep(steps int) {
	for ; steps > 0 && s.stale.n > 0; steps-- {
		st := s.stale.first()
		if len(s.views) > 0 && s.views[0] < st.epoch {
			break
		}
		s.stale.pop()
		it := s.item(st.at)
		if s.prune(st.place, it); it.past != 0 {
			s.stale.push(stale{st.place, s.epoch})
			continue
		}
		it.flags &^= queued
		s.settle(st.place, it)
	}
}

// queue is first in, first out. It grows and shrinks by chunks: no step takes longer for there
// being a million.
type queue struct {
	chunks [][]stale // all but the last are full
	done   int       // of the first
	n      int
}

const chunkSize = 1 << 10

func (q *queue) push(st stale) {
	last := len(q.chunks) - 1
	if last < 0 || len(q.chunks[last]) == chunkSize {
		q.chunks = append(q.chunks, make([]stale, 0, chunkSize))
		last++
	}
	q.chunks[last] = append(q.chunks[last], st)
	q.n++
}

func (q *queue) first() stale { return q.chunks[0][q.done] }

func (q *queue) pop() {
	q.done++
	if q.n--; q.done == chunkSize {
		q.chunks[0] = nil
		q.chunks, q.done = q.chunks[1:], 0
	}
}
