package state

import "unsafe"

// loader fills a new Space with items that come by ascending key, unjournalled. To lay an item down
// and to index it take equally long, so a goroutine of its own does the second for all but the last
// batch; the Space is whole when end has returned. Nothing depends on who is faster.
type loader struct {
	s     *Space
	batch []laid
	full  chan []laid // to the goroutine; nil: there is none yet
	spare chan []laid
	ended chan struct{}
}

// laid is an item that has yet to be indexed.
type laid struct {
	place
	key  string
	hash uint64 // of key
}

const (
	loadBatch = 256
	loadAhead = 4 // batches
)

func newLoader(s *Space) *loader { return &loader{s: s, batch: make([]laid, 0, loadBatch)} }

// add takes an item behind all others of its collection, and returns its key.
func (l *loader) add(c *collection, key, val []byte) string {
	s := l.s
	at := s.lay(key)
	p, it, stored := place{c, at}, s.item(at), s.key(at)
	it.flags = ordered
	s.assign(p, it, s.slab.put(val))
	if l.batch = append(l.batch, laid{p, stored, s.keyHash(key)}); len(l.batch) == loadBatch {
		l.pass()
	}
	return stored
}

// pass gives a full batch to the goroutine.
func (l *loader) pass() {
	if l.full == nil {
		l.full, l.ended = make(chan []laid, loadAhead), make(chan struct{})
		l.spare = make(chan []laid, loadAhead+1)
		go l.run() // ended by end
	}
	l.full <- l.batch
	select {
	case l.batch = <-l.spare:
	default:
		l.batch = make([]laid, 0, loadBatch)
	}
}

func (l *loader) run() {
	defer close(l.ended)
	for batch := range l.full {
		l.s.index(batch)
		select {
		case l.spare <- batch[:0]:
		default:
		}
	}
}

// end indexes what is left. It is called once, after errors too.
func (l *loader) end() {
	if l.full != nil {
		close(l.full)
		<-l.ended
	}
	l.s.index(l.batch)
}

// index makes items known that stand behind all others. It first looks where they will be: the
// waits for memory are then at the same time, as in Warm.
func (s *Space) index(items []laid) {
	taken := cell(0)
	for i := range items {
		taken |= items[i].in.items[items[i].hash]
	}
	for i := range items {
		l := &items[i]
		l.in.enter(l.hash, l.key, l.at)
		l.in.order.Load(l.key, l.at)
	}
	s.warmth += byte(taken)
}

// lay makes a blank item that nothing leads to yet.
func (s *Space) lay(key []byte) cell {
	at := s.slab.alloc(keyOffset + len(key))
	head := s.slab.at(at)
	*(*item)(head) = item{version: version{epoch: s.epoch}}
	copy(unsafe.Slice((*byte)(unsafe.Add(head, keyOffset)), len(key)), key)
	return at
}

// enter makes an item be found by its key.
func (c *collection) enter(hash uint64, key string, at cell) {
	if c.items[hash] == 0 {
		c.items[hash] = at
		return
	}
	if c.others == nil {
		c.others = map[string]cell{}
	}
	c.others[key] = at
}
