package histogram

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestQuantilesEqualThoseOfASortedList compares with a list of all that was added.
func TestQuantilesEqualThoseOfASortedList(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, longest := range []int64{1, 100, 1e4, 1e6, 1e9, 1e12} {
		var h Histogram
		var all []time.Duration
		for range 2999 {
			d := time.Duration(random.Int64N(longest) >> random.IntN(20))
			all = append(all, d)
			h.Add(d)
		}
		slices.Sort(all)
		if h.Count() != uint64(len(all)) || h.Max() != all[len(all)-1] {
			t.Errorf("count %d, longest %v", h.Count(), h.Max())
		}
		for _, q := range []float64{0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1} {
			want := all[max(int(math.Ceil(q*float64(len(all)))), 1)-1]
			if got := h.Quantile(q); got < want || got > want+want/64 {
				t.Errorf("up to %d: quantile %v: got %d, want %d", longest, q, got, want)
			}
		}
	}
}

// TestBucketsFollowEachOther goes over the first and the last of each.
func TestBucketsFollowEachOther(t *testing.T) {
	for i := range buckets {
		last := uint64(upper(i))
		if bucket(last) != i || last+1 < 1<<maxBits && bucket(last+1) != i+1 {
			t.Fatalf("bucket %d: %d falls into %d, the next into %d", i, last, bucket(last),
				bucket(last+1))
		}
	}
	if upper(buckets-1) != 1<<maxBits-1 {
		t.Errorf("the last ends at %d", upper(buckets-1))
	}
}

func TestLimitsAndEmptiness(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 || h.Max() != 0 || h.Count() != 0 {
		t.Error("the empty one is not empty")
	}
	h.Add(-time.Second)
	h.Add(1000 * time.Hour)
	if h.Quantile(0) != 0 || h.Max() != 1<<maxBits-1 || h.Quantile(1) != h.Max() {
		t.Errorf("got %v to %v", h.Quantile(0), h.Max())
	}
}

func TestManyAddAtOnce(t *testing.T) {
	var h, sum Histogram
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			for n := range 1000 {
				h.Add(time.Duration(i*1000 + n))
			}
		})
	}
	group.Wait()
	sum.Merge(&h)
	sum.Merge(&h)
	if sum.Count() != 8000 || sum.Max() != 3999 || sum.Quantile(1) != 3999 {
		t.Errorf("got %d, longest %v", sum.Count(), sum.Max())
	}
}
