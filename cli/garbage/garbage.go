// Package garbage bounds the memory that a program spends on what it does not use any more. By the
// runtime's default that is as much again as what it uses, however much that is. To collect takes a
// processor for some time, which clients feel: so a program that uses little waits until there is
// much to collect, and one that uses much, whose state lies where the collector has nothing to look
// at, collects before it has doubled.
package garbage

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// With its garbage a program may take up whole, or share more than what is in use if that is more;
// but no more than highest beyond it, as what is in use may grow much from one look to the next.
const (
	whole   = 512 << 20
	share   = 50  // percent
	highest = 800 // percent
)

const (
	period = 500 * time.Millisecond
	// step is by how many percent of itself the setting has to change to be changed: it stops the
	// whole program for a moment.
	step = 10
)

// Tend sees to it until stop is called, which brings back the setting from before. It leaves alone
// what the user has said by GOGC or GOMEMLIMIT. It is for a program as a whole: once is enough.
func Tend() (stop func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	now := percent(live())
	was := debug.SetGCPercent(now)
	end, ended := make(chan struct{}), make(chan struct{})
	go func() { // ended by stop
		defer close(ended)
		ticker := time.NewTicker(period)
		defer ticker.Stop()
		for {
			select {
			case <-end:
				return
			case <-ticker.C:
			}
			if next := percent(live()); max(next-now, now-next)*100 > now*step {
				now = next
				debug.SetGCPercent(now)
			}
		}
	}()
	return func() {
		close(end)
		<-ended
		debug.SetGCPercent(was)
	}
}

// percent is the setting for so many bytes in use.
func percent(live uint64) int {
	left := whole - min(live, whole)
	return int(min(max(100*left/max(live, 1), share), highest))
}

// live is how many bytes were in use when they were collected last.
func live() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
