package wal

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"log/slog"
)

// Limits and defaults.
const (
	defaultSegmentBytes = 64 << 20
	defaultRecordBytes  = 64 << 20
	minSegmentBytes     = 4 << 10
	maxSegmentBytes     = 1 << 30 // offsets in a segment have 32 bits, and so have lengths
	maxFrameBytes       = 1 << 30 // a Write that needs more is refused
	maxGroupEntries     = 1 << 28 // between Start and Last of one group
	maxSpares           = 2       // segments kept for another life
	firstFraction       = 16      // a new log starts with a segment this many times smaller
	growthFactor        = 4       // and the next ones grow by this factor to SegmentBytes
	recently            = 16      // frames over which the mean is taken
	largeFrame          = 64 << 10
)

// Errors that a CorruptError or a failing Open may wrap.
var (
	// ErrVersion is returned by Open, Verify and Dump for a log of a version they cannot read.
	ErrVersion = errors.New("wal: unknown version")
	// ErrForeign is wrapped where a file is not a segment of this log.
	ErrForeign = errors.New("wal: not a segment of this log")
	// ErrMissing is wrapped where a segment is not there.
	ErrMissing = errors.New("wal: segment is missing")
)

// Config is how a log is kept. The zero value is good for a server.
type Config struct {
	// SegmentBytes is the length of a segment. It can differ from one Open to the next. A new log
	// starts with a sixteenth of it and grows. Default 64 MiB, at least 4 KiB, at most 1 GiB.
	SegmentBytes int64
	// MaxRecordBytes bounds the Data of an entry. Default 64 MiB.
	MaxRecordBytes int
	// Inline makes and gives up segments within Write, where everything that happens is decided by
	// the calls alone. Default: a goroutine does, and Write does not wait for it.
	Inline bool
	// Salt makes the checksums of this log unlike those of any other, so that no copy of a record,
	// be it in an old segment or in a user's data, passes for a record. Default: random.
	Salt uint64
	// Logger is told about what an operator may want to know. Default: slog.Default.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.SegmentBytes == 0 {
		c.SegmentBytes = defaultSegmentBytes
	}
	c.SegmentBytes = alignUp(min(max(c.SegmentBytes, minSegmentBytes), maxSegmentBytes))
	if c.MaxRecordBytes == 0 {
		c.MaxRecordBytes = defaultRecordBytes
	}
	c.MaxRecordBytes = min(c.MaxRecordBytes, maxFrameBytes/2)
	if c.Salt == 0 {
		var random [8]byte
		rand.Read(random[:]) // never fails, says crypto/rand
		c.Salt = binary.LittleEndian.Uint64(random[:])
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}
