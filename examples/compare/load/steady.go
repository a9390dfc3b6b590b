package load

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"example.org/compare/system"
)

// Steadied is what writes by a fixed schedule came to.
type Steadied struct {
	Longest time.Duration // from the time when it was due to its acknowledgement
	P99     time.Duration
	Count   int
	Errors  int
	Cause   error // of the first
}

// Steady writes at a rate, whether earlier writes are acknowledged or not, until done is closed,
// and waits for all of them.
func Steady(t system.Target, s Setting, rate int, done <-chan struct{}) Steadied {
	type due struct {
		future system.Future
		at     time.Time
	}
	const room = 1 << 16 // more than are ever due at once
	open := make(chan due, room)
	var times []time.Duration
	var r Steadied
	var settling sync.WaitGroup
	settling.Go(func() { // ends when open is closed
		for d := range open {
			err := d.future.Wait()
			if times = append(times, time.Since(d.at)); err != nil {
				r.Errors++
				r.Cause = cmp.Or(r.Cause, err)
			}
		}
	})
	value, begin := payload(s), time.Now()
	for n := 0; ; n++ {
		at := begin.Add(time.Duration(n) * time.Second / time.Duration(rate))
		timer := time.NewTimer(time.Until(at))
		select {
		case <-done:
			timer.Stop()
			close(open)
			settling.Wait()
			return r.sum(times)
		case <-timer.C:
		}
		// The keys are spread over all there are, by a step that meets each of them.
		open <- due{started(t.Put(key(n*7919%s.Keys), value)), at}
	}
}

func (r Steadied) sum(times []time.Duration) Steadied {
	if r.Count = len(times); r.Count > 0 {
		slices.Sort(times)
		r.P99, r.Longest = times[len(times)*99/100], times[len(times)-1]
	}
	return r
}
