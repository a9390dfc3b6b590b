package client

import (
	"errors"
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
)

// The errors of a Client, beside those of core: ErrTooLarge, ErrNoGroup, ErrBusy (too much is open)
// and ErrClosed, all of which mean that the request was not carried out, and *core.Failure.
var (
	// ErrUnavailable says that no endpoint could answer before the deadline, and that a command
	// was certainly not carried out. It is wrapped together with the last cause.
	ErrUnavailable = errors.New("client: no endpoint could answer in time")
	// ErrNoAnswer is beside ErrUnavailable if someone was asked and has not answered: for a query, or
	// for the session that a command needs.
	ErrNoAnswer = errors.New("client: a request was sent and not answered")
	// ErrRefused says that a server does not speak to this client: version, cluster or load.
	ErrRefused = errors.New("client: connection refused by the server")
	// ErrInvalid says that the server did not understand the request; it was not carried out.
	ErrInvalid = errors.New("client: request not understood by the server")
	// ErrReplyTooLarge says that the answer to a query exceeds what the server or wire carries.
	ErrReplyTooLarge = errors.New("client: reply too large")
)

// NotLeader says that the node asked cannot answer, and who can. The request was not carried out.
// It is a *core.NotLeaderError, and so a core.ErrNotLeader. It is returned as such for a request
// with a Target; otherwise only as the cause of ErrUnavailable.
type NotLeader struct {
	Leader   core.NodeID // zero: unknown
	API      string      // the leader's endpoint; empty: unknown
	Endpoint string      // who said so
}

// Error says who refused and who leads.
func (e *NotLeader) Error() string {
	text := e.Endpoint + ": " + e.Unwrap().Error()
	if e.API != "" {
		text += ", at " + e.API
	}
	return text
}

// Unwrap returns a *core.NotLeaderError.
func (e *NotLeader) Unwrap() error { return &core.NotLeaderError{Leader: e.Leader} }

// UnknownOutcome says that a command was sent, and not what became of it: it may have been, or yet
// be, carried out. It is a core.ErrUnknownOutcome.
type UnknownOutcome struct {
	Endpoint string // who was asked
	Err      error  // why there is no answer: a broken connection, a context's error, a word
}

// Error says who was asked and why there is no answer.
func (e *UnknownOutcome) Error() string {
	return fmt.Sprintf("%s: outcome unknown: %v", e.Endpoint, e.Err)
}

// Is makes every UnknownOutcome a core.ErrUnknownOutcome.
func (e *UnknownOutcome) Is(target error) bool { return target == core.ErrUnknownOutcome }

// Unwrap returns why there is no answer.
func (e *UnknownOutcome) Unwrap() error { return e.Err }
