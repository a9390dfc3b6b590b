package sim

import "github.com/tidelock-raft/tidelock/core"

// Clock is what a host thinks the time is. The zero Clock is right.
type Clock struct {
	Drift float64 // its seconds are this much too short: 0.05 runs 5 % fast
	Jump  int64   // its time of day is this many nanoseconds ahead

	base  core.Instant // what it showed when it last was given another pace
	since core.Instant // when that was
}

// epoch is the time of day at which worlds begin, Unix ns.
const epoch = 1_700_000_000e9

func (c Clock) now(at core.Instant) core.Instant {
	passed := max(at-c.since, 0)
	return c.base + passed + core.Instant(float64(passed)*c.Drift)
}

func (c Clock) wall(at core.Instant) int64 { return epoch + int64(c.now(at)) + c.Jump }

// span turns a span on this clock into one of the world's.
func (c Clock) span(d core.Instant) core.Instant {
	return core.Instant(float64(d) / (1 + c.Drift))
}

// pace gives the clock another drift, from now on: it never goes back.
func (c *Clock) pace(at core.Instant, drift float64) {
	c.base, c.since, c.Drift = c.now(at), at, drift
}

// suspend has the monotonic clock stand still for a while, as it does while a computer sleeps; the
// time of day goes on.
func (c *Clock) suspend(at, span core.Instant) {
	c.base, c.since = c.now(at), at+span
	c.Jump += int64(span)
}
