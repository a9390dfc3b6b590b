package node

import (
	"math"
	"time"
)

// epoch is when incarnations begin to be counted, the year 2026, in ms.
const epoch = 1_767_225_600_000

// Incarnation is the least engine.Config.Incarnation of a node that starts at this time. It rises
// by one in a tenth of a second until 2032, as long as the clock does, and leaves as many numbers
// for a caller who counts on by himself.
func Incarnation(now time.Time) uint32 {
	return uint32(min(max((now.UnixMilli()-epoch)/100, 1), math.MaxUint32/2))
}
