package state

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/tidelock-raft/tidelock/scripting/value"
)

// The bounds of a Space, for machines and for what Read believes.
const (
	MaxCollections = 1 << 10
	MaxName        = 64 // bytes
)

// ErrFormat is what the errors of Read wrap that are not the reader's own.
var ErrFormat = errors.New("state: not a written state")

const pageSize = 256 // pairs per look at the view

// maxRoom is for how many items a Space believes a count before it has seen them.
const maxRoom = 1 << 20

// WriteTo writes the contents; equal contents give equal bytes. It needs memory for one page of
// pairs. All numbers are unsigned varints in their shortest form, but for the digest.
//
//	count of collections
//	for each collection, in order of declaration:
//	  length of name, name
//	  count of items
//	  for each item, by ascending key:
//	    length of key, key      see IntegerKey and StringKey
//	    length of value, value  see package value
//	digest   8 bytes, little endian: Space.Digest of all that
func (v *View) WriteTo(w io.Writer) (int64, error) {
	out := &counter{w: bufio.NewWriterSize(w, 64<<10)}
	out.number(len(v.all))
	var page []Pair
	for i, c := range v.all {
		out.text(c.name)
		out.number(v.Len(i))
		for lo := ""; ; lo = page[len(page)-1].Key + "\x00" {
			if page = v.Page(page[:0], i, lo, "", pageSize); len(page) == 0 {
				break
			}
			for _, p := range page {
				out.text(p.Key)
				out.text(p.Val)
			}
			if out.err != nil {
				return out.n, out.err
			}
		}
	}
	digest := v.digest
	if v.epoch == liveEpoch {
		digest = v.s.Digest()
	}
	out.write(binary.LittleEndian.AppendUint64(nil, digest))
	if out.err == nil {
		out.err = out.w.Flush()
	}
	return out.n, out.err
}

// counter writes, counts, and remembers the first error.
type counter struct {
	w   *bufio.Writer
	n   int64
	err error
	buf [binary.MaxVarintLen64]byte
}

func (c *counter) write(b []byte) {
	if c.err != nil {
		return
	}
	n, err := c.w.Write(b)
	c.n, c.err = c.n+int64(n), err
}

func (c *counter) number(n int) { c.write(binary.AppendUvarint(c.buf[:0], uint64(n))) }

func (c *counter) text(s string) {
	c.number(len(s))
	if c.err == nil {
		n, err := c.w.WriteString(s)
		c.n, c.err = c.n+int64(n), err
	}
}

// Read reads what WriteTo wrote, and no further, into a new Space. Everything is checked: bounds,
// order, canonical form, digest. Errors wrap ErrFormat or ErrFull, or are r's own but io.EOF.
func Read(r *bufio.Reader) (*Space, error) {
	in := &source{r: r}
	s := New(nil)
	l := newLoader(s)
	defer l.end()
	for n := in.number(MaxCollections); n > 0 && in.err == nil; n-- {
		name := string(in.text(MaxName))
		count := in.number(1 << 48)
		c, last := s.add(name, int(min(count, maxRoom))), ""
		for n := uint64(0); n < count && in.err == nil; n++ {
			last = in.item(l, c, last)
		}
	}
	var digest [8]byte
	in.fill(digest[:])
	if got := binary.LittleEndian.Uint64(digest[:]); in.err == nil && got != s.Digest() {
		in.fail("digest %016x, want %016x", got, s.Digest())
	}
	return s, in.err
}

// source reads and checks, and remembers the first error.
type source struct {
	r   *bufio.Reader
	err error
	key []byte
	buf []byte
}

// item reads an item, whose key must be behind the last one, and returns its key.
func (in *source) item(l *loader, c *collection, last string) string {
	key, val, size := in.buffered()
	if size == 0 {
		in.key = append(in.key[:0], in.text(1+value.MaxKey)...)
		key, val = in.key, in.text(value.MaxSize)
	}
	if in.err != nil {
		return ""
	}
	if err := cmp.Or(CheckKey(text(key)), value.Check(val)); err != nil {
		in.fail("%w", err)
		return ""
	}
	if text(key) <= last {
		in.fail("keys out of order")
		return ""
	}
	if l.s.Full() {
		in.err = ErrFull
		return ""
	}
	last = l.add(c, key, val)
	_, _ = in.r.Discard(size) // which are there
	return last
}

// buffered looks at an item and its size in bytes, if there is a whole one in the buffer. Of what
// it cannot take it says nothing: who reads on will meet with it.
func (in *source) buffered() (key, val []byte, size int) {
	all, _ := in.r.Peek(in.r.Buffered()) // never an error
	key, rest, ok := cut(all, 1+value.MaxKey)
	if !ok {
		return nil, nil, 0
	}
	if val, rest, ok = cut(rest, value.MaxSize); !ok {
		return nil, nil, 0
	}
	return key, val, len(all) - len(rest)
}

// cut takes a length in its shortest form and so many bytes from the front.
func cut(b []byte, limit uint64) (data, rest []byte, ok bool) {
	n, head := binary.Uvarint(b)
	if head <= 0 || head > 1 && b[head-1] == 0 || n > limit || n > uint64(len(b)-head) {
		return nil, nil, false
	}
	b = b[head:]
	return b[:n], b[n:], true
}

func (in *source) fail(format string, args ...any) {
	if in.err == nil {
		in.err = fmt.Errorf("%w: "+format, append([]any{ErrFormat}, args...)...)
	}
}

// number reads a varint in its shortest form.
func (in *source) number(limit uint64) (n uint64) {
	for shift := 0; in.err == nil; shift += 7 {
		b, err := in.r.ReadByte()
		switch {
		case err != nil:
			in.lost(err)
		case shift > 56 || b == 0 && shift > 0:
			in.fail("not a shortest number")
		case b < 0x80:
			if n |= uint64(b) << shift; n > limit {
				in.fail("number %d, at most %d", n, limit)
				return 0
			}
			return n
		}
		n |= uint64(b&0x7f) << shift
	}
	return 0
}

// text reads a length and so many bytes, which are good until the next call.
func (in *source) text(limit uint64) []byte {
	n := int(in.number(limit))
	in.buf = slices.Grow(in.buf[:0], n)[:n]
	in.fill(in.buf)
	return in.buf
}

func (in *source) fill(b []byte) {
	if in.err != nil {
		return
	}
	if _, err := io.ReadFull(in.r, b); err != nil {
		in.lost(err)
	}
}

// lost notes an error of the reader; the end of the bytes is one of the format.
func (in *source) lost(err error) {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		in.fail("cut short")
	} else if in.err == nil {
		in.err = fmt.Errorf("read state: %w", err)
	}
}
