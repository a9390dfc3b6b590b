package codec

import (
	"io"

	"github.com/tidelock-raft/tidelock/core"
)

// A Reader allocates chunks in powers of two between these. A chunk that a few reads could fill is
// followed by a larger one, any other by a smaller one.
const (
	minChunkBytes = 32 << 10
	maxChunkBytes = 256 << 10
	fewReads      = 4
)

// maxEmptyReads is how often in a row a source may return neither bytes nor an error.
const maxEmptyReads = 100

// Reader reads frames from a stream. Messages alias the chunk that their frame was received into:
// no byte is copied, and a chunk is never written again where a message points. Memory follows the
// bytes that have arrived, not the length that a frame claims. One goroutine uses it at a time.
//
// Invariant: kept ≤ lo ≤ hi ≤ len(chunk). Messages may point into chunk[:kept]; chunk[lo:hi] was
// received and is not decoded yet.
type Reader struct {
	src          io.Reader
	limits       Limits
	chunk        []byte
	kept, lo, hi int
	reads        int // into this chunk
	size         int // of a chunk, when no frame asks for more
}

// NewReader returns a Reader of the frames in src.
func NewReader(src io.Reader, l Limits) *Reader {
	return &Reader{src: src, limits: l.OrDefaults()}
}

// Next appends the messages of the next frame to dst; they are the caller's for ever. A frame may
// hold none. Errors: io.EOF between frames, io.ErrUnexpectedEOF within one, ErrMalformed,
// core.ErrTooLarge, and those of the source; dst then comes back as it was and the stream cannot be
// read on.
func (r *Reader) Next(dst []core.Message) ([]core.Message, error) {
	if err := r.fill(headBytes); err != nil {
		return dst, err
	}
	n, err := r.limits.frameLength(r.chunk[r.lo:])
	if err != nil {
		return dst, err
	}
	if err := r.fill(headBytes + n); err != nil {
		return dst, err
	}
	end := r.lo + headBytes + n
	dst, aliased, err := r.limits.decode(dst, r.chunk[r.lo:end:end])
	if r.lo = end; aliased {
		r.kept = end
	}
	r.reclaim()
	return dst, err
}

// reclaim takes back the room of frames to which no message points, once nothing lies behind them:
// so a rare write does not pin a chunk full of heartbeats.
func (r *Reader) reclaim() {
	if r.lo < r.hi {
		return
	}
	r.lo, r.hi = r.kept, r.kept
	if r.kept == 0 && len(r.chunk) > maxChunkBytes {
		r.chunk = nil
	}
}

// fill reads until chunk[lo:hi] holds need bytes. io.EOF means that it was empty.
func (r *Reader) fill(need int) error {
	empty := 0
	for r.hi-r.lo < need {
		if r.hi == len(r.chunk) || r.lo+need > len(r.chunk) && r.lo > r.kept {
			r.makeRoom(need)
		}
		n, err := r.src.Read(r.chunk[r.hi:])
		r.hi += n
		r.reads++
		switch {
		case n > 0:
			empty = 0
		case err == io.EOF && r.hi > r.lo:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		default:
			if empty++; empty == maxEmptyReads {
				return io.ErrNoProgress
			}
		}
	}
	return nil
}

// makeRoom moves what was received to where more can be read behind it: down over what nothing
// points to, else into a new chunk. A new chunk is at most twice as long as what was received, or
// of the usual size.
func (r *Reader) makeRoom(need int) {
	have := r.hi - r.lo
	if r.kept < r.lo && r.kept+need <= len(r.chunk) {
		copy(r.chunk[r.kept:], r.chunk[r.lo:r.hi])
		r.lo, r.hi = r.kept, r.kept+have
		return
	}
	switch {
	case r.chunk == nil:
		r.size = minChunkBytes
	case r.reads <= fewReads:
		r.size = min(2*r.size, maxChunkBytes)
	default:
		r.size = max(r.size/2, minChunkBytes)
	}
	chunk := make([]byte, max(r.size, min(need, 2*have)))
	copy(chunk, r.chunk[r.lo:r.hi])
	r.chunk, r.kept, r.lo, r.hi, r.reads = chunk, 0, 0, have, 0
}
