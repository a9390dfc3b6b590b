package state

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tidelock-raft/tidelock/scripting/value"
)

func put(s *Space, key string, n int) {
	s.Set(0, StringKey(nil, key), value.AppendNumber(nil, float64(n)))
}

// TestViewsAreStableBesideAWriter writes the round's number under every key, round after round,
// while readers demand that whatever view they get shows one round only.
func TestViewsAreStableBesideAWriter(t *testing.T) {
	const keys, rounds, readers = 50, 300, 3
	s := New([]string{"a"})
	views := make(chan *View)
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			for v := range views {
				page := v.Page(nil, 0, "", "", keys+1)
				if len(page) != v.Len(0) {
					t.Errorf("page of %d, length %d", len(page), v.Len(0))
				}
				for _, p := range page {
					if p.Val != page[0].Val {
						t.Errorf("a view of two rounds: %x and %x", p.Val, page[0].Val)
					}
				}
				v.Release()
			}
		})
	}
	for round := range rounds {
		for k := range keys {
			put(s, fmt.Sprint(k), round)
		}
		if round%3 == 0 {
			s.Set(0, StringKey(nil, fmt.Sprint(round%keys)), nil)
		}
		s.Commit()
		v := s.View()
		select {
		case views <- v:
		default:
			v.Release()
		}
	}
	close(views)
	wg.Wait()
	checkForgotten(t, s)
}

// TestLongViewCostsOneCopyPerKey holds a view while others come and go: an item keeps one older
// value for it and none for those that have gone.
func TestLongViewCostsOneCopyPerKey(t *testing.T) {
	s := New([]string{"a"})
	put(s, "k", 0)
	long := s.View()
	for i := range 1000 {
		v := s.View()
		put(s, "k", i+1)
		v.Release()
		s.Commit()
	}
	depth, key := 0, StringKey(nil, "k")
	for p := s.item(s.collections[0].items.likely(s.keyHash(key))).past; p != 0; p = s.past(p).older {
		depth++
	}
	if depth > 2 {
		t.Errorf("%d older values for one view", depth)
	}
	if val, _ := long.Get(0, StringKey(nil, "k")); val != "\x00" {
		t.Errorf("the view shows %x, want 00", val)
	}
	long.Release()
	long.Release() // does nothing
	checkForgotten(t, s)
}

func TestPageGoesPastManyInvisibleItems(t *testing.T) {
	s := New([]string{"a"})
	put(s, "z", 1)
	v := s.View()
	for i := range 3 * maxVisit {
		put(s, fmt.Sprintf("k%05d", i), i)
	}
	if page := v.Page(nil, 0, "", "", 5); len(page) != 1 || page[0].Key != "\x02z" {
		t.Errorf("got %q, want the one item of the view", page)
	}
	v.Release()
}

// TestViewOfUncommittedWritesFollowsARollback, at the ends too.
func TestViewOfUncommittedWritesFollowsARollback(t *testing.T) {
	s := New([]string{"a"})
	for i, key := range []string{"b", "c", "d"} {
		put(s, key, i)
	}
	s.Commit()
	for _, key := range []string{"b", "d"} {
		s.Set(0, StringKey(nil, key), nil)
	}
	put(s, "x", 1)
	v := s.View()
	s.Rollback(0)
	s.Commit()
	page := v.Page(nil, 0, "", "", 9)
	if last, ok := v.Last(0); len(page) != 3 || page[0].Key != "\x02b" || !ok || last != page[2] {
		t.Errorf("got %q, last %q", page, last)
	}
	v.Release()
	checkForgotten(t, s)
}

// TestViewBeginsWhereItHasSomething: it passes over nothing that was gone when it was made.
func TestViewBeginsWhereItHasSomething(t *testing.T) {
	s := New([]string{"a", "b"})
	for i := range 5 {
		put(s, fmt.Sprint(i), i)
	}
	s.Commit()
	older := s.View()
	for _, key := range []string{"0", "1", "4"} {
		s.Set(0, StringKey(nil, key), nil)
	}
	s.Commit()
	v := s.View()
	put(s, "1", 1)
	put(s, "9", 9)
	s.Commit()
	want := []span{{2, "\x022", "\x023"}, {first: "\xff"}}
	if !slices.Equal(v.spans, want) || v.ends() != "23" || older.ends() != "04" ||
		s.Live().ends() != "19" {
		t.Errorf("got %+v; %s, %s, %s", v.spans, v.ends(), older.ends(), s.Live().ends())
	}
	older.Release()
	v.Release()
	checkForgotten(t, s)
}

// ends are the first and the last key.
func (v *View) ends() string {
	last, _ := v.Last(0)
	return v.Page(nil, 0, "", "", 1)[0].Key[1:] + last.Key[1:]
}

func TestKeysOrderIntegersBeforeStrings(t *testing.T) {
	ordered := []string{}
	for _, n := range []int64{-value.MaxInteger, -300, -1, 0, 1, 255, 256, value.MaxInteger} {
		ordered = append(ordered, string(IntegerKey(nil, n)))
	}
	for _, k := range []string{"", "1", "a", "a\x00", "b", strings.Repeat("z", value.MaxKey)} {
		ordered = append(ordered, string(StringKey(nil, k)))
	}
	for i, key := range ordered {
		if i > 0 && ordered[i-1] >= key {
			t.Errorf("%q is not before %q", ordered[i-1], key)
		}
		if err := CheckKey(key); err != nil {
			t.Error(err)
		}
		s, n, isString := SplitKey(key)
		again := IntegerKey(nil, n)
		if isString {
			again = StringKey(nil, s)
		}
		if string(again) != key {
			t.Errorf("split and joined %q gives %q", key, again)
		}
	}
	for _, bad := range []string{"", "\x00", "\x03a", "\x01", "\x01\xff\xff\xff\xff\xff\xff\xff\xff",
		"\x02" + strings.Repeat("z", value.MaxKey+1)} {
		if CheckKey(bad) == nil {
			t.Errorf("%.20q is no key", bad)
		}
	}
}

// TestQueueIsFirstInFirstOut over many chunks, and keeps no more of them than it needs.
func TestQueueIsFirstInFirstOut(t *testing.T) {
	var q queue
	in, out := uint64(0), uint64(0)
	for range 5 {
		for range 3 * chunkSize {
			q.push(stale{epoch: in})
			in++
		}
		for range 3*chunkSize - 7 {
			if got := q.first().epoch; got != out {
				t.Fatalf("got %d, want %d", got, out)
			}
			q.pop()
			out++
		}
		if q.n != int(in-out) || len(q.chunks) > 2 {
			t.Fatalf("%d, want %d; %d chunks", q.n, in-out, len(q.chunks))
		}
	}
}
