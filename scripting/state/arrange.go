package state

import (
	"errors"
	"slices"
)

// ErrCrowded is returned by Arrange for more than MaxCollections.
var ErrCrowded = errors.New("state: too many collections")

// Arrange numbers the collections anew, as a machine does that another version of its script takes
// over: first come those of these names, in this order, made where they are missing; behind them,
// in the order that they had, those of other names that hold something. Empty ones of other names
// are forgotten. Names are different from each other.
//
// Content does not change, and nothing is journalled: undo takes it all back, beside Rollback.
// Views go on as they were; a Live does not.
func (s *Space) Arrange(names []string) (undo func(), err error) {
	was := s.collections
	now := make([]*collection, 0, len(names))
	for _, name := range names {
		i := slices.IndexFunc(was, func(c *collection) bool { return c.name == name })
		if i < 0 {
			now = append(now, s.newCollection(name, 0))
		} else {
			now = append(now, was[i])
		}
	}
	for _, c := range was {
		if c.live > 0 && !slices.Contains(now, c) {
			now = append(now, c)
		}
	}
	if len(now) > MaxCollections {
		return nil, ErrCrowded
	}
	change := order(now) - order(was)
	s.collections, s.digest = now, s.digest+change
	return func() { s.collections, s.digest = was, s.digest-change }, nil
}

// order is what names and numbers of collections are to the digest.
func order(all []*collection) (sum uint64) {
	for i, c := range all {
		sum += scramble(c.seed + uint64(i+1))
	}
	return sum
}

// Copy returns a Space of its own with what the view shows.
func (v *View) Copy() *Space {
	s := New(nil)
	l := newLoader(s)
	defer l.end()
	var page []Pair
	for i, c := range v.all {
		in := s.add(c.name, v.Len(i))
		for lo := ""; ; lo = page[len(page)-1].Key + "\x00" {
			if page = v.Page(page[:0], i, lo, "", pageSize); len(page) == 0 {
				break
			}
			for _, p := range page {
				l.add(in, raw(p.Key), raw(p.Val))
			}
		}
	}
	return s
}

// Sizes returns how many items each collection has, by name.
func (v *View) Sizes() map[string]int {
	sizes := make(map[string]int, len(v.all))
	for i, c := range v.all {
		sizes[c.name] = v.Len(i)
	}
	return sizes
}
