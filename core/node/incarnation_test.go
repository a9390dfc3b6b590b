package node

import (
	"testing"
	"time"
)

// TestIncarnationsRise for six years. What an earlier run passed on is told by it from what a later
// one does: were it lower, a leader would take all of that for repetitions.
func TestIncarnationsRise(t *testing.T) {
	begin, last := time.UnixMilli(epoch).UTC(), uint32(0)
	if begin != time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC) {
		t.Fatalf("they begin at %v", begin)
	}
	for at := begin; at.Before(begin.AddDate(6, 0, 0)); at = at.Add(1999 * time.Second) {
		for _, later := range []time.Duration{100 * time.Millisecond, 7 * time.Second} {
			now := Incarnation(at.Add(later))
			if now <= last {
				t.Fatalf("at %v: got %d after %d", at, now, last)
			}
			last = now
		}
	}
	for years, want := range map[int]uint32{-1: 1, 10: 1<<31 - 1, 1000: 1<<31 - 1} {
		if got := Incarnation(begin.AddDate(years, 0, 0)); got != want {
			t.Errorf("%d years later: got %d, want %d", years, got, want)
		}
	}
}
