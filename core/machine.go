package core

import "io"

// StateMachine is what a group replicates: a deterministic automaton over commands.
//
// Apply, Query, Snapshot and Restore are called from one goroutine at a time. What WriteTo of a
// Snapshot does may run beside all of them.
type StateMachine interface {
	// Apply carries out entries of kind EntryCommand, in index order (indexes may skip: other kinds
	// are not shown), and appends one Result for each to dst. A command that fails in the machine's
	// own terms is a Result with a Failure and leaves no trace in the state. An error means that
	// this replica cannot go on. Entry.Data is read-only and may be kept.
	Apply(dst []Result, entries []Entry) ([]Result, error)

	// Query answers a read-only request from the state as it is.
	Query(request []byte) Result

	// Snapshot returns at once with the state as it is; later commands do not show in it. Equal
	// states give equal bytes, whatever the history.
	Snapshot() (Snapshot, error)

	// Restore replaces the whole state by what a Snapshot wrote. Errors: ErrCorrupt for bytes that
	// no Snapshot wrote; the machine is then unusable until a Restore succeeds.
	Restore(r io.Reader) error

	// Close releases everything.
	Close() error
}

// Snapshot is a frozen state, to be written in its own time.
type Snapshot interface {
	// WriteTo writes the state. It may run beside everything that the machine does.
	io.WriterTo
	// Release lets go of the state; it is called exactly once, after WriteTo or instead of it.
	Release()
}

// Reader is a StateMachine whose queries may run beside Apply.
type Reader interface {
	StateMachine
	// View returns at once with the state as it is, to be queried from another goroutine.
	View() (View, error)
}

// View is a frozen state that answers queries. One goroutine uses it at a time.
type View interface {
	Query(request []byte) Result
	Release() // called exactly once
}

// BatchView is a View that answers queries at less cost when it is given many at once.
type BatchView interface {
	View
	// QueryAll tells answered what Query would answer to the Data of each request, by its place among
	// them, in order and as soon as it is known.
	QueryAll(requests []Request, answered func(i int, r Result))
}

// Digester is a StateMachine that can name its state in 64 bits: equal states have equal digests
// whatever their history, and different ones almost never do. Digests of replicas are compared, so
// that one whose state has diverged is found; zero is not compared.
type Digester interface {
	StateMachine
	Digest() uint64
}

// Itemizer is a Digester that can say which part of a state differs from another's.
type Itemizer interface {
	Digester
	// Digests appends the digest of each part of the state to dst, in an order that is the same on
	// every replica. It is called often, and has to be cheap.
	Digests(dst []NamedDigest) []NamedDigest
}

// Placed is a StateMachine that is told, after a Restore, behind which entry the state stands.
type Placed interface {
	StateMachine
	Place(at Position)
}

// NamedDigest is the digest of one part of a state, such as a collection.
type NamedDigest struct {
	Name   string
	Digest uint64
}

// Result is what a command or a query came to. Of a command in a session, which is remembered, a
// Value of more than 64 MiB is replaced by a Failure, and 64 KiB are kept of a Failure's Code and
// of its Message each.
type Result struct {
	Failure *Failure // nil: it succeeded
	Value   []byte   // the machine's reply, in the machine's own encoding; read-only
}

// Failure is a refusal by the machine itself. It is part of the replicated outcome: every replica
// fails the same command in the same words.
type Failure struct {
	Code    string // for programs, such as "conflict"
	Message string // for people
}

// Error makes a Failure an error that reads "code: message".
func (f *Failure) Error() string { return f.Code + ": " + f.Message }
