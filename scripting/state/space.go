// Package state keeps what a machine replicates: ordered maps from keys to encoded values, in a
// Space that can be viewed, rolled back, named by a digest, written down and read back.
//
// A Space has one writer, which works from one goroutine. Readers in other goroutines use Views: a
// View is made in constant time and shows the Space as it was. Every item carries the epoch of its
// last write; making a View ends an epoch, and from then on a write keeps the older value for as
// long as a View needs it. With no View about nothing is copied and no lock is taken.
//
//	collection ─ items   a Go map: key ─> item, for speed
//	           └ order   a B-tree of the same items, for ranges
//	item       ─ val, epoch ─> past: val, epoch ─> …   newest first, only what Views need
//
// Every write is journalled until Commit, so that Rollback leaves no trace. Keys are made by
// StringKey and IntegerKey and order as bytes do; values are bytes of package value. The package
// knows nothing of Lua; package scripting is what scripts see.
package state

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tidwall/btree"
)

// Space is a set of collections, by number. See the package for who may call what.
type Space struct {
	collections []*collection
	journal     []change
	digest      uint64 // sum of the hashes of all collections and items
	epoch       uint64 // stamped on writes; no view has this number yet

	mu    sync.RWMutex // held by readers, and by the writer while there are views
	views []uint64     // epochs that views show, ascending; one may stand there twice
	count atomic.Int32 // len(views); the writer takes no lock while it is zero
	stale []stale      // items with something to forget, in the order of its epochs
	swept int          // stale[:swept] is done; both are the writer's alone
}

type collection struct {
	name  string
	seed  uint64
	items map[string]*item
	order btree.Map[string, *item]
	live  int    // items with a value
	sum   uint64 // of the hashes of the items
}

type item struct {
	key   string
	val   string // empty: deleted, and kept for a view
	hash  uint64 // of collection, key and val; zero when deleted
	epoch uint64
	past  *past
}

type past struct {
	val   string
	epoch uint64
	older *past
}

// change is how an item was before a write.
type change struct {
	in  *collection
	at  *item
	was item
}

// New returns a Space with empty collections of these names.
func New(names []string) *Space {
	s := &Space{epoch: 1}
	for _, name := range names {
		s.add(name)
	}
	return s
}

func (s *Space) add(name string) *collection {
	c := newCollection(name)
	s.collections = append(s.collections, c)
	s.digest += scramble(c.seed + uint64(len(s.collections)))
	return c
}

func newCollection(name string) *collection {
	return &collection{name: name, seed: hash(0, name, ""), items: map[string]*item{}}
}

// Set writes a value. Key and value are copied; an empty value deletes.
func (s *Space) Set(number int, key, val []byte) {
	if s.shared() {
		s.mu.Lock()
		defer s.mu.Unlock()
	}
	s.sweep(sweepPerWrite)
	c := s.collections[number]
	it := c.items[string(key)]
	switch {
	case it == nil && len(val) == 0 || it != nil && it.val == "" && len(val) == 0:
		return
	case it == nil:
		it = &item{key: string(key), epoch: s.epoch}
		s.journal = append(s.journal, change{c, it, *it})
		c.insert(it)
	default:
		s.journal = append(s.journal, change{c, it, *it})
		s.keepPast(c, it)
	}
	s.assign(c, it, string(val))
	it.epoch = s.epoch
	if it.blank() {
		c.remove(it)
	}
}

// assign gives it a new value and keeps the sums right.
func (s *Space) assign(c *collection, it *item, val string) {
	c.sum -= it.hash
	s.digest -= it.hash
	if it.val != "" {
		c.live--
	}
	it.val, it.hash = val, 0
	if val != "" {
		it.hash = hash(c.seed, it.key, val)
		c.live++
	}
	c.sum += it.hash
	s.digest += it.hash
}

// blank reports whether nobody can see anything of it.
func (it *item) blank() bool { return it.val == "" && it.past == nil }

func (c *collection) insert(it *item) {
	c.items[it.key] = it
	c.order.Set(it.key, it)
}

func (c *collection) remove(it *item) {
	delete(c.items, it.key)
	c.order.Delete(it.key)
}

// Mark is where the journal stands, for Rollback.
func (s *Space) Mark() int { return len(s.journal) }

// Rollback undoes every write since mark.
func (s *Space) Rollback(mark int) {
	if len(s.journal) == mark {
		return
	}
	if s.shared() {
		s.mu.Lock()
		defer s.mu.Unlock()
	}
	for i := len(s.journal) - 1; i >= mark; i-- {
		s.undo(&s.journal[i])
	}
	clear(s.journal[mark:])
	s.journal = s.journal[:mark]
}

func (s *Space) undo(ch *change) {
	c, it := ch.in, ch.at
	s.assign(c, it, ch.was.val)
	it.epoch, it.past = ch.was.epoch, s.prune(ch.was.past, ch.was.epoch)
	switch present := c.items[it.key] == it; {
	case present && it.blank():
		c.remove(it)
	case !present && !it.blank():
		c.insert(it)
	}
}

// Commit makes every write since the last Commit final.
func (s *Space) Commit() {
	s.tidy()
	clear(s.journal)
	s.journal = s.journal[:0]
	if cap(s.journal) > maxIdleJournal {
		s.journal = nil
	}
}

// tidy forgets a little of what no view needs.
func (s *Space) tidy() {
	if len(s.stale) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(sweepPerCommit)
}

// maxIdleJournal is how many changes of room the journal keeps for the next command.
const maxIdleJournal = 4 << 10

// Digest names the contents: equal Spaces have equal digests, whatever their histories. It is
// never zero.
func (s *Space) Digest() uint64 { return max(1, scramble(s.digest)) }

// Parts calls f with the name of each collection and a digest of what it holds, by number.
func (s *Space) Parts(f func(name string, digest uint64)) {
	for _, c := range s.collections {
		f(c.name, scramble(c.seed+c.sum))
	}
}

// Names returns the names of the collections.
func (s *Space) Names() []string {
	names := make([]string, len(s.collections))
	for i, c := range s.collections {
		names[i] = c.name
	}
	return names
}

// shared reports whether some other goroutine may be reading.
func (s *Space) shared() bool { return s.count.Load() > 0 }

// needed reports whether a view shows what was written in epoch lo and replaced in epoch hi.
func (s *Space) needed(lo, hi uint64) bool {
	i, _ := slices.BinarySearch(s.views, lo)
	return i < len(s.views) && s.views[i] < hi
}
