package core

import (
	"encoding/json"
	"errors"
	"fmt"
)

// LogRequest is what a RequestLog asks a node for: entries of the log as its store holds it or,
// with Snapshot, a piece of the body of that snapshot.
type LogRequest struct {
	From Index `json:"from,omitempty"` // first entry; zero: none, only what there is
	To   Index `json:"to,omitempty"`   // last entry

	Snapshot *Position `json:"snapshot,omitempty"` // the newest one; older ones may be gone
	Offset   int64     `json:"offset,omitempty"`   // in its body; behind its end there is nothing
}

// LogPage is the answer to a LogRequest for entries, in JSON. A piece of a body comes as it is, of
// at most MaxBackupPiece bytes.
type LogPage struct {
	State   State   `json:"state"`   // of the log; Hard.Commit is what the node knows
	Entries []Entry `json:"entries"` // as many as fit into MaxLogPage, and one at least
}

// MaxLogPage bounds the entries of a LogPage but for the first, by Entry.Size.
const MaxLogPage = 256 << 10

// ErrLogPage is returned by DecodeLogPage for bytes that are none.
var ErrLogPage = errors.New("core: invalid page of a log")

// DecodeLogRequest reads the JSON of a LogRequest. The error wraps ErrChange.
func DecodeLogRequest(src []byte) (r LogRequest, err error) {
	if err = decodeStrictly(src, &r); err == nil && (r.Offset < 0 || r.From > r.To) {
		err = fmt.Errorf("%w: offset %d, entries %d to %d", ErrChange, r.Offset, r.From, r.To)
	}
	return r, err
}

// DecodeLogPage reads the JSON of a LogPage: whoever asked for entries from an index on has them in
// order and without a gap. The error wraps ErrLogPage.
func DecodeLogPage(src []byte, from Index) (p LogPage, err error) {
	if err = json.Unmarshal(src, &p); err != nil {
		return p, fmt.Errorf("%w: %w", ErrLogPage, err)
	}
	if err = p.State.Snapshot.Membership.Check(); err != nil {
		return p, fmt.Errorf("%w: %w", ErrLogPage, err)
	}
	if size := p.State.Snapshot.Size; size < 0 {
		return p, fmt.Errorf("%w: a snapshot of %d bytes", ErrLogPage, size)
	}
	for i := range p.Entries {
		e := &p.Entries[i]
		if want := from + Index(i); e.Index != want || !e.Kind.Valid() || e.Client != 0 {
			return p, fmt.Errorf("%w: %v at %v, want index %d", ErrLogPage, e.Kind, e.Position, want)
		}
	}
	return p, nil
}
