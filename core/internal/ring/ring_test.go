package ring

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestRingIsASlice checks the ring against a slice.
func TestRingIsASlice(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 0))
	var r Ring[int]
	var twin []int
	for step := 1; step < 20_000; step++ {
		before := slices.Clone(twin)
		got, want := 0, 0
		switch op := rng.IntN(8); {
		case op < 4:
			r.Push(step)
			twin = append(twin, step)
		case step%5000 == 0:
			r.Clear()
			twin = nil
		case len(twin) == 0:
		case op == 4:
			got, want = r.PopLast(), twin[len(twin)-1]
			twin = twin[:len(twin)-1]
		case op == 5:
			i := rng.IntN(len(twin))
			r.RemoveAt(i)
			twin = slices.Delete(twin, i, i+1)
		default:
			got, want = r.Pop(), twin[0]
			twin = twin[1:]
		}
		if got != want || !slices.Equal(contents(&r), twin) {
			t.Fatalf("step %d: from %v to %v and %d, want %v and %d",
				step, before, contents(&r), got, twin, want)
		}
	}
	half := func(v *int) bool { return *v <= twin[len(twin)/2] }
	if got := r.CountWhile(half); got != len(twin)/2+1 {
		t.Errorf("CountWhile: got %d, want %d", got, len(twin)/2+1)
	}
	kept := 0
	for _, v := range r.items {
		if v != 0 {
			kept++
		}
	}
	if kept != r.Len() || *r.First() != twin[0] || *r.Last() != twin[len(twin)-1] {
		t.Errorf("%d elements of %d are kept", kept, r.Len())
	}
}

func contents(r *Ring[int]) (all []int) {
	for i := range r.Len() {
		all = append(all, *r.At(i))
	}
	return all
}
