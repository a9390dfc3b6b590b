package node

import "github.com/tidelock-raft/tidelock/core"

// LaneKind says what a lane is for.
type LaneKind uint8

// The kinds of lane. The comment names the fields of Lane that tell lanes of a kind apart.
const (
	LaneDisk    LaneKind = 1 // writes to the store: none
	LaneApply   LaneKind = 2 // a machine's work: Group
	LaneQuery   LaneKind = 3 // queries on views: Number
	LaneSave    LaneKind = 4 // writing snapshots of a machine, removing old ones: Group
	LaneSend    LaneKind = 5 // reading a snapshot for a peer: Group, Number (the peer)
	LaneReceive LaneKind = 6 // writing a snapshot from a peer: Group
)

// Lane names a line of work in which one job follows the other.
type Lane struct {
	Kind   LaneKind
	Group  core.GroupID
	Number uint64
}

// Lanes runs the work of a handler that may take long.
type Lanes interface {
	// Go runs job on the lane, after every job given to that lane before, and then has the handler
	// run what job returned (nil: nothing). It does not block, and may be called from the handler
	// and from jobs.
	Go(l Lane, job func() (done func()))
}
