package session

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Op says what an entry does to a session.
type Op uint8

// The operations.
const (
	OpOpen    Op = 1 // open a session; the reply is its id, as DecodeID reads it
	OpCommand Op = 2 // carry out a command
	OpClose   Op = 3 // forget the session
)

// MaxNumber bounds sessions and sequences, far beyond what there can be.
const MaxNumber = 1<<63 - 1

// Header stands in front of the command in the Data of a core.EntrySession.
type Header struct {
	Op       Op
	Session  uint64 // the id, up to MaxNumber; zero for OpOpen
	Sequence uint64 // the command's number in its session, 1 … MaxNumber; zero for other operations
	Done     uint64 // the client has the replies to all commands up to this one
}

// ErrHeader is returned by Decode for bytes that AppendBinary did not write.
var ErrHeader = errors.New("session: invalid header")

// AppendBinary appends the encoding of h to dst; the command is to follow.
//
//	0  op        1 byte
//	1  session   uvarint
//	   sequence  uvarint
//	   done      uvarint
//
// The error is always nil; it is there for encoding.BinaryAppender.
func (h Header) AppendBinary(dst []byte) ([]byte, error) {
	dst = append(dst, byte(h.Op))
	dst = binary.AppendUvarint(dst, h.Session)
	dst = binary.AppendUvarint(dst, h.Sequence)
	return binary.AppendUvarint(dst, h.Done), nil
}

// Decode reads a header and returns the bytes behind it. Its error wraps ErrHeader.
func Decode(src []byte) (Header, []byte, error) {
	if len(src) == 0 || src[0] < byte(OpOpen) || src[0] > byte(OpClose) {
		return Header{}, nil, fmt.Errorf("%w: no operation", ErrHeader)
	}
	h := Header{Op: Op(src[0])}
	src = src[1:]
	for _, field := range [...]*uint64{&h.Session, &h.Sequence, &h.Done} {
		v, n := binary.Uvarint(src)
		if n <= 0 {
			return Header{}, nil, fmt.Errorf("%w: cut short", ErrHeader)
		}
		*field, src = v, src[n:]
	}
	if (h.Op == OpOpen) != (h.Session == 0) || (h.Op == OpCommand) != (h.Sequence > 0) ||
		h.Done > 0 && h.Done >= h.Sequence || max(h.Session, h.Sequence) > MaxNumber {
		return Header{}, nil, fmt.Errorf("%w: fields that do not go together: %+v", ErrHeader, h)
	}
	return h, src, nil
}

// DecodeID reads the reply to OpOpen.
func DecodeID(reply []byte) (uint64, error) {
	if len(reply) != 8 {
		return 0, fmt.Errorf("session: reply to open has %d bytes, want 8", len(reply))
	}
	return binary.BigEndian.Uint64(reply), nil
}
