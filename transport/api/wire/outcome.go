package wire

import (
	"errors"
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
)

// Outcome is what became of a request. The numbers are part of the format.
type Outcome uint8

// The outcomes. All but OK, Failure, Unknown and ReplyTooLarge mean: not carried out.
const (
	OutcomeOK            Outcome = 0
	OutcomeFailure       Outcome = 1 // the machine refused: code, message
	OutcomeNotLeader     Outcome = 2 // leader and api say whom to ask, if known
	OutcomeBusy          Outcome = 3
	OutcomeUnknown       Outcome = 4 // may or may not have been, or yet be, carried out
	OutcomeTooLarge      Outcome = 5
	OutcomeNoGroup       Outcome = 6
	OutcomeClosed        Outcome = 7 // the node is going down
	OutcomeInvalid       Outcome = 8 // the server does not know such a request
	OutcomeReplyTooLarge Outcome = 9 // carried out, but the value exceeds a limit
	OutcomeQuarantined   Outcome = 10
)

// outcomes pairs outcomes with the errors of core that they stand for.
var outcomes = [...]struct {
	outcome Outcome
	name    string
	err     error
}{
	{OutcomeOK, "ok", nil},
	{OutcomeFailure, "failure", nil},
	{OutcomeNotLeader, "not leader", core.ErrNotLeader},
	{OutcomeBusy, "busy", core.ErrBusy},
	{OutcomeUnknown, "unknown", core.ErrUnknownOutcome},
	{OutcomeTooLarge, "too large", core.ErrTooLarge},
	{OutcomeNoGroup, "no group", core.ErrNoGroup},
	{OutcomeClosed, "closed", core.ErrClosed},
	{OutcomeInvalid, "invalid", nil},
	{OutcomeReplyTooLarge, "reply too large", nil},
	{OutcomeQuarantined, "quarantined", core.ErrQuarantined},
}

// Valid reports whether o is an outcome that this version knows.
func (o Outcome) Valid() bool { return int(o) < len(outcomes) }

// String names the outcome.
func (o Outcome) String() string {
	if o.Valid() {
		return outcomes[o].name
	}
	return fmt.Sprintf("outcome(%d)", uint8(o))
}

// Err returns the error of core that o stands for, or nil.
func (o Outcome) Err() error {
	if o.Valid() {
		return outcomes[o].err
	}
	return nil
}

// SetResult sets what r says from what a node answered. An error that has no outcome of its own
// counts as OutcomeUnknown, which promises nothing. Nothing is set of ID and API.
func (r *Reply) SetResult(from core.Reply) {
	r.Leader, r.Index, r.Value = from.Leader, from.Index, from.Result.Value
	r.Outcome, r.Code, r.Message = OutcomeOK, "", ""
	switch failure := from.Result.Failure; {
	case from.Err != nil:
		r.setError(from.Err)
	case failure != nil:
		r.Outcome, r.Code, r.Message = OutcomeFailure, failure.Code, failure.Message
	}
}

func (r *Reply) setError(err error) {
	r.Outcome, r.Value = OutcomeUnknown, nil
	for _, o := range outcomes {
		if o.err != nil && errors.Is(err, o.err) {
			r.Outcome = o.outcome
			break
		}
	}
	if err != r.Outcome.Err() {
		r.Message = err.Error()
	}
	var notLeader *core.NotLeaderError
	if errors.As(err, &notLeader) && notLeader.Leader != 0 {
		r.Leader = notLeader.Leader
	}
}
