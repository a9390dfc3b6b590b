package sim

import (
	"math/rand"
	"slices"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// TestQueueAgainstTwin holds the queue against a list that is sorted anew each time.
func TestQueueAgainstTwin(t *testing.T) {
	type due struct {
		at     core.Instant
		number int
	}
	rng := rand.New(rand.NewSource(1))
	var q queue
	var twin []due
	var ran int
	for number := range 20_000 {
		if rng.Intn(2) == 0 || len(twin) == 0 {
			at := core.Instant(rng.Intn(1000))
			q.push(at, func() { ran = number })
			twin = append(twin, due{at, number})
			continue
		}
		slices.SortStableFunc(twin, func(a, b due) int { return int(a.at - b.at) })
		if at, ok := q.next(); !ok || at != twin[0].at {
			t.Fatalf("next: got %d, want %d", at, twin[0].at)
		}
		e := q.pop()
		if e.run(); e.at != twin[0].at || ran != twin[0].number {
			t.Fatalf("got event %d at %d, want %v", ran, e.at, twin[0])
		}
		twin = twin[1:]
	}
}
