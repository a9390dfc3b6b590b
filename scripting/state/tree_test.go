package state

import (
	"encoding/binary"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// all are the items, by key.
func (t *tree) all() iter.Seq[cell] {
	return func(yield func(cell) bool) {
		c := cursor{t: t}
		for in := c.seek("", forwards); in && yield(c.item()); in = c.move(forwards) {
		}
	}
}

// valid checks the invariants of a tree.
func (t *tree) valid(tb testing.TB) {
	tb.Helper()
	var leaves []*node
	depth := 0
	var check func(n *node, above int)
	check = func(n *node, above int) {
		if len(n.items) == 0 || len(n.items) > fan || n.kids != nil && len(n.kids) != len(n.items) {
			tb.Fatalf("a node has %d items and %d kids", len(n.items), len(n.kids))
		}
		if n.kids == nil {
			if leaves = append(leaves, n); len(leaves) > 1 && above != depth {
				tb.Fatalf("leaves at depths %d and %d", depth, above)
			}
			depth = above
		}
		for i, kid := range n.kids {
			if check(kid, above+1); n.items[i] != kid.items[0] {
				tb.Fatalf("kid %d begins with %x, its branch says %x", i, kid.items[0], n.items[i])
			}
			if i > 0 && len(n.kids[i-1].items)+len(kid.items) <= fan/2 {
				tb.Fatalf("kids of %d and %d items", len(n.kids[i-1].items), len(kid.items))
			}
		}
	}
	if t.root != nil {
		check(t.root, 1)
	}
	count, last := 0, ""
	for _, leaf := range leaves {
		for _, at := range leaf.items {
			if key := t.slab.key(at); count > 0 && key <= last {
				tb.Fatalf("%q after %q", key, last)
			}
			count, last = count+1, t.slab.key(at)
		}
	}
	if count != t.n || depth > maxDepth {
		tb.Fatalf("%d items of %d, depth %d", count, t.n, depth)
	}
}

// treed is a tree and its twin, of items by key.
type treed struct {
	tree
	twin map[string]cell
}

func newTreed() *treed { return &treed{tree{slab: new(slab)}, map[string]cell{}} }

func (t *treed) item(key string) cell {
	s := Space{slab: *t.slab}
	at := s.lay(raw(key))
	*t.slab = s.slab
	t.twin[key] = at
	return at
}

// toggle adds an item of a key if it is not there, else it removes it.
func (t *treed) toggle(key string) {
	at, ok := t.twin[key]
	if !ok {
		t.set(t.item(key))
		return
	}
	t.delete(key)
	t.slab.free(at)
	delete(t.twin, key)
}

// check compares it with the sorted keys of its twin: from each of these keys on, and back.
func (t *treed) check(tb testing.TB, from ...string) {
	tb.Helper()
	t.valid(tb)
	var want []string
	for key := range t.twin {
		want = append(want, key)
	}
	slices.Sort(want)
	for _, lo := range append(from, "", beyond) {
		i, found := slices.BinarySearch(want, lo)
		c := cursor{t: &t.tree}
		in := c.seek(lo, forwards)
		for _, key := range want[i:] {
			if !in || c.key() != key || c.item() != t.twin[key] {
				tb.Fatalf("from %q on: %q is not there, or another item", lo, key)
			}
			in = c.move(forwards)
		}
		if in || c.move(forwards) {
			tb.Fatalf("from %q on: %q is too much", lo, c.key())
		}
		if found {
			i++
		}
		in = c.seek(lo, backwards)
		for _, key := range slices.Backward(want[:i]) {
			if !in || c.key() != key || c.item() != t.twin[key] {
				tb.Fatalf("back from %q: %q is not there, or another item", lo, key)
			}
			in = c.move(backwards)
		}
		if in || c.move(backwards) {
			tb.Fatalf("back from %q: %q is too much", lo, c.key())
		}
	}
}

func orderedKey(n int) string { return string(IntegerKey(nil, int64(n))) }

// TestTreeEqualsItsTwin as it grows and shrinks, at random and from its ends.
func TestTreeEqualsItsTwin(t *testing.T) {
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 7))
		x, most := newTreed(), 200<<seed
		for wave := range 12 {
			grow := wave%2 == 0
			for i := range most {
				n := rng.IntN(most)
				switch wave % 6 {
				case 2:
					n = i // ascending
				case 3, 4:
					n = most - i // descending
				}
				if _, is := x.twin[orderedKey(n)]; is == grow && rng.IntN(8) > 0 {
					continue
				}
				if x.toggle(orderedKey(n)); i%61 == 0 {
					x.valid(t)
				}
			}
			x.check(t, orderedKey(rng.IntN(most)), orderedKey(rng.IntN(most)), orderedKey(most))
		}
		for key := range x.twin {
			x.toggle(key)
		}
		if x.check(t, orderedKey(1)); x.root != nil {
			t.Fatal("an empty tree has a node")
		}
	}
}

// TestTreeThatIsLoaded goes on as any other; and its nodes are full, as those of one that is filled
// by ascending keys.
func TestTreeThatIsLoaded(t *testing.T) {
	for _, n := range []int{0, 1, fan, fan + 1, fan * fan, fan*fan + 1, 3*fan*fan + 5} {
		loaded, filled := newTreed(), newTreed()
		for i := range n {
			loaded.load(loaded.item(orderedKey(2 * i)))
			filled.set(filled.item(orderedKey(2 * i)))
		}
		loaded.check(t, orderedKey(n), orderedKey(n+1))
		filled.check(t)
		for _, x := range []*treed{loaded, filled} {
			if got, want := x.leaves(), (n+fan-1)/fan; got != want {
				t.Errorf("%d items are in %d leaves, want %d", n, got, want)
			}
		}
		for i := range n {
			loaded.toggle(orderedKey(i))
		}
		loaded.check(t, orderedKey(n))
	}
}

func (t *tree) leaves() (n int) {
	var count func(at *node)
	count = func(at *node) {
		if at.kids == nil {
			n++
		}
		for _, kid := range at.kids {
			count(kid)
		}
	}
	if t.root != nil {
		count(t.root)
	}
	return n
}

func FuzzTree(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\x00\x01"), uint16(0), uint8(3))
	f.Fuzz(func(t *testing.T, numbers []byte, load uint16, repeat uint8) {
		x := newTreed()
		for i := range load % (2 * fan * fan) {
			x.load(x.item(orderedKey(int(i) * 16)))
		}
		for i := 0; i+1 < len(numbers); i += 2 {
			n := int(binary.LittleEndian.Uint16(numbers[i:]))
			for k := range int(repeat) + 1 { // runs of neighbours come and go
				x.toggle(orderedKey(n + k))
			}
		}
		x.check(t, orderedKey(int(load)), strings.Repeat("\x01", int(repeat)%4))
	})
}

func BenchmarkTree(b *testing.B) {
	for name, at := range map[string]func(n int) int{
		"ascending": func(n int) int { return n },
		"random":    func(n int) int { return int(even(uint64(n)) >> 12) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var t *tree
			s := new(Space)
			for i := 0; b.Loop(); i++ {
				if i%1_000_000 == 0 {
					s = new(Space)
					t = &tree{slab: &s.slab}
				}
				t.set(s.lay(raw(orderedKey(at(i % 1_000_000)))))
			}
		})
	}
}
