package state

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

// TestWarmChangesNothing, whatever the keys are: there, deleted, never seen, or too many.
func TestWarmChangesNothing(t *testing.T) {
	s := New([]string{"a", "b"})
	var sought []Sought
	for i := range 3 * MaxWarm {
		sought = append(sought, Sought{Number: i % 2, Key: StringKey(nil, fmt.Sprint("key", i))})
		if i%3 != 0 {
			s.Set(i%2, sought[i].Key, []byte(fmt.Sprint("value", i)))
		}
	}
	for i := 0; i < len(sought); i += 4 {
		s.Set(i%2, sought[i].Key, nil)
		sought[i+1].Key = nil
	}
	s.Commit()
	before := s.Digest()
	for from := range sought {
		s.Warm(sought[from:])
	}
	s.Warm(nil)
	if s.Digest() != before || s.Mark() != 0 {
		t.Errorf("digest %x, was %x; %d writes", s.Digest(), before, s.Mark())
	}
}

// TestPutIsSetAndCommit puts and deletes keys that were looked at a while ago, in a Space and by
// Set in a twin, with views that come and go.
func TestPutIsSetAndCommit(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 5))
		s, now := New([]string{"a", "b"}), newTwin()
		if seed%3 == 0 {
			s.spread = 7 << 61 // keys whose hashes are equal
		}
		type watch struct {
			v    *View
			then twin
		}
		var views []watch
		sought := make([]Sought, MaxWarm)
		for range 100 {
			for i := range sought {
				sought[i] = Sought{Number: rng.IntN(2), Key: []byte(randomKey(rng))}
			}
			s.Warm(sought)
			for i := range sought {
				q, val := &sought[i], randomValue(rng)
				switch rng.IntN(12) {
				case 0:
					views = append(views, watch{s.View(), now.clone()})
				case 1:
					if len(views) > 3 {
						views[0].then.compare(t, views[0].v, rng)
						views[0].v.Release()
						views = views[1:]
					}
				}
				if val == "" {
					s.Set(q.Number, q.Key, nil)
					s.Commit()
				} else {
					s.Put(q, []byte(val))
				}
				now.set(q.Number, string(q.Key), val)
			}
			now.compare(t, s.Live(), rng)
		}
		for _, w := range views {
			w.then.compare(t, w.v, rng)
			w.v.Release()
		}
		checkForgotten(t, s)
		checkWritten(t, s, now)
	}
}

// TestPutBesideReaders puts, over what is there and beside it, while readers demand of every view
// that it shows what its twin does: for the race detector, above all.
func TestPutBesideReaders(t *testing.T) {
	type watch struct {
		v    *View
		then twin
	}
	draw := func(rng *rand.Rand, sought []Sought) {
		for i := range sought {
			sought[i] = Sought{Number: rng.IntN(2), Key: StringKey(nil, fmt.Sprint(rng.IntN(2000)))}
		}
	}
	views := make(chan watch)
	var readers sync.WaitGroup
	for n := range uint64(2) {
		readers.Go(func() {
			rng, sought := rand.New(rand.NewPCG(n, 6)), make([]Sought, MaxWarm)
			for w := range views {
				for range 8 {
					draw(rng, sought)
					w.v.GetAll(sought)
					for i := range sought {
						q := &sought[i]
						if want := w.then[q.Number][string(q.Key)]; q.Val != want {
							t.Errorf("%q is %q, want %q", q.Key, q.Val, want)
						}
					}
					w.then.compare(t, w.v, rng)
				}
				w.v.Release()
			}
		})
	}
	rng, sought := rand.New(rand.NewPCG(1, 7)), make([]Sought, MaxWarm)
	s, now := New([]string{"a", "b"}), newTwin()
	for n := range 400 {
		draw(rng, sought)
		s.Warm(sought)
		if n%8 == 0 {
			views <- watch{s.View(), now.clone()}
		}
		for i := range sought {
			q, val := &sought[i], randomValue(rng)
			if now.set(q.Number, string(q.Key), val); val != "" {
				s.Put(q, []byte(val))
			} else {
				s.SetSought(q, nil)
				s.Commit()
			}
		}
	}
	close(views)
	readers.Wait()
	checkForgotten(t, s)
	checkWritten(t, s, now)
}
