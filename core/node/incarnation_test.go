package node

import (
	"testing"
	"time"
)

// TestIncarnationsRise for ten years. What an earlier run passed on is told by it from what a later
// one does: were it lower, a leader would take all of that for repetitions.
func TestIncarnationsRise(t *testing.T) {
	begin, last := time.UnixMilli(epoch).UTC(), uint32(0)
	if begin != time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC) {
		t.Fatalf("they begin at %v", begin)
	}
	for at := begin; at.Before(begin.AddDate(10, 0, 0)); at = at.Add(1999 * time.Second) {
		for _, later := range []time.Duration{100 * time.Millisecond, 7 * time.Second} {
			now := Incarnation(at.Add(later))
			if now <= last {
				t.Fatalf("at %v: got %d after %d", at, now, last)
			}
			last = now
		}
	}
	if got := Incarnation(begin.AddDate(-1, 0, 0)); got == 0 {
		t.Error("a clock that is wrong gives none")
	}
}
