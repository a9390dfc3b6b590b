package wire

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// Sizes of a Reader's buffer, in bytes: it starts small, doubles whenever bytes that have arrived
// fill it, and goes back to batchBytes after a frame that needed more.
const (
	startBytes = 4 << 10
	batchBytes = 64 << 10
)

// Reader cuts a stream of bytes into frames. It never holds more than twice the bytes that have
// arrived, whatever a frame's header claims, and reads as much ahead as its buffer takes, so that
// frames sent together are found together.
//
// Invariants: start ≤ end ≤ len(buf); buf[start:end] has arrived and was not returned yet.
type Reader struct {
	src        io.Reader
	limit      int
	buf        []byte
	start, end int
}

// NewReader returns a Reader of frames whose payloads have at most limit bytes.
func NewReader(src io.Reader, limit int) *Reader { return &Reader{src: src, limit: limit} }

// Next returns the payload of the next frame, and reads from the source only if Buffered is false.
// Payloads stay as they are until a Next that reads. Errors: ErrMalformed for a frame beyond the
// limit, io.EOF at the end of the stream, io.ErrUnexpectedEOF inside a frame, else the source's.
func (r *Reader) Next() ([]byte, error) {
	for {
		n, ok := r.length()
		if ok && n > r.limit {
			return nil, fmt.Errorf("%w frame: %d bytes, limit %d", ErrMalformed, n, r.limit)
		}
		if ok && r.end-r.start >= headerBytes+n {
			payload := r.buf[r.start+headerBytes:][:n:n]
			r.start += headerBytes + n
			return payload, nil
		}
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
}

// Buffered reports whether Next has a frame, or an error about one, without reading.
func (r *Reader) Buffered() bool {
	n, ok := r.length()
	return ok && (n > r.limit || r.end-r.start >= headerBytes+n)
}

// Partial reports whether the beginning of a frame has arrived and its end has not.
func (r *Reader) Partial() bool { return r.end > r.start && !r.Buffered() }

// length returns what the header at start says, if the header has arrived.
func (r *Reader) length() (int, bool) {
	if r.end-r.start < headerBytes {
		return 0, false
	}
	n := min(binary.BigEndian.Uint32(r.buf[r.start:]), math.MaxInt32) // int may have 32 bits
	return int(n), true
}

// fill reads once, after making room.
func (r *Reader) fill() error {
	full := r.end == len(r.buf)
	size := len(r.buf)
	switch left := r.end - r.start; {
	case size == 0:
		size = startBytes
	case left == size, full && size < batchBytes:
		size *= 2
	case size > batchBytes && left < batchBytes && !r.large():
		size = batchBytes
	}
	if buf := r.buf; size != len(buf) {
		r.buf = make([]byte, size)
		r.end, r.start = copy(r.buf, buf[r.start:r.end]), 0
	} else if full || r.start == r.end {
		r.end, r.start = copy(buf, buf[r.start:r.end]), 0
	}
	n, err := io.ReadAtLeast(r.src, r.buf[r.end:], 1)
	r.end += n
	if err == io.EOF && r.start != r.end {
		return io.ErrUnexpectedEOF
	}
	return err
}

// large reports whether the frame that is arriving needs more than batchBytes.
func (r *Reader) large() bool {
	n, ok := r.length()
	return ok && headerBytes+n > batchBytes
}
