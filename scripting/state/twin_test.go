package state

import (
	"bufio"
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/scripting/value"
)

// twin is a Space that copies everything: what it says is right.
type twin []map[string]string

func newTwin() twin { return twin{{}, {}} }

func (t twin) clone() twin { return twin{maps.Clone(t[0]), maps.Clone(t[1])} }

func (t twin) set(number int, key, val string) {
	if val == "" {
		delete(t[number], key)
	} else {
		t[number][key] = val
	}
}

func (t twin) pairs(number int, lo, hi string, n int) (all []Pair) {
	for _, k := range slices.Sorted(maps.Keys(t[number])) {
		if k >= lo && (hi == "" || k < hi) && len(all) < n {
			all = append(all, Pair{k, t[number][k]})
		}
	}
	return all
}

// compare holds a view against its twin in every way there is to look.
func (t twin) compare(tb testing.TB, v *View, rng *rand.Rand) {
	tb.Helper()
	for i := range t {
		if got := v.Len(i); got != len(t[i]) {
			tb.Fatalf("collection %d: length %d, want %d", i, got, len(t[i]))
		}
		lo, hi, n := randomKey(rng), randomKey(rng), rng.IntN(20)
		for _, r := range []struct {
			lo, hi string
			n      int
		}{{"", "", 1 << 30}, {lo, hi, n}, {lo, "", n}} {
			got, want := v.Page(nil, i, r.lo, r.hi, r.n), t.pairs(i, r.lo, r.hi, r.n)
			if !slices.Equal(got, want) {
				tb.Fatalf("collection %d, page %q to %q: got %q, want %q", i, r.lo, r.hi, got, want)
			}
		}
		key := randomKey(rng)
		got, ok := v.Get(i, []byte(key))
		if want, there := t[i][key]; got != want || ok != there {
			tb.Fatalf("get %q: got %q, want %q", key, got, want)
		}
		all := t.pairs(i, "", "", 1<<30)
		if last, ok := v.Last(i); ok != (len(all) > 0) || ok && last != all[len(all)-1] {
			tb.Fatalf("last: got %q of %q", last, all)
		}
	}
}

func randomKey(rng *rand.Rand) string {
	if rng.IntN(3) == 0 {
		return string(IntegerKey(nil, int64(rng.IntN(20)-10)))
	}
	return string(StringKey(nil, string([]byte{'a' + byte(rng.IntN(6)), 'a' + byte(rng.IntN(6))})))
}

func randomValue(rng *rand.Rand) string {
	if rng.IntN(4) == 0 {
		return ""
	}
	return string(value.AppendString(nil, make([]byte, rng.IntN(50))))
}

// TestSpaceEqualsItsTwin drives a Space and a twin through the same random history: writes,
// commits, rollbacks to any mark, and views that live for a while.
func TestSpaceEqualsItsTwin(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 1))
		s, now := New([]string{"a", "b"}), newTwin()
		if seed%3 == 0 {
			s.spread = 7 << 61 // keys whose hashes are equal
		}
		committed := now.clone()
		type watch struct {
			v    *View
			then twin
		}
		var views []watch
		var seen lent
		var marks []watch
		var at []int
		for range 1500 {
			switch rng.IntN(24) {
			case 0:
				seen.check(t, s)
				committed, marks, at = now.clone(), nil, nil
			case 1:
				s.Rollback(0)
				now, marks, at = committed.clone(), nil, nil
			case 2:
				marks, at = append(marks, watch{then: now.clone()}), append(at, s.Mark())
			case 3:
				if n := len(marks) - 1; n >= 0 {
					s.Rollback(at[n])
					now, marks, at = marks[n].then, marks[:n], at[:n]
				}
			case 4, 5:
				seen.check(t, s)
				committed, marks, at = now.clone(), nil, nil
				views = append(views, watch{s.View(), now.clone()})
				checkTrees(t, s)
			case 6, 7:
				if len(views) > 0 {
					i := rng.IntN(len(views))
					views[i].v.Release()
					views = slices.Delete(views, i, i+1)
				}
			case 8:
				checkTrees(t, s)
				now.compare(t, s.Live(), rng)
				for _, w := range views {
					w.then.compare(t, w.v, rng)
				}
			default:
				number, key, val := rng.IntN(2), randomKey(rng), randomValue(rng)
				seen.look(s, number, key)
				s.Set(number, []byte(key), []byte(val))
				now.set(number, key, val)
			}
		}
		for _, w := range views {
			w.then.compare(t, w.v, rng)
			w.v.Release()
		}
		now.compare(t, s.Live(), rng)
		checkForgotten(t, s)
		checkWritten(t, s, now)
	}
}

