package state

import (
	"bufio"
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
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

// TestSpaceIsFullBeforeItsBlocksAreSpent: there are some left then, which are never passed, and
// what is taken back makes room.
func TestSpaceIsFullBeforeItsBlocksAreSpent(t *testing.T) {
	s, large := New([]string{"a"}), bytes.Repeat([]byte("x"), maxShared+1)
	s.Spend(maxBlocks - SpareBlocks - 20)
	n := int64(0)
	for ; !s.Full(); n++ {
		s.Set(0, IntegerKey(nil, n), large)
		s.Commit()
	}
	if left := s.slab.left(); n < 15 || n > 20 || left != SpareBlocks-1 {
		t.Errorf("full with %d large values, and %d blocks left", n, left)
	}
	view := s.View()
	for i := range int64(2) {
		s.Set(0, IntegerKey(nil, i), nil)
	}
	if s.Commit(); !s.Full() {
		t.Error("what a view shows takes no room")
	}
	view.Release()
	if s.Commit(); s.Full() {
		t.Error("there is no room for what was deleted")
	}
	s.Spend(s.slab.left() - 3)
	defer func() {
		if recover() == nil || s.slab.left() != 0 || len(s.slab.gone) > 0 {
			t.Error("there are more blocks than an index can tell apart")
		}
	}()
	for range 4 {
		s.slab.put(large)
	}
}

func TestFullSpaceReadsNothing(t *testing.T) {
	s := New(nil)
	l, c := newLoader(s), s.add("a", 0)
	s.Spend(maxBlocks - SpareBlocks)
	in := &source{r: bufio.NewReader(strings.NewReader("\x02\x02k\x01\x07"))}
	if s.Spend(1); in.item(l, c, "") != "" || !errors.Is(in.err, ErrFull) || c.order.n > 0 {
		t.Errorf("got %v, and %d items", in.err, c.order.n)
	}
}
