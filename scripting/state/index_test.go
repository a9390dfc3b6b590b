package state

import (
	"encoding/binary"
	"iter"
	"math/rand/v2"
	"testing"
)

// all are the items.
func (x *index) all() iter.Seq[cell] {
	return func(yield func(cell) bool) {
		for _, p := range x.parts {
			if p == nil {
				continue
			}
			for _, b := range p {
				for _, entry := range b {
					if entry != 0 && !yield(itemOf(entry)) {
						return
					}
				}
			}
		}
		for _, at := range x.others {
			if !yield(at) {
				return
			}
		}
	}
}

// indexed is an index and its twin, of keys that are numbers.
type indexed struct {
	x    index
	hash func(n uint64) uint64
	twin map[uint64]cell
}

func newIndexed(room int, hash func(n uint64) uint64) *indexed {
	return &indexed{newIndex(new(slab), room), hash, map[uint64]cell{}}
}

func numberKey(n uint64) string { return string(binary.LittleEndian.AppendUint64(nil, n)) }

func (x *indexed) number(at cell) uint64 {
	return binary.LittleEndian.Uint64(raw(x.x.slab.key(at)))
}

// toggle adds the item of a number if it is not there, else it removes it.
func (x *indexed) toggle(n uint64) {
	if at := x.twin[n]; at != 0 {
		x.x.remove(x.hash(n), at)
		x.x.slab.free(at)
		delete(x.twin, n)
		return
	}
	at := x.x.slab.alloc(keyOffset+8) >> lengthBits << lengthBits
	it := (*item)(x.x.slab.at(at))
	*it = item{length: 8}
	copy(raw(x.x.slab.key(at)), numberKey(n))
	x.x.add(x.hash(n), at)
	x.twin[n] = at
}

// check compares what is found of the numbers below n.
func (x *indexed) check(t *testing.T, n uint64) {
	t.Helper()
	for i := range n {
		h := x.hash(i)
		at, likely := x.x.find(h, numberKey(i)), x.x.likely(h)
		if want := x.twin[i]; at != want {
			t.Fatalf("item %d of %d: got %x, want %x", i, len(x.twin), at, want)
		}
		if likely != 0 && (x.hash(x.number(likely))^h)>>cellBits != 0 {
			t.Fatalf("item %d is not likely %x", i, likely)
		}
	}
	seen := 0
	for at := range x.x.all() {
		if n := x.number(at); x.twin[n] != at {
			t.Fatalf("item %d stands at %x and at %x", n, x.twin[n], at)
		}
		seen++
	}
	if seen != len(x.twin) || x.x.n != len(x.twin) {
		t.Fatalf("%d items are %d, want %d", seen, x.x.n, len(x.twin))
	}
}

func even(n uint64) uint64 { return n * 0x9e3779b97f4a7c15 }

// TestIndexEqualsItsTwin whatever the hashes are like.
func TestIndexEqualsItsTwin(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	seed := random.Uint64()
	for name, hash := range map[string]func(n uint64) uint64{
		"even":      even,
		"random":    func(n uint64) uint64 { return fold(n^seed, mixA) ^ fold(n, mixB) },
		"few tags":  func(n uint64) uint64 { return n << 61 },
		"one tag":   func(uint64) uint64 { return 0 },
		"the last":  func(n uint64) uint64 { return ^n },
		"ascending": func(n uint64) uint64 { return n << 48 },
	} {
		for _, room := range []int{0, 1, 100, 5000} {
			x := newIndexed(room, hash)
			x.check(t, 10)
			most := uint64(3000)
			if name == "one tag" {
				most = 300
			}
			for i := range 12_000 {
				x.toggle(random.Uint64N(most))
				if i%1000 == 0 || i < 30 {
					x.check(t, most)
				}
			}
			for len(x.twin) > 0 {
				for n := range x.twin {
					x.toggle(n)
				}
			}
			x.check(t, most)
		}
	}
}

// TestIndexTakesLittle more room than it needs at any time, and moves little at a time.
func TestIndexTakesLittle(t *testing.T) {
	x := newIndexed(0, func(n uint64) uint64 { return scramble(scramble(n)) })
	for i := range uint64(100_000) {
		parts := x.parts()
		x.toggle(i)
		if made := x.parts() - parts; made > 2 {
			t.Fatalf("item %d: %d parts made at once", i, made)
		}
		if i < 1000 {
			continue
		}
		n := len(x.twin)
		if buckets := x.parts() * partSize; buckets*perBucket > n*5/4+4*partSize*perBucket {
			t.Fatalf("%d buckets for %d items", buckets, n)
		}
		if others := len(x.x.others); others > n/30 {
			t.Fatalf("%d of %d items found their bucket full", others, n)
		}
	}
	x.check(t, 100_000)
}

func (x *indexed) parts() (made int) {
	for _, p := range x.x.parts {
		if p != nil {
			made++
		}
	}
	return made
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\x00\x01"), uint8(0), uint16(0))
	f.Fuzz(func(t *testing.T, numbers []byte, shift uint8, room uint16) {
		x := newIndexed(int(room), func(n uint64) uint64 { return even(n) << (shift % 64) })
		for i := 0; i+1 < len(numbers); i += 2 {
			x.toggle(uint64(binary.LittleEndian.Uint16(numbers[i:])))
		}
		x.check(t, 1<<8)
	})
}
