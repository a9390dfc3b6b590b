package state

import (
	"math"
	"slices"
	"strings"
	"sync/atomic"
)

// View is a Space as it was at one moment, or, from Space.Live, as it is. The methods of one View
// may be called from any goroutine, those of Live from the writer's only.
type View struct {
	s        *Space
	all      []*collection // as they stood, for the Space may be arranged anew
	epoch    uint64
	spans    []span // of each collection; nil: look now
	digest   uint64
	released atomic.Bool
}

// span is how many items a collection has, and between which keys they are.
type span struct {
	live        int
	first, last string
}

// beyond is greater than any key, as the empty string is less.
const beyond = "\xff"

func (c *collection) span() span {
	first, last := cursor{t: &c.order}, cursor{t: &c.order}
	if !first.seek("", forwards) || !last.seek(beyond, backwards) {
		return span{first: beyond}
	}
	return span{first: first.key(), last: last.key()}
}

// liveEpoch is later than every write.
const liveEpoch = math.MaxUint64

// Live returns what the writer sees: always the present, until the Space is arranged anew. It needs
// no Release.
func (s *Space) Live() *View { return &View{s: s, all: s.collections, epoch: liveEpoch} }

// View returns the Space as it is now, and the writer calls it. It shows uncommitted writes too,
// until they are rolled back.
func (s *Space) View() *View {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := &View{
		s: s, all: s.collections, epoch: s.epoch, spans: make([]span, len(s.collections)),
		digest: s.Digest(),
	}
	for i, c := range s.collections {
		v.spans[i] = span{last: beyond}
		if len(s.journal) == 0 { // what is not committed may be rolled back
			v.spans[i] = c.span()
		}
		v.spans[i].live = c.live
	}
	s.views = append(s.views, s.epoch)
	s.epoch++
	s.count.Add(1)
	return v
}

// Release ends the View; calling it again does nothing. What was kept for the View alone is
// forgotten little by little by the writer, who reads without a lock.
func (v *View) Release() {
	if v.epoch == liveEpoch || v.released.Swap(true) {
		return
	}
	s := v.s
	s.mu.Lock()
	defer s.mu.Unlock()
	i, _ := slices.BinarySearch(s.views, v.epoch)
	s.views = slices.Delete(s.views, i, i+1)
	s.count.Add(-1) // last: from here on the writer may go without the lock
}

// Get returns the value of a key. The string is good until Release, or the next Commit if the View
// is a Live.
func (v *View) Get(number int, key []byte) (val string, ok bool) {
	v.lock()
	defer v.unlock()
	at := v.all[number].items.find(v.s.keyHash(key), text(key))
	if at == 0 {
		return "", false
	}
	val = v.s.shown(at, v.epoch)
	return val, val != ""
}

// GetAll is Get for up to MaxWarm keys: so the waits for memory are at the same time, as in Warm.
func (v *View) GetAll(sought []Sought) {
	v.lock()
	defer v.unlock()
	v.s.warm(v.all, sought)
	for i := range sought {
		q := &sought[i]
		if q.Key == nil {
			continue
		}
		if at := v.s.locate(v.all[q.Number], q); at != 0 {
			q.Val = v.s.shown(at, v.epoch)
		}
	}
}

// shown is the value that a view of this epoch shows of an item; empty: none.
func (s *Space) shown(at cell, epoch uint64) string {
	it := s.item(at)
	if it.epoch <= epoch {
		return s.slab.text(it.val)
	}
	for older := it.past; older != 0; {
		p := s.past(older)
		if p.epoch <= epoch {
			return s.slab.text(p.val)
		}
		older = p.older
	}
	return ""
}

// Len is how many keys a collection has.
func (v *View) Len(number int) int {
	if v.spans == nil {
		return v.all[number].live
	}
	return v.spans[number].live
}

func (v *View) span(number int) span {
	if v.spans == nil {
		return span{last: beyond}
	}
	return v.spans[number]
}

// Pair is a key and its value, both good for as long as what Get returns.
type Pair struct{ Key, Val string }

// maxVisit is how many items are looked at before the lock is given up for a moment.
const maxVisit = 1024

// Page appends to dst the first n pairs with lo <= key, and key < hi unless hi is empty.
func (v *View) Page(dst []Pair, number int, lo, hi string, n int) []Pair {
	lo = max(lo, v.span(number).first)
	for more := true; more && n > 0; {
		var found int
		had := len(dst)
		dst, lo, more = v.page(dst, number, lo, hi, n)
		found = len(dst) - had
		n -= found
	}
	return dst
}

// page looks at no more than maxVisit items and returns where to go on.
func (v *View) page(dst []Pair, number int, lo, hi string, n int) ([]Pair, string, bool) {
	v.lock()
	defer v.unlock()
	visits, more := 0, false
	v.ascend(number, lo, func(key string, at cell) bool {
		if hi != "" && key >= hi {
			return false
		}
		if visits++; n == 0 || visits > maxVisit {
			lo, more = strings.Clone(key), n > 0 // its item may be gone when the lock is taken again
			return false
		}
		if val := v.s.shown(at, v.epoch); val != "" {
			dst = append(dst, Pair{key, val})
			n--
		}
		return true
	})
	return dst, lo, more
}

// ascend visits the items that the view may show, from the key lo on.
func (v *View) ascend(number int, lo string, visit func(key string, at cell) bool) {
	c := v.all[number]
	a, b := cursor{t: &c.order}, cursor{t: &c.gone}
	inA, inB := a.seek(lo, forwards), v.spans != nil && b.seek(lo, forwards)
	for more := true; more && (inA || inB); {
		if inA && (!inB || a.key() < b.key()) {
			more = visit(a.key(), a.item())
			inA = a.move(forwards)
		} else {
			more = visit(b.key(), b.item())
			inB = b.move(forwards)
		}
	}
}

// Last returns the pair with the greatest key.
func (v *View) Last(number int) (p Pair, ok bool) {
	v.lock()
	defer v.unlock()
	from := v.span(number).last
	p, ok = v.lastOf(&v.all[number].order, from)
	if v.spans != nil {
		if gone, is := v.lastOf(&v.all[number].gone, from); is && gone.Key > p.Key {
			return gone, true
		}
	}
	return p, ok
}

func (v *View) lastOf(t *tree, from string) (p Pair, ok bool) {
	c := cursor{t: t}
	for in := c.seek(from, backwards); in; in = c.move(backwards) {
		if val := v.s.shown(c.item(), v.epoch); val != "" {
			return Pair{c.key(), val}, true
		}
	}
	return p, false
}

// lock keeps the writer away from those who are not the writer.
func (v *View) lock() {
	if v.epoch != liveEpoch {
		v.s.mu.RLock()
	}
}

func (v *View) unlock() {
	if v.epoch != liveEpoch {
		v.s.mu.RUnlock()
	}
}
