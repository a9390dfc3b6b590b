package sim

import "github.com/tidelock-raft/tidelock/core"

// Operation is one thing that a client asked for, and what became of it.
type Operation struct {
	Client int
	ID     uint64
	Query  bool
	Level  core.ReadLevel // of a query
	// AtLeast and MaxStale are as in core.Request.
	AtLeast  core.Index
	MaxStale core.Instant
	Name     string // of the command or query
	Args     []any
	Data     []byte // what is sent; made of Name and Args if nil
	Open     bool   // it opens a session
	// Session and Sequence name a command of a session, which is asked for again, elsewhere, until
	// there is an answer: it is carried out once.
	Session, Sequence uint64
	Host              core.NodeID // that was asked last
	Call              core.Instant
	Return            core.Instant // zero: not yet, or never
	Reply             core.Reply
	Fate              Fate
	tries             int          // sent again
	waits             bool         // the host had not applied the entry at AtLeast when it was asked
	clock             core.Instant // that the host showed when it was asked
	then              func()
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

// maybe reports whether the operation may have been carried out, for all that its client knows.
func (o *Operation) maybe() bool { return o.Fate == Pending || o.Fate == Unknown }

// told is what the machine answered, as a model says it.
func (o *Operation) told() string {
	if f := o.Reply.Result.Failure; f != nil {
		return "!" + f.Code
	}
	return string(o.Reply.Result.Value)
}

// History is every operation of a run, in order of their calls.
type History []*Operation
