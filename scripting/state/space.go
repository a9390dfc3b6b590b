// Package state keeps what a machine replicates: ordered maps from keys to encoded values, in a
// Space that can be viewed, rolled back, named by a digest, written down and read back.
//
// A Space has one writer, which works from one goroutine. Readers in other goroutines use Views: a
// View is made in constant time and shows the Space as it was. Every item carries the epoch of its
// last write; making a View ends an epoch, and from then on a write keeps the older value for as
// long as a View needs it. With no View about nothing is copied and no lock is taken.
//
//	collection ─ items   an index by the hash of the key, for speed
//	           ├ order   a B-tree of those that have a value, by key, for ranges
//	           └ gone    a B-tree of those that only views show yet
//	item       ─ key, val, epoch ─> past: val, epoch ─> …   newest first, only what Views need
//
// Items, keys, values and pasts lie in cells of a slab, where the garbage collector has nothing to
// look for. So memory is given back by hand, and only by Commit: until then a Rollback may want it
// back, and whoever carries out a command may look at what was read meanwhile.
//
// Every write is journalled until Commit, so that Rollback leaves no trace. Keys are made by
// StringKey and IntegerKey and order as bytes do; values are bytes of package value. The package
// knows nothing of Lua; package scripting is what scripts see.
package state

import (
	"errors"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Space is a set of collections, by number. See the package for who may call what.
type Space struct {
	collections []*collection
	slab        slab
	journal     []change
	dead        []cell // what rollbacks left, to be freed by Commit
	dying       []place
	digest      uint64 // sum of the hashes of all collections and items
	epoch       uint64 // stamped on writes; no view has this number yet
	random      maphash.Seed
	spread      uint64 // bits of a key's hash that count; tests have few

	mu    sync.RWMutex // held by readers, and by the writer while there are views
	views []uint64     // epochs that views show, ascending; one may stand there twice
	count atomic.Int32 // len(views); the writer takes no lock while it is zero
	stale queue        // items with something to forget, by epoch; the writer's alone

	moves uint64 // of items into collections and out of them
}

type collection struct {
	name  string
	seed  uint64
	items index
	order tree
	gone  tree
	live  int    // items with a value
	sum   uint64 // of the hashes of the items
}

// item is the head of a cell; the key follows upon flags.
type item struct {
	version
	length uint16 // of the key
	flags  flags
}

const keyOffset = int(unsafe.Offsetof(item{}.flags)) + 1

// version is what an item is from one write to the next.
type version struct {
	val   cell   // zero: deleted, and kept for a view
	hash  uint64 // of collection, key and val; zero when deleted
	epoch uint64
	past  cell
}

type flags uint8

const (
	ordered flags = 1 << iota // it stands in collection.order: it has a value
	faded                     // it stands in collection.gone: it has none, but had one
	dying                     // it stands in Space.dying
	queued                    // it stands in Space.stale
)

type past struct {
	val   cell
	epoch uint64
	older cell
}

// place is an item and where it belongs.
type place struct {
	in *collection
	at cell
}

// change is how an item was before a write.
type change struct {
	place
	was  version
	kept bool // as the newest past
}

// New returns a Space with empty collections of these names.
func New(names []string) *Space {
	s := &Space{epoch: 1, random: maphash.MakeSeed(), spread: ^uint64(0)}
	for _, name := range names {
		s.add(name, 0)
	}
	return s
}

// add makes a collection with room for so many items.
func (s *Space) add(name string, room int) *collection {
	c := s.newCollection(name, room)
	s.collections = append(s.collections, c)
	s.digest += scramble(c.seed + uint64(len(s.collections)))
	return c
}

func (s *Space) newCollection(name string, room int) *collection {
	return &collection{
		name: name, seed: hash(0, name, ""), items: newIndex(&s.slab, room),
		order: tree{slab: &s.slab}, gone: tree{slab: &s.slab},
	}
}

func (s *Space) item(at cell) *item { return (*item)(s.slab.at(at)) }

func (s *Space) past(at cell) *past { return (*past)(s.slab.at(at)) }

// key is good until the item is removed.
func (s *Space) key(at cell) string { return s.slab.key(at) }

func (s *slab) key(at cell) string {
	head := s.at(at)
	return unsafe.String((*byte)(unsafe.Add(head, keyOffset)), (*item)(head).length)
}

func (s *Space) keyHash(key []byte) uint64 { return maphash.Bytes(s.random, key) & s.spread }

// insert makes a blank item of a key with this hash.
func (s *Space) insert(c *collection, hash uint64, key []byte) cell {
	s.moves++
	at := s.lay(key)
	c.items.add(hash, at)
	return at
}

// lay makes a blank item that nothing leads to yet.
func (s *Space) lay(key []byte) cell {
	at := s.slab.alloc(keyOffset+len(key)) >> lengthBits << lengthBits // as itemOf makes it
	head := s.slab.at(at)
	*(*item)(head) = item{version: version{epoch: s.epoch}, length: uint16(len(key))}
	copy(unsafe.Slice((*byte)(unsafe.Add(head, keyOffset)), len(key)), key)
	return at
}

// remove ends a blank item.
func (s *Space) remove(p place) {
	s.moves++
	p.in.items.remove(s.keyHash(raw(s.key(p.at))), p.at)
	s.slab.free(p.at)
}

// raw sees a string as bytes to be read only, and text the other way round.
func raw(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// Set writes a value. Key and value are copied; an empty value deletes.
func (s *Space) Set(number int, key, val []byte) {
	s.SetSought(&Sought{Number: number, Key: key, hash: s.keyHash(key)}, val)
}

// SetSought is Set for a key that Warm has looked at.
func (s *Space) SetSought(q *Sought, val []byte) {
	if s.shared() {
		s.mu.Lock()
		defer s.mu.Unlock()
	}
	s.set(q, val)
}

func (s *Space) set(q *Sought, val []byte) {
	c := s.collections[q.Number]
	at := s.locate(c, q)
	if len(val) == 0 && (at == 0 || s.item(at).val == 0) {
		return
	}
	if at == 0 {
		at = s.insert(c, q.hash, q.Key)
	}
	p, it := place{c, at}, s.item(at)
	s.journal = append(s.journal, change{place: p, was: it.version})
	s.keepPast(&s.journal[len(s.journal)-1], it)
	it.epoch = s.epoch
	s.assign(p, it, s.slab.put(val))
	s.settle(p, it)
}

// assign gives an item a new value.
func (s *Space) assign(p place, it *item, val cell) {
	h := uint64(0)
	if val != 0 {
		h = hash(p.in.seed, s.key(p.at), s.slab.text(val))
	}
	s.become(p.in, it, val, h)
}

// become keeps the sums right.
func (s *Space) become(c *collection, it *item, val cell, hash uint64) {
	c.sum += hash - it.hash
	s.digest += hash - it.hash
	if it.val != 0 {
		c.live--
	}
	if val != 0 {
		c.live++
	}
	it.val, it.hash = val, hash
}

// settle puts an item where it belongs; a blank one is left to Commit.
func (s *Space) settle(p place, it *item) {
	was, now := it.flags&(ordered|faded), flags(0)
	switch {
	case it.val != 0:
		now = ordered
	case it.past != 0:
		now = faded
	}
	if was != now {
		if tree := p.in.tree(was); tree != nil {
			tree.delete(s.key(p.at))
		}
		if tree := p.in.tree(now); tree != nil {
			tree.set(p.at)
		}
		it.flags ^= was | now
	}
	if now == 0 && it.flags&dying == 0 {
		it.flags |= dying
		s.dying = append(s.dying, p)
	}
}

// tree is where items with this flag stand; without one they stand nowhere.
func (c *collection) tree(f flags) *tree {
	switch f {
	case ordered:
		return &c.order
	case faded:
		return &c.gone
	}
	return nil
}

// blank reports whether nobody can see anything of it.
func (it *item) blank() bool { return it.val == 0 && it.past == 0 }

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
	s.journal = s.journal[:mark]
}

func (s *Space) undo(ch *change) {
	it := s.item(ch.at)
	if it.val != 0 {
		s.dead = append(s.dead, it.val)
	}
	if ch.kept {
		s.dead = append(s.dead, it.past)
	}
	s.become(ch.in, it, ch.was.val, ch.was.hash)
	it.version = ch.was
	s.settle(ch.place, it)
}

// Commit makes every write since the last Commit final, and gives back the memory of what nobody
// can see any more.
func (s *Space) Commit() {
	if s.settled() {
		return
	}
	if s.shared() {
		s.mu.Lock()
		defer s.mu.Unlock()
	}
	s.commit()
}

// settled reports whether there is nothing to commit.
func (s *Space) settled() bool { return len(s.journal)+len(s.dead)+len(s.dying)+s.stale.n == 0 }

func (s *Space) commit() {
	for i := range s.journal {
		ch := &s.journal[i]
		if !ch.kept && ch.was.val != 0 {
			s.slab.free(ch.was.val)
		}
		if it := s.item(ch.at); it.past != 0 {
			s.prune(ch.place, it)
		}
	}
	for _, c := range s.dead {
		s.slab.free(c)
	}
	s.sweep(sweepPerCommit + sweepPerWrite*len(s.journal))
	for _, p := range s.dying {
		it := s.item(p.at)
		if it.flags &^= dying; it.blank() && it.flags&queued == 0 {
			s.remove(p)
		}
	}
	s.journal, s.dead, s.dying = emptied(s.journal), emptied(s.dead), emptied(s.dying)
}

// maxIdle is how many elements of room a list keeps for the next command.
const maxIdle = 4 << 10

func emptied[T any](list []T) []T {
	if cap(list) > maxIdle {
		return nil
	}
	return list[:0]
}

// Digest names the contents: equal Spaces have equal digests, whatever their histories. It is
// never zero.
func (s *Space) Digest() uint64 { return max(1, scramble(s.digest)) }

// Parts calls f with the name of each collection and a digest of what it holds, by number.
func (s *Space) Parts(f func(name string, digest uint64)) {
	for _, c := range s.collections {
		f(c.name, scramble(c.seed+c.sum))
	}
}

// SpareBlocks is how many more blocks of memory there can be, at least, if a Space is not Full. One
// holds a key or value of more than 4 KiB, or such as are shorter, as many as fit 64 KiB.
const SpareBlocks = 1 << 20

// ErrFull says that a Space is full.
var ErrFull = errors.New("state: more memory is in use than can be told apart")

// Full reports whether what is written next might be too much: 252 GiB are in use then at the very
// least, and sixteen times as much where keys and values are short. How full a Space is depends on
// its history and its views. So that is no reason to refuse a command, but one to go no further.
func (s *Space) Full() bool { return s.slab.left() < SpareBlocks }

// Spend has a Space be nearer to Full by so many blocks, to see what becomes of whoever fills it.
func (s *Space) Spend(blocks int) { s.slab.spent += blocks }

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
