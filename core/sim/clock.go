package sim

import "github.com/tidelock-raft/tidelock/core"

// Clock is what a host thinks the time is. The zero Clock is right.
type Clock struct {
	Drift float64 // its seconds are this much too short: 0.05 runs 5 % fast
	Jump  int64   // its time of day is this many nanoseconds ahead
}

// epoch is the time of day at which worlds begin, Unix ns.
const epoch = 1_700_000_000e9

func (c Clock) now(at core.Instant) core.Instant {
	return at + core.Instant(float64(at)*c.Drift)
}

func (c Clock) wall(at core.Instant) int64 { return epoch + int64(c.now(at)) + c.Jump }

// span turns a span on this clock into one of the world's.
func (c Clock) span(d core.Instant) core.Instant {
	return core.Instant(float64(d) / (1 + c.Drift))
}
