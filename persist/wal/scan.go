package wal

import (
	"errors"
	"fmt"
)

// scanWindow is how much is read at a time, unless a frame is larger.
const scanWindow = 1 << 20

// scanner reads the frames of a segment one after the other.
type scanner struct {
	s     *segment
	limit int64  // length of the file
	at    int64  // where the next frame is
	buf   []byte // of the file, from base on
	base  int64
}

func newScanner(s *segment) (*scanner, error) {
	limit, err := s.file.Size()
	if err != nil {
		return nil, fmt.Errorf("read segment: %w", err)
	}
	return &scanner{s: s, limit: limit, at: firstFrame}, nil
}

// bytes returns n bytes from off on, which the file has. They are good until the next call.
func (c *scanner) bytes(off, n int64) ([]byte, error) {
	if off < c.base || off+n > c.base+int64(len(c.buf)) {
		size := min(max(n, scanWindow), c.limit-off)
		if int64(cap(c.buf)) < size {
			c.buf = make([]byte, size)
		}
		c.buf, c.base = c.buf[:size], off
		if err := readFull(c.s.file, c.buf, off); err != nil {
			c.buf = c.buf[:0]
			return nil, c.s.fault(off, err)
		}
	}
	return c.buf[off-c.base:][:n], nil
}

// errBroken is wrapped where the bytes at hand are no frame that fits.
var errBroken = errors.New("no batch that continues the log")

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errBroken}, args...)...)
}

// next returns the next frame if it is whole and continues the log, and its records, which are good
// until the next call. The error wraps errBroken otherwise.
func (c *scanner) next(e end) (frame, []byte, error) {
	f, ok, err := c.peek(c.at)
	switch {
	case err != nil:
		return f, nil, err
	case !ok:
		return f, nil, broken("checksum of its header does not fit")
	case e.sequence != 0 && (f.sequence != e.sequence || f.previous != e.chain):
		return f, nil, broken("got number %d behind %08x, want %d behind %08x",
			f.sequence, f.previous, e.sequence, e.chain)
	case c.at+frameHeader+int64(f.length) > c.limit:
		return f, nil, broken("it has %d bytes, and the file ends", f.length)
	}
	body, err := c.bytes(c.at+frameHeader, int64(f.length))
	if err != nil {
		return f, nil, err
	}
	if err := f.verify(body); err != nil {
		return f, nil, broken("%w", err)
	}
	c.at += frameRoom(int64(f.length))
	return f, body, nil
}

// peek reads the header of a frame; ok is whether there is one.
func (c *scanner) peek(off int64) (f frame, ok bool, err error) {
	if off+frameHeader > c.limit {
		return frame{}, false, nil
	}
	buf, err := c.bytes(off, frameHeader)
	if err != nil {
		return frame{}, false, err
	}
	if f, ok = c.s.frameAt(buf, off); !ok {
		f = frame{}
	}
	return f, ok, nil
}

// verify checks every record of a frame.
func (f *frame) verify(body []byte) error {
	sum, count := f.previous, uint32(0)
	for ; len(body) > 0; count++ {
		r, rest, err := checkedRecord(body, sum)
		if err != nil {
			return err
		}
		sum, body = r.place.sum, rest
	}
	if count != f.records || sum != f.tail {
		return fmt.Errorf("%w: got %d records, %08x, want %d, %08x",
			errSum, count, sum, f.records, f.tail)
	}
	return nil
}

// later looks for a frame behind c.at, whole or not, that was written after frame number sequence.
// A frame is written only once the one before it is durable, so the first such header proves that
// what is broken before it was whole once.
func (c *scanner) later(sequence uint64) (off int64, ok bool, err error) {
	for off = c.at + frameAlign; off+frameHeader <= c.limit; off += frameAlign {
		f, ok, err := c.peek(off)
		if err != nil || ok && f.sequence > sequence {
			return off, ok, err
		}
	}
	return 0, false, nil
}
