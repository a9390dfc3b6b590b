package state

import (
	"math/bits"
	"unsafe"
)

// cell says where bytes lie in a slab, and how many there are: number of the block, granule within
// it, length. Zero is no cell.
type cell uint64

const (
	lengthBits  = 21 // value.MaxSize, and an item with the longest key
	granuleBits = 13
	granule     = 8 // bytes; cells begin at multiples of it

	firstBlock = 4 << 10                // bytes of a size's first block; later ones are twice that
	fullBlock  = granule << granuleBits // up to this
	maxShared  = fullBlock / 16         // a larger cell has a block of its own
	classes    = 97                     // sizes that classOf makes, from 1
)

func (c cell) len() int        { return int(c & (1<<lengthBits - 1)) }
func (c cell) granule() uint32 { return uint32(c>>lengthBits) & (1<<granuleBits - 1) }
func (c cell) block() int      { return int(c >> (lengthBits + granuleBits)) }

// slab keeps bytes in blocks in which the garbage collector finds no pointers, so that a million
// values cost it no more than a thousand. Who frees a cell makes sure that nobody looks at it.
// A block in which nothing is left goes back to the collector.
//
// Invariants: 1. a block is in the list of its class when it has room; 2. used counts the cells
// that were allocated and not freed; 3. only the last block of a list is kept while it is empty.
type slab struct {
	blocks []block
	gone   []int32         // numbers of blocks that went back
	spent  int             // numbers that are in use without a block: see Space.Spend
	open   [classes]int32  // the first of the blocks with room, by number from 1; zero: none
	made   [classes]uint32 // blocks that are there
}

type block struct {
	base       unsafe.Pointer // nil: it is gone
	size       uint32         // of a cell, in granules; zero: the block is one cell
	class      uint32
	used       uint32
	end, fresh uint32 // granules, and the first that was never used
	free       uint32 // a free cell, by granule from 1, whose first bytes name the next; zero: none
	next, prev int32  // in the list
}

// classOf returns the class of a cell of n granules, and how many granules its cells have: up to
// 32 just n, then at most a sixteenth more.
func classOf(n uint32) (class, size uint32) {
	if n <= 32 {
		return n, n
	}
	shift := uint32(bits.Len32(n-1)) - 5
	sixteenths := (n-1)>>shift + 1
	return 32 + 16*(shift-1) + sixteenths - 16, sixteenths << shift
}

func granules(bytes int) uint32 { return uint32(bytes+granule-1) / granule }

// at is where a cell's bytes begin.
func (s *slab) at(c cell) unsafe.Pointer {
	return unsafe.Add(s.blocks[c.block()].base, c.granule()*granule)
}

// text sees a cell's bytes as a string, which is good until the cell is freed.
func (s *slab) text(c cell) string {
	if c == 0 {
		return ""
	}
	return unsafe.String((*byte)(s.at(c)), c.len())
}

// put copies bytes into a new cell.
func (s *slab) put(b []byte) cell {
	if len(b) == 0 {
		return 0
	}
	c := s.alloc(len(b))
	copy(unsafe.Slice((*byte)(s.at(c)), len(b)), b)
	return c
}

// replace puts other bytes into a cell, if it has the room that a new one would have.
func (s *slab) replace(c cell, b []byte) (cell, bool) {
	if c == 0 || len(b) > maxShared || granules(len(b)) != granules(c.len()) {
		return c, false
	}
	copy(unsafe.Slice((*byte)(s.at(c)), len(b)), b)
	return c&^(1<<lengthBits-1) | cell(len(b)), true
}

// alloc returns a new cell of n bytes, whose content is arbitrary; n is from 1 to value.MaxSize.
func (s *slab) alloc(n int) cell {
	if n > maxShared {
		return cell(s.add(block{used: 1}, n))<<(lengthBits+granuleBits) | cell(n)
	}
	class, size := classOf(granules(n))
	if s.open[class] == 0 {
		bytes := max(firstBlock<<min(s.made[class], 4), int(size)*granule)
		s.made[class]++
		i := s.add(block{size: size, class: class, end: uint32(bytes / granule)}, bytes)
		s.open[class] = int32(i) + 1
	}
	i := s.open[class] - 1
	b := &s.blocks[i]
	at := b.fresh
	if b.free == 0 {
		b.fresh += size
	} else {
		at = b.free - 1
		b.free = *(*uint32)(unsafe.Add(b.base, at*granule))
	}
	if b.used++; b.full() {
		s.unlink(i)
	}
	return cell(i)<<(lengthBits+granuleBits) | cell(at)<<lengthBits | cell(n)
}

// free takes a cell back.
func (s *slab) free(c cell) {
	i := int32(c.block())
	b := &s.blocks[i]
	if b.size == 0 {
		s.drop(i)
		return
	}
	if b.full() {
		s.link(i)
	}
	*(*uint32)(s.at(c)) = b.free
	b.free = c.granule() + 1
	if b.used--; b.used == 0 && (b.next != 0 || b.prev != 0) {
		s.unlink(i)
		s.made[b.class]--
		s.drop(i)
	}
}

func (b *block) full() bool { return b.free == 0 && b.fresh+b.size > b.end }

// add makes a block of so many bytes.
func (s *slab) add(b block, bytes int) int {
	b.base = unsafe.Pointer(unsafe.SliceData(make([]byte, bytes)))
	if n := len(s.gone); n > 0 {
		i := s.gone[n-1]
		s.gone = s.gone[:n-1]
		s.blocks[i] = b
		return int(i)
	}
	if len(s.blocks) == 0 {
		s.blocks = append(s.blocks, block{}) // so that no cell is zero
	}
	if s.left() <= 0 {
		panic("state: more blocks than an index can tell apart") // who writes looks at Full before
	}
	s.blocks = append(s.blocks, b)
	return len(s.blocks) - 1
}

// left is how many blocks there can be more.
func (s *slab) left() int { return maxBlocks - len(s.blocks) + len(s.gone) - s.spent }

func (s *slab) drop(i int32) {
	s.blocks[i] = block{}
	s.gone = append(s.gone, i)
}

// link puts a block at the front of its list.
func (s *slab) link(i int32) {
	b := &s.blocks[i]
	b.next = s.open[b.class]
	if b.next != 0 {
		s.blocks[b.next-1].prev = i + 1
	}
	s.open[b.class] = i + 1
}

func (s *slab) unlink(i int32) {
	b := &s.blocks[i]
	if b.prev != 0 {
		s.blocks[b.prev-1].next = b.next
	} else {
		s.open[b.class] = b.next
	}
	if b.next != 0 {
		s.blocks[b.next-1].prev = b.prev
	}
	b.next, b.prev = 0, 0
}
