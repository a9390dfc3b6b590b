package state

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// named is a twin of a Space that is arranged anew: contents by name, and the order of names.
type named struct {
	order []string
	items map[string]map[string]string
}

func (t named) clone() named {
	c := named{slices.Clone(t.order), map[string]map[string]string{}}
	for name, items := range t.items {
		c.items[name] = maps.Clone(items)
	}
	return c
}

func (t *named) arrange(names []string) {
	all := slices.Clone(names)
	for _, name := range t.order {
		if len(t.items[name]) > 0 && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	items := map[string]map[string]string{}
	for _, name := range all {
		if items[name] = t.items[name]; items[name] == nil {
			items[name] = map[string]string{}
		}
	}
	t.order, t.items = all, items
}

// written is a Space made of the twin alone, and what it writes.
func (t named) written(tb testing.TB) (*Space, []byte) {
	tb.Helper()
	s := New(t.order)
	for i, name := range t.order {
		for key, val := range t.items[name] {
			s.Set(i, []byte(key), []byte(val))
		}
	}
	s.Commit()
	return s, bodyOf(tb, s.Live())
}

func bodyOf(tb testing.TB, v *View) []byte {
	tb.Helper()
	var body bytes.Buffer
	if _, err := v.WriteTo(&body); err != nil {
		tb.Fatal(err)
	}
	return body.Bytes()
}

// TestArrangedSpaceEqualsItsTwin writes, arranges, undoes and rolls back at random: a Space always
// equals one that was made for what it holds, and views and copies of them stay as they were.
func TestArrangedSpaceEqualsItsTwin(t *testing.T) {
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 11))
		s, twin := New([]string{"a", "b"}), named{}
		twin.arrange([]string{"a", "b"})
		type frozen struct {
			v    *View
			body []byte
		}
		var views []frozen
		for step := range 200 {
			committed := twin.clone()
			scribble(s, &twin, rng)
			var names []string
			for _, i := range rng.Perm(5)[:1+rng.IntN(4)] {
				names = append(names, fmt.Sprint(string(rune('a'+i))))
			}
			undo, err := s.Arrange(names)
			if err != nil {
				t.Fatal(err)
			}
			twin.arrange(names)
			scribble(s, &twin, rng)
			switch rng.IntN(3) {
			case 0:
				s.Rollback(0)
				undo()
				twin = committed
			case 1:
				undo() // the other way round is the same
				s.Rollback(0)
				twin = committed
			}
			s.Commit()
			want, body := twin.written(t)
			if s.Digest() != want.Digest() || !bytes.Equal(bodyOf(t, s.Live()), body) {
				t.Fatalf("seed %d, step %d: the Space differs from its twin", seed, step)
			}
			if rng.IntN(4) == 0 {
				views = append(views, frozen{s.View(), body})
			}
			for i := 0; i < len(views); i++ {
				c := views[i].v.Copy()
				if !bytes.Equal(bodyOf(t, views[i].v), views[i].body) ||
					!bytes.Equal(bodyOf(t, c.Live()), views[i].body) {
					t.Fatalf("seed %d, step %d: a view or its copy has changed", seed, step)
				}
				if rng.IntN(3) == 0 {
					views[i].v.Release()
					views = slices.Delete(views, i, i+1)
				}
			}
			if rng.IntN(20) == 0 {
				if s, err = Read(bufio.NewReader(bytes.NewReader(body))); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// scribble writes a few times to any collection.
func scribble(s *Space, twin *named, rng *rand.Rand) {
	for range 3 {
		i := rng.IntN(len(twin.order))
		key, val := randomKey(rng), ""
		if rng.IntN(3) > 0 {
			val = string([]byte{byte(rng.IntN(100))})
		}
		s.Set(i, []byte(key), []byte(val))
		if items := twin.items[twin.order[i]]; val == "" {
			delete(items, key)
		} else {
			items[key] = val
		}
	}
}

func TestArrangeRefusesTooMany(t *testing.T) {
	s := New([]string{"held"})
	s.Set(0, StringKey(nil, "k"), []byte{1})
	s.Commit()
	var names []string
	for i := range MaxCollections {
		names = append(names, fmt.Sprint(i))
	}
	before := bodyOf(t, s.Live())
	if _, err := s.Arrange(names); !errors.Is(err, ErrCrowded) {
		t.Errorf("got %v, want ErrCrowded", err)
	}
	if !bytes.Equal(before, bodyOf(t, s.Live())) {
		t.Error("a refused Arrange changed the Space")
	}
	if _, err := s.Arrange(names[1:]); err != nil {
		t.Error(err)
	}
	if sizes := s.Live().Sizes(); len(sizes) != MaxCollections || sizes["held"] != 1 {
		t.Errorf("%d collections, %d held", len(sizes), sizes["held"])
	}
}
