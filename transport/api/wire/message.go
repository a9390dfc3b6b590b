package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/tidelock-raft/tidelock/core"
)

// Limits of the format.
const (
	MaxDataBytes = 64 << 20 // of a request's data or a reply's value
	MaxTextBytes = 16 << 10 // of each string; AppendFrame cuts longer ones
	MaxHeadBytes = 128      // of a payload beside data, value and strings

	// MaxReplyBytes bounds the payload of a reply.
	MaxReplyBytes = MaxDataBytes + 3*MaxTextBytes + MaxHeadBytes
)

const (
	headerBytes   = 4
	requestFields = 6
	longerFields  = 8 // of a request that says more about a query
	replyFields   = 8
	flagLocal     = 1
)

// ErrMalformed is what every error of a decoder of this package wraps.
var ErrMalformed = errors.New("wire: malformed")

// Op is what a request wants. The numbers are part of the format.
type Op uint8

// The operations.
const (
	OpCommand Op = 1 // change the state, through the log
	OpQuery   Op = 2 // read the state
	OpStatus  Op = 3 // describe the node, in JSON
	OpResync  Op = 4 // replace the node's state by the leader's

	OpChange   Op = 5  // change the membership: core.Change in JSON, core.ChangeReport back
	OpTransfer Op = 6  // hand leadership over: core.Transfer in JSON
	OpSession  Op = 7  // as OpCommand, once however often it is sent: a session.Header goes before
	OpBackup   Op = 8  // a piece of a copy of the state: core.BackupRequest in JSON, bytes back
	OpProbe    Op = 9  // commit an entry that changes nothing
	OpLog      Op = 10 // a page of the node's log: core.LogRequest in JSON, core.LogPage back
)

// Request is what a client sends.
type Request struct {
	ID    uint64
	Op    Op
	Group core.GroupID
	Level core.ReadLevel
	Local bool
	Data  []byte

	AtLeast  core.Index // of a query
	MaxStale int64      // of a query, in nanoseconds; not negative
}

// Reply is what a server sends.
type Reply struct {
	ID      uint64
	Outcome Outcome
	Leader  core.NodeID
	API     string
	Index   core.Index
	Code    string
	Message string
	Value   []byte
}

// AppendFrame appends r as one frame to dst.
func (r *Request) AppendFrame(dst []byte) []byte {
	start := len(dst)
	fields := byte(requestFields)
	if r.AtLeast != 0 || r.MaxStale != 0 {
		fields = longerFields
	}
	dst = append(dst, 0, 0, 0, 0, fixArray|fields)
	dst = appendUint(dst, r.ID)
	dst = appendUint(dst, uint64(r.Op))
	dst = appendUint(dst, uint64(r.Group))
	dst = appendUint(dst, uint64(r.Level))
	var flags uint64
	if r.Local {
		flags = flagLocal
	}
	dst = appendUint(dst, flags)
	dst = appendBytes(dst, r.Data)
	if fields == longerFields {
		dst = appendUint(dst, uint64(r.AtLeast))
		dst = appendUint(dst, uint64(r.MaxStale))
	}
	return finish(dst, start)
}

// AppendFrame appends r as one frame to dst. Strings beyond MaxTextBytes are cut.
func (r *Reply) AppendFrame(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0, fixArray|replyFields)
	dst = appendUint(dst, r.ID)
	dst = appendUint(dst, uint64(r.Outcome))
	dst = appendUint(dst, uint64(r.Leader))
	dst = appendString(dst, cut(r.API))
	dst = appendUint(dst, uint64(r.Index))
	dst = appendString(dst, cut(r.Code))
	dst = appendString(dst, cut(r.Message))
	dst = appendBytes(dst, r.Value)
	return finish(dst, start)
}

func finish(dst []byte, start int) []byte {
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-headerBytes))
	return dst
}

// cut shortens s to MaxTextBytes without splitting a character.
func cut(s string) string {
	if len(s) <= MaxTextBytes {
		return s
	}
	n := MaxTextBytes
	for n > MaxTextBytes-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// Decode sets r from the payload of a frame. Data is a part of payload; empty becomes nil. What the
// numbers mean is for the receiver to check, but for the id, which is never zero. The error wraps
// ErrMalformed.
func (r *Request) Decode(payload []byte) error {
	d := decoder{rest: payload}
	fields := d.array(requestFields, longerFields)
	r.ID = d.uint(math.MaxUint64)
	r.Op = Op(d.uint(math.MaxUint8))
	r.Group = core.GroupID(d.uint(math.MaxUint64))
	r.Level = core.ReadLevel(d.uint(math.MaxUint8))
	r.Local = d.uint(flagLocal) == flagLocal
	r.Data = d.bytes()
	r.AtLeast, r.MaxStale = 0, 0
	if fields == longerFields {
		r.AtLeast = core.Index(d.uint(math.MaxUint64))
		r.MaxStale = int64(d.uint(math.MaxInt64))
	}
	if d.err == nil && r.ID == 0 {
		d.err = errors.New("request has id zero")
	}
	return d.end("request")
}

// Decode sets r from the payload of a frame. Value is a part of payload; empty becomes nil. Strings
// that r already holds are kept if equal, so that reusing r saves making them anew. The error wraps
// ErrMalformed.
func (r *Reply) Decode(payload []byte) error {
	d := decoder{rest: payload}
	d.array(replyFields, replyFields)
	r.ID = d.uint(math.MaxUint64)
	r.Outcome = Outcome(d.uint(math.MaxUint8))
	r.Leader = core.NodeID(d.uint(math.MaxUint64))
	d.text(&r.API)
	r.Index = core.Index(d.uint(math.MaxUint64))
	d.text(&r.Code)
	d.text(&r.Message)
	r.Value = d.bytes()
	return d.end("reply")
}

func (d *decoder) end(what string) error {
	if d.err == nil && len(d.rest) > 0 {
		d.err = fmt.Errorf("%d bytes left over", len(d.rest))
	}
	if d.err != nil {
		return fmt.Errorf("%w %s: %w", ErrMalformed, what, d.err)
	}
	return nil
}
