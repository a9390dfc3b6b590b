// Package histogram counts durations in a bounded number of buckets: up to 128 ns each has one of
// its own, above that a bucket is less than 1/64 of what falls into it, so a quantile is at most so
// much too large. Nothing is kept of single values, however many there are.
package histogram

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	// fineBits is how many bits of a duration, from its highest on, tell buckets apart.
	fineBits = 6
	// maxBits bounds durations: 2^maxBits ns is 18 minutes. Longer ones count as that long.
	maxBits = 40
	buckets = (maxBits - fineBits + 1) << fineBits
)

// Histogram counts durations. Its methods may be called from several goroutines; one that is read
// while it is added to tells of some of what is being added. The zero value is empty.
type Histogram struct {
	counts [buckets]atomic.Uint64
	max    atomic.Int64
}

// Add counts a duration; a negative one counts as 0.
func (h *Histogram) Add(d time.Duration) {
	d = min(max(d, 0), 1<<maxBits-1)
	h.counts[bucket(uint64(d))].Add(1)
	for seen := h.max.Load(); int64(d) > seen && !h.max.CompareAndSwap(seen, int64(d)); {
		seen = h.max.Load()
	}
}

// bucket is the number of the bucket of a duration: below 2^fineBits itself; above, the bits behind
// its highest, and how far they had to be shifted.
func bucket(d uint64) int {
	shift := max(bits.Len64(d)-fineBits-1, 0)
	return shift<<fineBits + int(d>>shift)
}

// upper is the longest duration in a bucket.
func upper(bucket int) time.Duration {
	shift := max(bucket>>fineBits-1, 0)
	return time.Duration((uint64(bucket-shift<<fineBits)+1)<<shift - 1)
}

// Merge adds what another has counted.
func (h *Histogram) Merge(o *Histogram) {
	for i := range o.counts {
		if n := o.counts[i].Load(); n > 0 {
			h.counts[i].Add(n)
		}
	}
	if longest := o.max.Load(); longest > h.max.Load() {
		h.max.Store(longest)
	}
}

// Count is how many were counted.
func (h *Histogram) Count() uint64 {
	var n uint64
	for i := range h.counts {
		n += h.counts[i].Load()
	}
	return n
}

// Max is the longest; 0 if there is none.
func (h *Histogram) Max() time.Duration { return time.Duration(h.max.Load()) }

// Quantile is the duration that a share q of all, from 0 to 1, does not exceed; 0 if there is none.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := max(uint64(math.Ceil(q*float64(h.Count()))), 1)
	var n uint64
	for i := range h.counts {
		if n += h.counts[i].Load(); n >= rank {
			return min(upper(i), h.Max())
		}
	}
	return h.Max()
}
