package state

import (
	"fmt"
	"testing"
)

// TestWarmChangesNothing, whatever the keys are: there, deleted, never seen, or too many.
func TestWarmChangesNothing(t *testing.T) {
	s := New([]string{"a"})
	var keys [][]byte
	for i := range 3 * MaxWarm {
		keys = append(keys, StringKey(nil, fmt.Sprint("key", i)))
		if i%3 != 0 {
			s.Set(0, keys[i], []byte(fmt.Sprint("value", i)))
		}
	}
	for i := 0; i < len(keys); i += 4 {
		s.Set(0, keys[i], nil)
	}
	s.Commit()
	before := s.Digest()
	for from := range keys {
		s.Warm(0, keys[from:])
	}
	s.Warm(0, nil)
	if s.Digest() != before || s.Mark() != 0 {
		t.Errorf("digest %x, was %x; %d writes", s.Digest(), before, s.Mark())
	}
	if !s.Large(1) || s.Large(1000) || New([]string{"a", "b"}).Large(0) {
		t.Error("Large: one collection with so many items")
	}
}
