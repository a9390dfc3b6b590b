// Package garbage bounds the memory that a program spends on what it does not use any more. By the
// runtime's default that is as much again as what it uses, however much that is. The state of a
// machine lies where the collector has nothing to look at, so to collect more often costs little
// where there is much of it; and where there is little, to collect less often saves time.
package garbage

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Garbage may take room, or share of what is in use if that is more; but no more than highest of
// it, as what is in use may grow much from one look at it to the next.
const (
	room    = 128 << 20
	share   = 33  // percent
	highest = 400 // percent
)

const (
	period = 500 * time.Millisecond
	// step is by how many percent of itself the setting has to change to be changed: it stops the
	// whole program for a moment.
	step = 10
)

// Tend sees to it until stop is called, which brings back the runtime's default. It leaves alone
// what the user has said by GOGC or GOMEMLIMIT.
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
func percent(live uint64) int { return min(max(int(100*room/max(live, 1)), share), highest) }

// live is how many bytes were in use when they were collected last.
func live() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
