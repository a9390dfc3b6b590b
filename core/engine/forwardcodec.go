package engine

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
)

// The data of a MsgForwardReply.
//
//	accepted                         refused (Message.Reject)
//	index    uvarint                 reason  1 byte: 1 not leader, 2 busy, 3 too large, 4 other
//	status   1 byte: 0 ok, 1 failed  leader  uvarint, only with reason 1
//	ok:      value, to the end
//	failed:  code length uvarint, code, message to the end
const (
	replyOK     = 0
	replyFailed = 1

	refusedNotLeader = 1
	refusedBusy      = 2
	refusedTooLarge  = 3
	refusedOther     = 4
)

// maxCodeBytes bounds the code of a Failure on its way between nodes.
const maxCodeBytes = 1 << 10

var errReply = errors.New("engine: malformed reply to a forwarded command")

// AppendReply appends what a node answers to a forwarded command once it was applied at index.
func AppendReply(dst []byte, index core.Index, r core.Result) []byte {
	dst = binary.AppendUvarint(dst, uint64(index))
	if r.Failure == nil {
		return append(append(dst, replyOK), r.Value...)
	}
	code := r.Failure.Code[:min(len(r.Failure.Code), maxCodeBytes)]
	dst = binary.AppendUvarint(append(dst, replyFailed), uint64(len(code)))
	return append(append(dst, code...), r.Failure.Message...)
}

func decodeReply(src []byte, r *core.Reply) error {
	index, n := binary.Uvarint(src)
	if n <= 0 || n == len(src) {
		return fmt.Errorf("%w: cut short", errReply)
	}
	status, src := src[n], src[n+1:]
	switch status {
	case replyOK:
		r.Result.Value = src
	case replyFailed:
		length, n := binary.Uvarint(src)
		if n <= 0 || length > maxCodeBytes || length > uint64(len(src)-n) {
			return fmt.Errorf("%w: bad code length", errReply)
		}
		code := src[n : n+int(length)]
		message := src[n+int(length):]
		r.Result.Failure = &core.Failure{Code: string(code), Message: string(message)}
	default:
		return fmt.Errorf("%w: status %d", errReply, status)
	}
	r.Index = core.Index(index)
	return nil
}

func appendRefusal(dst []byte, err error) []byte {
	var notLeader *core.NotLeaderError
	switch {
	case errors.As(err, &notLeader):
		return binary.AppendUvarint(append(dst, refusedNotLeader), uint64(notLeader.Leader))
	case errors.Is(err, core.ErrBusy):
		return append(dst, refusedBusy)
	case errors.Is(err, core.ErrTooLarge):
		return append(dst, refusedTooLarge)
	}
	return append(dst, refusedOther)
}

func decodeRefusal(src []byte) error {
	if len(src) == 0 {
		return core.ErrBusy
	}
	switch src[0] {
	case refusedNotLeader:
		leader, _ := binary.Uvarint(src[1:])
		return &core.NotLeaderError{Leader: core.NodeID(leader)}
	case refusedTooLarge:
		return core.ErrTooLarge
	}
	return core.ErrBusy
}
