package backup

import (
	"bufio"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/crc64"
	"io"
	"os"

	"github.com/tidelock-raft/tidelock/core"
)

// Reader reads a file: its Read gives the body, and io.EOF only when everything was found to be
// right, up to the very end. Damage is a *core.CorruptError.
type Reader struct {
	r        *bufio.Reader
	path     string
	meta     Meta
	at       int64 // in the file
	sum      uint32
	buf      []byte // of a block
	rest     []byte // of it, not yet given out
	last     bool   // the block was shorter than full: only the end may follow
	size     int64
	checksum uint64
	err      error
}

// NewReader reads the beginning of a file, which errors call path. Errors: core.ErrCorrupt,
// ErrVersion, and those of r.
func NewReader(r io.Reader, path string) (*Reader, error) {
	b := &Reader{r: bufio.NewReaderSize(r, blockBytes), path: path}
	head := b.take(nil, fixedBytes)
	switch {
	case b.err != nil:
		return nil, b.err
	case string(head[:len(magic)]) != magic:
		return nil, b.damage(0, errMagic)
	case little.Uint32(head[8:]) != version:
		return nil, fmt.Errorf("%s: %w: got %d, want %d", path, ErrVersion, little.Uint32(head[8:]),
			version)
	}
	length := little.Uint32(head[12:])
	if length > maxFields {
		return nil, b.damage(12, fmt.Errorf("%w: %d bytes of fields, limit %d", errLength, length,
			maxFields))
	}
	head = b.take(head, int(length))
	b.sum = crc32.Checksum(head, castagnoli)
	if sum := b.take(nil, sumBytes); b.err == nil && little.Uint32(sum) != b.sum {
		b.damage(b.at-sumBytes, sums(little.Uint32(sum), b.sum))
	}
	if b.err != nil {
		return nil, b.err
	}
	var err error
	if b.meta, err = decodeMeta(head[fixedBytes:]); err != nil {
		return nil, b.damage(fixedBytes, err)
	}
	b.buf = make([]byte, 0, blockBytes)
	return b, nil
}

func sums(got, want uint32) error {
	return fmt.Errorf("%w: got %08x, want %08x", errSum, got, want)
}

// Meta says what is in the file. Size and Checksum of the snapshot are known once Read has returned
// io.EOF.
func (b *Reader) Meta() Meta { return b.meta }

// Bytes is how many bytes of the file have been read.
func (b *Reader) Bytes() int64 { return b.at }

// Read implements io.Reader.
func (b *Reader) Read(p []byte) (int, error) {
	for len(b.rest) == 0 {
		if b.err != nil {
			return 0, b.err
		}
		b.next()
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// next reads a block, or the end.
func (b *Reader) next() {
	from := b.at
	head := b.take(nil, 4)
	if b.err != nil {
		return
	}
	length := little.Uint32(head)
	if length == 0 {
		b.end(from, head)
		return
	}
	if length > blockBytes || b.last {
		b.damage(from, fmt.Errorf("%w: a block of %d bytes", errLength, length))
		return
	}
	var want [sumBytes]byte
	copy(want[:], b.take(nil, sumBytes))
	b.buf = b.take(b.buf[:0], int(length))
	if b.err != nil {
		return
	}
	b.sum = crc32.Update(crc32.Update(b.sum, castagnoli, head), castagnoli, b.buf)
	if got := little.Uint32(want[:]); got != b.sum {
		b.damage(from, sums(got, b.sum))
		return
	}
	b.rest, b.last = b.buf, length < blockBytes
	b.size += int64(length)
	b.checksum = crc64.Update(b.checksum, ecma, b.buf)
}

// end reads and checks what stands behind the last block, which began at from.
func (b *Reader) end(from int64, head []byte) {
	tail := b.take(head, endBytes-4)
	sum := b.take(nil, sumBytes)
	if b.err != nil {
		return
	}
	if want := crc32.Update(b.sum, castagnoli, tail); little.Uint32(sum) != want {
		b.damage(from, sums(little.Uint32(sum), want))
		return
	}
	s := &b.meta.Snapshot
	s.Size, s.Checksum = int64(little.Uint64(tail[4:])), little.Uint64(tail[12:])
	if s.Size != b.size || s.Checksum != b.checksum {
		b.damage(from, fmt.Errorf("%w: the body has %d bytes, %016x; want %d, %016x", errSum, b.size,
			b.checksum, s.Size, s.Checksum))
		return
	}
	if _, err := b.r.ReadByte(); err == nil {
		b.damage(b.at, errBehind)
	} else {
		b.err = err // io.EOF, if all is well
	}
}

// take appends n bytes of the file to dst.
func (b *Reader) take(dst []byte, n int) []byte {
	if b.err != nil {
		return dst
	}
	at := len(dst)
	dst = append(dst, make([]byte, n)...)
	got, err := io.ReadFull(b.r, dst[at:])
	b.at += int64(got)
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		b.damage(b.at, errCut)
	case err != nil:
		b.err = fmt.Errorf("read backup: %w", err)
	}
	return dst
}

func (b *Reader) damage(at int64, err error) error {
	b.err = &core.CorruptError{Path: b.path, Offset: at, Err: err}
	return b.err
}

// Verify reads a whole file and checks everything in it but what the body means. Errors are those
// of NewReader and Read.
func Verify(path string) (Meta, error) {
	file, err := os.Open(path)
	if err != nil {
		return Meta{}, err
	}
	defer file.Close()
	b, err := NewReader(file, path)
	if err != nil {
		return Meta{}, err
	}
	if _, err := io.Copy(io.Discard, b); err != nil {
		return Meta{}, err
	}
	return b.meta, nil
}
