package codec

import (
	"cmp"
	"errors"
)

// Limits bound a frame. Both ends of a connection use the same; zero fields mean the defaults.
type Limits struct {
	MaxFrameBytes int // of a frame's payload; default DefaultFrameBytes
	MaxDataBytes  int // of the Data of one entry or message; default DefaultDataBytes
	MaxMessages   int // in a frame; default DefaultMessages
	MaxEntries    int // in all messages of a frame; default DefaultEntries
}

// The defaults of Limits.
const (
	DefaultFrameBytes = 8 << 20
	DefaultDataBytes  = 4 << 20
	DefaultMessages   = 1 << 14 // 2.5 MiB of core.Message once decoded
	DefaultEntries    = 1 << 17 // 8 MiB of core.Entry once decoded
)

var (
	// ErrMalformed is returned for bytes that no Batch wrote.
	ErrMalformed = errors.New("codec: malformed frame")
	// ErrInvalid is returned by Batch.Add for a message that a Reader would refuse.
	ErrInvalid = errors.New("codec: invalid message")
)

// OrDefaults returns the limits with the defaults in the place of zeros.
func (l Limits) OrDefaults() Limits {
	return Limits{
		MaxFrameBytes: cmp.Or(l.MaxFrameBytes, DefaultFrameBytes),
		MaxDataBytes:  cmp.Or(l.MaxDataBytes, DefaultDataBytes),
		MaxMessages:   cmp.Or(l.MaxMessages, DefaultMessages),
		MaxEntries:    cmp.Or(l.MaxEntries, DefaultEntries),
	}
}