// lent is what was read since the last Commit, and what it was then.
type lent struct{ got, want []string }

func (l *lent) look(s *Space, number int, key string) {
	val, _ := s.Live().Get(number, []byte(key))
	l.got, l.want = append(l.got, val), append(l.want, strings.Clone(val))
	for _, p := range s.Live().Page(nil, number, key, "", 2) {
		l.got, l.want = append(l.got, p.Key), append(l.want, strings.Clone(p.Key))
	}
}

// check demands that all of it is what it was, whatever was written or rolled back, and commits.
func (l *lent) check(t *testing.T, s *Space) {
	t.Helper()
	if !slices.Equal(l.got, l.want) {
		t.Fatalf("what was read has changed before Commit: got %q, want %q", l.got, l.want)
	}
	*l = lent{}
	s.Commit()
}

// checkForgotten demands that a Space without views keeps nothing of the past.
func checkForgotten(t *testing.T, s *Space) {
	t.Helper()
	s.Commit()
	for range 1000 {
		s.Commit() // which sweeps
	}
	if s.stale.n != 0 || s.count.Load() != 0 || len(s.views) != 0 {
		t.Fatalf("%d items to forget, %d views", s.stale.n, len(s.views))
	}
	cells := 0
	checkTrees(t, s)
	for _, c := range s.collections {
		if c.items.n != c.live || c.gone.n != 0 {
			t.Fatalf("%d items, %d live, %d gone", c.items.n, c.live, c.gone.n)
		}
		for at := range c.items.all() {
			if s.item(at).past != 0 {
				t.Fatalf("%q still has a past", s.key(at))
			}
		}
		cells += 2 * c.live // item and value
	}
	checkMemory(t, s, cells)
}

// checkTrees demands that the writer passes over nothing that is gone.
func checkTrees(t *testing.T, s *Space) {
	t.Helper()
	for _, c := range s.collections {
		gone := 0
		for at := range c.gone.all() {
			if it := s.item(at); it.val == 0 && it.past != 0 {
				gone++
			}
		}
		if c.order.n != c.live || c.gone.n != gone {
			t.Fatalf("%d in order, %d live, %d of %d gone", c.order.n, c.live, gone, c.gone.n)
		}
		c.order.valid(t)
		c.gone.valid(t)
	}
}

// checkMemory demands that just so many cells are in use.
func checkMemory(t *testing.T, s *Space, want int) {
	t.Helper()
	s.slab.valid(t)
	used := 0
	for _, b := range s.slab.blocks {
		used += int(b.used)
	}
	if used != want {
		t.Fatalf("%d cells in use, want %d", used, want)
	}
}

// checkWritten builds the same contents by another history and compares bytes and digests, then
// reads the bytes back.
func checkWritten(t *testing.T, s *Space, now twin) {
	t.Helper()
	other := New(s.Names())
	for i := range now {
		for k, v := range now[i] { // any order
			other.Set(i, []byte(k), []byte(v))
		}
	}
	other.Set(0, StringKey(nil, "passing"), value.AppendBool(nil, true))
	other.Set(0, StringKey(nil, "passing"), nil)
	if s.Digest() != other.Digest() {
		t.Fatalf("digest %x, want %x", other.Digest(), s.Digest())
	}
	bytesOf := func(s *Space) []byte {
		var buf bytes.Buffer
		if n, err := s.View().WriteTo(&buf); err != nil || n != int64(buf.Len()) {
			t.Fatalf("wrote %d of %d: %v", n, buf.Len(), err)
		}
		return buf.Bytes()
	}
	first := bytesOf(s)
	if !bytes.Equal(first, bytesOf(other)) {
		t.Fatal("equal contents, unequal bytes")
	}
	again, err := Read(bufio.NewReader(bytes.NewReader(first)))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, bytesOf(again)) || again.Digest() != s.Digest() {
		t.Fatal("what was read back differs")
	}
}
