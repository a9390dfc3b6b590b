// Package exit maps errors to what a command leaves behind: an exit code, and for programs a body
// in JSON.
//
// It is the one place that knows all errors that can reach a command line. What it prints is
// stable and documented in docs/cli.md.
package exit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/plugins"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// Code is an exit code of every command.
type Code int

// The exit codes. The numbers are a promise to scripts.
const (
	OK          Code = 0
	Failed      Code = 1  // the machine refused the command, or something else went wrong
	Unavailable Code = 2  // nobody answered in time; a command may or may not have been carried out
	NotLeader   Code = 3  // the node that was insisted upon does not lead
	Corrupt     Code = 4  // data is damaged, or a log contradicts itself
	Unhealthy   Code = 5  // the cluster answers, and says that it is not well
	Usage       Code = 64 // the command line, the environment or the data directory does not fit
	Refused     Code = 65 // the script cannot be run
)

// The errors of this package, by which other packages choose a code.
var (
	ErrUsage     = errors.New("usage")
	ErrUnhealthy = errors.New("unhealthy")
	ErrRefused   = errors.New("script refused")
)

// marked is an error that Is another without showing its text.
type marked struct {
	error
	mark error
}

func (m *marked) Is(target error) bool { return target == m.mark }
func (m *marked) Unwrap() error        { return m.error }

// Mark makes err one that Is mark, with the text unchanged. It keeps nil.
func Mark(err, mark error) error {
	if err == nil {
		return nil
	}
	return &marked{err, mark}
}

// Usagef is an ErrUsage with this text.
func Usagef(format string, args ...any) error {
	return Mark(fmt.Errorf(format, args...), ErrUsage)
}

// errReported marks errors that were printed where they arose.
var errReported = errors.New("reported")

// Reported marks an error that has been printed already: only its code is still wanted.
func Reported(err error) error { return Mark(err, errReported) }

// IsReported reports whether err was marked by Reported.
func IsReported(err error) bool { return errors.Is(err, errReported) }

// Body is how an error reads for programs: {"error":"not_leader","leader":"node2"}.
type Body struct {
	Error   string `json:"error"`
	Leader  string `json:"leader,omitempty"`  // who is, as node2
	Outcome string `json:"outcome,omitempty"` // unknown: it may or may not have been carried out
	Message string `json:"message,omitempty"`
	Line    int    `json:"line,omitempty"` // of a batch
}

// kind is an error with its name and code. The first of kinds that fits counts.
type kind struct {
	err  error
	name string
	code Code
}

var kinds = []kind{
	{ErrUsage, "usage", Usage},
	{plugins.ErrUnknown, "usage", Usage},
	{plugins.ErrOption, "usage", Usage},
	{ErrRefused, "refused", Refused},
	{core.ErrCorrupt, "corrupt", Corrupt},
	{ErrUnhealthy, "unhealthy", Unhealthy},
	{core.ErrUnknownOutcome, "timeout", Unavailable},
	{client.ErrNoAnswer, "timeout", Unavailable},
	{client.ErrUnavailable, "unavailable", Unavailable},
	{core.ErrNotLeader, "not_leader", NotLeader},
	{core.ErrQuarantined, "quarantined", Unhealthy},
	{context.DeadlineExceeded, "timeout", Unavailable},
	{context.Canceled, "cancelled", Unavailable},
	{core.ErrBusy, "busy", Unavailable},
	{core.ErrClosed, "closed", Unavailable},
	{core.ErrTooLarge, "too_large", Failed},
	{client.ErrReplyTooLarge, "reply_too_large", Failed},
	{client.ErrInvalid, "invalid", Failed},
	{core.ErrNoGroup, "no_group", Failed},
}

// classify finds the kind of an error. A failure of the machine has the machine's own name.
func classify(err error) kind {
	var failure *core.Failure
	if errors.As(err, &failure) {
		return kind{name: failure.Code, code: Failed}
	}
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return k
		}
	}
	return kind{name: "error", code: Failed}
}

// Of returns the code for an error; OK for nil.
func Of(err error) Code {
	if err == nil {
		return OK
	}
	return classify(err).code
}

// BodyOf describes an error for programs.
func BodyOf(err error) Body {
	b := Body{Error: classify(err).name, Message: err.Error()}
	var failure *core.Failure
	var elsewhere *core.NotLeaderError
	switch {
	case errors.As(err, &failure):
		b.Message = failure.Message
	case errors.Is(err, core.ErrUnknownOutcome):
		b.Outcome = "unknown"
	case b.Error == "not_leader" && errors.As(err, &elsewhere) && elsewhere.Leader != 0:
		b.Leader, b.Message = Node(elsewhere.Leader), ""
	}
	return b
}

// Print writes the body as one line.
func (b Body) Print(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(b)
}

// Node names a node in JSON.
func Node(id core.NodeID) string { return fmt.Sprintf("node%d", id) }
