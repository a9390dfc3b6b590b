package state

// loader fills a new Space with items that come by ascending key, unjournalled. The Space is whole
// when end has returned.
type loader struct {
	s     *Space
	batch []laid
}

// laid is an item that has yet to be entered.
type laid struct {
	place
	hash uint64 // of its key
}

const loadBatch = 256

func newLoader(s *Space) *loader { return &loader{s: s, batch: make([]laid, 0, loadBatch)} }

// add takes an item behind all others of its collection, and returns its key.
func (l *loader) add(c *collection, key, val []byte) string {
	s := l.s
	at := s.lay(key)
	p, it := place{c, at}, s.item(at)
	it.flags = ordered
	s.assign(p, it, s.slab.put(val))
	c.order.load(at)
	if l.batch = append(l.batch, laid{p, s.keyHash(key)}); len(l.batch) == loadBatch {
		l.enter()
	}
	return s.key(at)
}

// end enters what is left. It is called once, after errors too.
func (l *loader) end() { l.enter() }

// enter has items be found by their keys. It first looks at where they will be: the waits for
// memory are then at the same time, as in Warm. The result means nothing.
//
//go:noinline
func (l *loader) enter() (warmth byte) {
	for i := range l.batch {
		warmth += byte(l.batch[i].in.items.home(l.batch[i].hash)[0])
	}
	for i := range l.batch {
		l.batch[i].in.items.add(l.batch[i].hash, l.batch[i].at)
	}
	l.batch = l.batch[:0]
	return warmth
}
