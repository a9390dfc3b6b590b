// Package garbage bounds the memory that a program spends on what it does not use any more. By the
// runtime's default that is as much again as what it uses, however much that is. To collect takes a
// processor for some time, which clients feel: so a program that is busy waits until there is much
// to collect, and one that has little to do leaves little, and returns to the system what it had
// needed before.
package garbage

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Garbage may be what comes up between two collections at a distance of apart, but no less than
// least or a part of what is in use if that is more; and no more than what is missing to whole, or
// share of what is in use if that is more. It is never more than highest of what is in use, which
// may grow much from one look to the next.
const (
	apart   = 10 * time.Second
	least   = 32 << 20
	part    = 12        // percent
	whole   = 512 << 20 // for each node of the program
	share   = 50        // percent
	highest = 800       // percent
)

const (
	period = 500 * time.Millisecond
	// step is by how many percent of itself the setting has to change to be changed: it stops the
	// whole program for a moment.
	step = 10
	// fade is the part of its rate that a program is taken to have still, after a period in which it
	// did nothing: after a burst it takes some seconds to be believed to be over.
	fade = 75 // percent
	// enough collections in a row have the runtime return what is free: it goes by what was in use
	// when the one before last ended, and pools keep theirs until the second.
	enough = 3
)

// Tend sees to it until stop is called, which brings back the setting from before. It leaves alone
// what the user has said by GOGC or GOMEMLIMIT. It is for a program as a whole, which has so many
// nodes: once is enough.
func Tend(nodes int) (stop func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	last := look()
	t := tender{last: last, whole: whole * uint64(nodes)}
	t.rate = t.whole
	t.now = t.percent(last.live)
	was := debug.SetGCPercent(t.now)
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
				t.tend(look())
			}
		}
	}()
	return func() {
		close(end)
		<-ended
		debug.SetGCPercent(was)
	}
}

// tender is what was seen at the last look, and what follows from it.
type tender struct {
	last  heap
	whole uint64 // for all nodes
	rate  uint64 // bytes that come up in the time of apart
	now   int    // the setting
	runs  int    // collections in a row that were not the runtime's own
}

// heap is what the runtime tells of it, in bytes.
type heap struct {
	live      uint64 // in use when it was collected last
	there     uint64 // that, and all that came up since
	free      uint64 // collected, and not returned to the system
	allocated uint64 // since the program began
}

func look() heap {
	samples := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/free:bytes"}, {Name: "/gc/heap/allocs:bytes"},
	}
	metrics.Read(samples)
	return heap{
		samples[0].Value.Uint64(), samples[1].Value.Uint64(),
		samples[2].Value.Uint64(), samples[3].Value.Uint64(),
	}
}

// tend changes the setting if that is worth it. When a program has come to have little to do, what
// is left of the time before is collected, a few times: then the runtime returns what is free,
// piece by piece beside the program. To have it return all at once would stop a processor for as
// long as that takes, and it may be the only one.
func (t *tender) tend(h heap) {
	recent := (h.allocated - t.last.allocated) * uint64(apart/period)
	t.rate, t.last = max(recent, t.rate/100*fade), h
	if few := little(h.live); t.rate <= few && h.there+h.free > h.live+2*few {
		if t.runs < enough {
			runtime.GC()
			t.runs++
			h = look()
		}
	} else {
		t.runs = 0
	}
	if next := t.percent(h.live); max(next-t.now, t.now-next)*100 > t.now*step {
		t.now = next
		debug.SetGCPercent(next)
	}
}

// percent is the setting for so many bytes in use.
func (t *tender) percent(live uint64) int {
	most := max(t.whole-min(live, t.whole), live/100*share)
	room := min(max(t.rate, little(live)), most)
	return int(min(100*room/max(live, 1), highest))
}

// little is the garbage that a program may always have.
func little(live uint64) uint64 { return max(least, live/100*part) }
