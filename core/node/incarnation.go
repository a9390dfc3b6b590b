package node

import "time"

// epoch is when incarnations begin to be counted, the year 2026, in ms; they end 13 years later.
const epoch = 1_767_225_600_000

// Incarnation is an engine.Config.Incarnation for a node that starts at this time: it rises from
// run to run as long as the clock does, by one in a tenth of a second.
func Incarnation(now time.Time) uint32 { return uint32(max((now.UnixMilli()-epoch)/100, 1)) }
