package engine

import (
	"math/rand"
	"slices"
	"testing"
)

// TestQueueIsASlice checks the ring against a slice.
func TestQueueIsASlice(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	var q queue[int]
	var twin []int
	for step := range 20_000 {
		switch op := rng.Intn(8); {
		case op < 4:
			q.push(step)
			twin = append(twin, step)
		case len(twin) == 0:
		case op == 4:
			q.popLast()
			twin = twin[:len(twin)-1]
		case op == 5:
			i := rng.Intn(len(twin))
			q.removeAt(i)
			twin = slices.Delete(twin, i, i+1)
		default:
			q.pop()
			twin = twin[1:]
		}
		if q.len() != len(twin) {
			t.Fatalf("step %d: len %d, want %d", step, q.len(), len(twin))
		}
		if len(twin) > 0 && (*q.first() != twin[0] || *q.last() != twin[len(twin)-1]) {
			t.Fatalf("step %d: ends %d, %d, want %d, %d",
				step, *q.first(), *q.last(), twin[0], twin[len(twin)-1])
		}
		if i := step % max(1, len(twin)); len(twin) > 0 && *q.at(i) != twin[i] {
			t.Fatalf("step %d: element %d is %d, want %d", step, i, *q.at(i), twin[i])
		}
	}
	half := func(v *int) bool { return *v <= twin[len(twin)/2] }
	if got := q.countWhile(half); got != len(twin)/2+1 {
		t.Fatalf("countWhile: got %d, want %d", got, len(twin)/2+1)
	}
}
