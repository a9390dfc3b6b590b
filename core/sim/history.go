package sim

import "github.com/tidelock-raft/tidelock/core"

// Operation is one thing that a client asked for, and what became of it.
type Operation struct {
	Client int
	ID     uint64
	Query  bool
	Level  core.ReadLevel // of a query
	Name   string         // of the command or query
	Args   []any
	Host   core.NodeID // that was asked
	Call   core.Instant
	Return core.Instant // zero: not yet, or never
	Reply  core.Reply
	Fate   Fate
}

// Fate says what a client knows of an operation.
type Fate uint8

// The fates of an operation.
const (
	Pending Fate = 0 // no answer yet
	Acked   Fate = 1 // answered by the machine
	Unknown Fate = 2 // it may have been or yet be carried out
	Refused Fate = 3 // it certainly was not and will not be carried out
)

// History is every operation of a run, in order of their calls.
type History []*Operation
