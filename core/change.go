package core

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// ChangeOp says what is to become of a node in a Change.
type ChangeOp string

// The operations of a change.
const (
	ChangeAdd     ChangeOp = "add"     // a new node joins, and votes once it has caught up
	ChangePromote ChangeOp = "promote" // a learner votes once it has caught up; forced, at once
	ChangeDemote  ChangeOp = "demote"  // a voter becomes a learner
	ChangeRemove  ChangeOp = "remove"  // for ever: its id is never used again
	ChangeAddress ChangeOp = "address" // a member is found elsewhere from now on
)

// ChangeStep says what is to become of one node.
type ChangeStep struct {
	Op      ChangeOp `json:"op"`
	Node    NodeID   `json:"node"`
	Addr    Addr     `json:"addr,omitempty"`    // of ChangeAdd and ChangeAddress
	Learner bool     `json:"learner,omitempty"` // with ChangeAdd: it is to stay one
}

// Change is what a RequestChange asks for: some steps that take effect together.
type Change struct {
	Steps []ChangeStep `json:"steps"`
	Force bool         `json:"force,omitempty"` // even if fewer failures are survived afterwards
	Plan  bool         `json:"plan,omitempty"`  // only say what would happen
}

// Transfer is what a RequestTransfer asks for, and the answer to it.
type Transfer struct {
	To NodeID `json:"to"` // zero: whichever voter holds most of the log; in an answer, who leads
}

// Strength is what a membership can bear.
type Strength struct {
	Voters   int `json:"voters"`
	Majority int `json:"majority"`
	Answer   int `json:"answer"` // voters that answer the leader now, the leader included
	Spare    int `json:"spare"`  // how many of those may fail before nothing can be committed
}

// ChangeReport is the answer to a RequestChange, in JSON.
type ChangeReport struct {
	Before  Strength       `json:"before"`
	After   Strength       `json:"after"`
	Joint   bool           `json:"joint"`             // it goes by way of a joint membership
	Refused string         `json:"refused,omitempty"` // why, unless forced
	Members []MemberStatus `json:"members"`           // afterwards
}

// ErrChange is returned by DecodeChange and DecodeTransfer for bytes that are no such request.
var ErrChange = errors.New("core: invalid change of membership")

// MaxChangeBytes bounds an encoded Change or Transfer.
const MaxChangeBytes = 64 << 10

// DecodeChange reads the JSON of a Change. The error wraps ErrChange.
func DecodeChange(src []byte) (c Change, err error) {
	if err = decodeStrictly(src, &c); err != nil {
		return Change{}, err
	}
	if len(c.Steps) == 0 || len(c.Steps) > MaxMembers {
		return Change{}, fmt.Errorf("%w: %d steps, want 1 to %d", ErrChange, len(c.Steps), MaxMembers)
	}
	return c, nil
}

// DecodeTransfer reads the JSON of a Transfer. The error wraps ErrChange.
func DecodeTransfer(src []byte) (t Transfer, err error) {
	err = decodeStrictly(src, &t)
	return t, err
}

func decodeStrictly(src []byte, into any) error {
	if len(src) > MaxChangeBytes {
		return fmt.Errorf("%w: %d bytes, limit %d", ErrChange, len(src), MaxChangeBytes)
	}
	decoder := json.NewDecoder(bytes.NewReader(src))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("%w: %w", ErrChange, err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return fmt.Errorf("%w: more than one value", ErrChange)
	}
	return nil
}
