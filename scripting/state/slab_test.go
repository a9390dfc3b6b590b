package state

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tidelock-raft/tidelock/scripting/value"
)

// TestSlabEqualsItsTwin allocates and frees at random, in waves of different sizes; the twin keeps
// a copy of each cell, so that cells which overlap are noticed.
func TestSlabEqualsItsTwin(t *testing.T) {
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 3))
		var s slab
		type kept struct {
			at   cell
			want []byte
		}
		var twin []kept
		total := 0
		for wave := range 12 {
			most := []int{40, 300, 5000, 70_000}[rng.IntN(4)]
			for range 1000 {
				if grow := wave%2 == 0; total < 2<<20 && grow == (rng.IntN(4) > 0) || len(twin) == 0 {
					b := make([]byte, 1+rng.IntN(most))
					for i, x := 0, byte(rng.Uint32()); i < len(b); i++ {
						b[i] = x + byte(i)
					}
					twin, total = append(twin, kept{s.put(b), b}), total+len(b)
					continue
				}
				i := rng.IntN(len(twin))
				if k := twin[i]; s.text(k.at) != string(k.want) {
					t.Fatalf("seed %d: a cell of %d bytes has changed", seed, len(k.want))
				}
				s.free(twin[i].at)
				total -= len(twin[i].want)
				twin = slices.Delete(twin, i, i+1)
			}
			s.valid(t)
		}
		for _, k := range twin {
			if s.text(k.at) != string(k.want) {
				t.Fatalf("seed %d: a cell of %d bytes has changed", seed, len(k.want))
			}
			s.free(k.at)
		}
		s.valid(t)
		for i, b := range s.blocks {
			if b.used != 0 || b.base != nil && (b.next != 0 || b.prev != 0) {
				t.Fatalf("seed %d: block %d of %d granules is kept though all is freed", seed, i, b.size)
			}
		}
	}
}

// valid checks the invariants of a slab.
func (s *slab) valid(t *testing.T) {
	t.Helper()
	listed := map[int32]bool{}
	for class, first := range s.open {
		for i, prev := first, int32(0); i != 0; prev, i = i, s.blocks[i-1].next {
			if b := s.blocks[i-1]; listed[i] || int(b.class) != class || b.prev != prev || b.full() {
				t.Fatalf("block %d must not be in the list of class %d", i-1, class)
			}
			listed[i] = true
		}
	}
	for i, b := range s.blocks {
		if b.base != nil && b.size > 0 && !b.full() != listed[int32(i+1)] {
			t.Fatalf("block %d: full is %v, listed %v", i, b.full(), listed[int32(i+1)])
		}
		free := uint32(0)
		for at := b.free; at != 0; free++ {
			c := cell(i)<<(lengthBits+granuleBits) | cell(at-1)<<lengthBits
			at = *(*uint32)(s.at(c))
		}
		if b.size > 0 && b.used+free != b.fresh/b.size {
			t.Fatalf("block %d: %d used, %d free, %d in all", i, b.used, free, b.fresh/b.size)
		}
	}
}

func TestCellsOfEverySizeWasteLittle(t *testing.T) {
	last := uint32(0)
	for n := uint32(1); n <= maxShared/granule; n++ {
		class, size := classOf(n)
		if size < n || size > n+n/16 || class < last || class > last+1 || class >= classes {
			t.Errorf("%d granules: class %d after %d, size %d", n, class, last, size)
		}
		last = class
	}
	var s slab
	big := bytes.Repeat([]byte("x"), value.MaxSize)
	if c := s.put(big); s.text(c) != string(big) || c.len() != value.MaxSize {
		t.Error("the largest value does not fit")
	}
	if s.put(nil) != 0 || s.text(0) != "" {
		t.Error("nothing takes a cell")
	}
}
