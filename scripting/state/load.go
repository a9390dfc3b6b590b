package state

// loader fills a new Space with items that come by ascending key, unjournalled. To take an item and
// to put it in its order take about equally long, so a goroutine of its own does the second for all
// but the last batch; the Space is whole when end has returned. Nothing depends on who is faster:
// that goroutine has the collections' order to itself, and looks at nothing else of the Space.
type loader struct {
	s     *Space
	batch []laid
	full  chan []laid // to the goroutine; nil: there is none yet
	spare chan []laid
	ended chan struct{}
}

// laid is an item that has yet to be entered and arranged.
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

// pass enters a full batch and gives it to the goroutine.
func (l *loader) pass() {
	enter(l.batch)
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
		arrange(batch)
		select {
		case l.spare <- batch[:0]:
		default:
		}
	}
}

// end takes what is left. It is called once, after errors too.
func (l *loader) end() {
	if l.full != nil {
		close(l.full)
		<-l.ended
	}
	enter(l.batch)
	arrange(l.batch)
}

// enter has items be found by their keys. It first looks at where they will be: the waits for
// memory are then at the same time, as in Warm. The result means nothing.
//
//go:noinline
func enter(items []laid) (warmth byte) {
	for i := range items {
		warmth += byte(items[i].in.items.home(items[i].hash)[0])
	}
	for i := range items {
		items[i].in.items.add(items[i].hash, items[i].at)
	}
	return warmth
}

// arrange puts items that have been entered behind all others.
func arrange(items []laid) {
	for i := range items {
		items[i].in.order.Load(items[i].key, items[i].at)
	}
}
