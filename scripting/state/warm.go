package state

// MaxWarm is how many keys Warm takes at once: as many waits for memory as a processor has at a
// time, and a few more.
const MaxWarm = 16

// Sought is a key of a collection and, after Warm or GetAll, where it is found.
type Sought struct {
	Number int
	Key    []byte // nil: nothing is sought
	Val    string // what GetAll has found, good for as long as what Get returns; empty: nothing

	hash  uint64
	at    cell   // of an item whose key has this hash
	moves uint64 // of the Space then
}

// The bytes of a value that are looked at, and of them one in each line of a processor's cache.
const (
	maxFetch  = 512
	cacheLine = 64
)

// Warm looks at what writes to these keys will look at, up to MaxWarm of them. A map that is larger
// than the caches makes each write wait for memory four or five times, one after the other; here
// the waits for many keys are at the same time. The state stays as it is.
func (s *Space) Warm(sought []Sought) { s.warm(s.collections, sought) }

// warm does so for writer and readers. A processor waits at once for all that it is asked for in a
// few dozen instructions: therefore the loops that wait do little else. The result means nothing,
// and is there lest the compiler leaves the looking out.
//
//go:noinline
func (s *Space) warm(all []*collection, sought []Sought) (warmth byte) {
	var blank bucket
	var none item
	var homes [MaxWarm]*bucket
	var items [MaxWarm]*item
	sought = sought[:min(len(sought), MaxWarm)]
	for i := range sought {
		homes[i] = &blank
		if q := &sought[i]; q.Key != nil {
			q.hash, q.moves = s.keyHash(q.Key), s.moves
			homes[i] = all[q.Number].items.home(q.hash)
		}
	}
	for i := range sought {
		warmth += byte(homes[i][0])
	}
	for i := range sought {
		items[i] = &none
		if q := &sought[i]; q.Key != nil {
			if q.at = all[q.Number].items.likely(q.hash); q.at != 0 {
				items[i] = s.item(q.at)
			}
		}
	}
	for i := range sought {
		warmth += byte(items[i].val) + byte(items[i].flags)
	}
	for i := range sought {
		val := s.slab.text(items[i].val)
		for at := 0; at < min(len(val), maxFetch); at += cacheLine {
			warmth += val[at]
		}
	}
	return warmth
}

// locate is find for what Warm has looked at, as long as no item has come or gone.
func (s *Space) locate(c *collection, q *Sought) cell {
	if q.at != 0 && q.moves == s.moves && s.key(q.at) == string(q.Key) {
		return q.at
	}
	return c.items.find(q.hash, text(q.Key))
}

// Put is Set and Commit of a value that is not empty, for a key that Warm has looked at. Nothing
// else has been written since the last Commit.
func (s *Space) Put(q *Sought, val []byte) {
	if s.shared() {
		s.mu.Lock()
		defer s.mu.Unlock()
	}
	if !s.overwrite(q, val) {
		s.set(q, val)
	}
	if !s.settled() {
		s.commit()
	}
}

// overwrite writes where the present value stands, if there is room and no view needs that.
func (s *Space) overwrite(q *Sought, val []byte) bool {
	c := s.collections[q.Number]
	at := s.locate(c, q)
	if at == 0 {
		return false
	}
	it := s.item(at)
	if it.epoch != s.epoch && s.needed(it.epoch, s.epoch) {
		return false
	}
	to, ok := s.slab.replace(it.val, val)
	if ok {
		it.epoch = s.epoch
		s.assign(place{c, at}, it, to)
	}
	return ok
}
