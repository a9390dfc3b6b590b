package sim

import (
	"maps"
	"math"
	"slices"
)

// ShrinkHistory looks for a run that breaks the same rule with fewer operations, which it leaves
// out in larger and then in smaller pieces. What it returns has failed just so; it may be o itself.
// A run without progress stays as it is, for one in which nobody asks anything makes none either.
func ShrinkHistory(o *Outcome, run func(Options) *Outcome) *Outcome {
	if _, ok := o.Err.(*Violation); !ok {
		return o
	}
	original := o.Options.Workload
	if original == nil {
		original = DefaultWorkload
	}
	var left []int
	limit := len(o.History)
	s := &shrinker{best: o, rule: o.Rule(), run: func(p Options) *Outcome {
		p.Workload = without(original, left, limit)
		return run(p)
	}}
	s.best.Options.Schedule = slices.Clone(o.Schedule)
	if !s.try(func(*Options) {}) { // it is found at the end, which no run comes to without answers
		limit = math.MaxInt
	}
	kept := make([]int, len(o.History))
	for i := range kept {
		kept[i] = i
	}
	dropped := map[int]bool{}
	for size := len(kept); size > 0; size /= 2 {
		for lo := 0; lo < len(kept); {
			hi := min(lo+size, len(kept))
			fewer := maps.Clone(dropped)
			for _, i := range kept[lo:hi] {
				fewer[i] = true
			}
			left = slices.Sorted(maps.Keys(fewer))
			if s.try(func(*Options) {}) {
				kept, dropped = slices.Delete(kept, lo, hi), fewer
			} else {
				lo = hi
			}
		}
	}
	return s.best
}

// without is a workload of which the operations with these numbers, in the order in which they are
// drawn, and those from limit on are drawn and not asked for: clients that rest draw more.
func without(
	workload func(*World) func(*Client) *Operation, left []int, limit int,
) func(*World) func(*Client) *Operation {
	return func(w *World) func(*Client) *Operation {
		next, n := workload(w), -1
		return func(c *Client) *Operation {
			op := next(c)
			n++
			if _, drop := slices.BinarySearch(left, n); drop || n >= limit {
				return nil
			}
			return op
		}
	}
}
