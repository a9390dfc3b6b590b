package snapfile

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"sync"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// reader reads a body. It keeps the block that it read last, so that reading in small pieces checks
// each block only once.
type reader struct {
	file     vfs.File
	name     name
	path     string
	head     uint32
	size     int64
	checksum uint64

	mu     sync.Mutex
	block  []byte // sum and bytes of this number; empty: none
	number int64
}

func (r *reader) corrupt(off int64, err error) error {
	return &core.CorruptError{Path: r.path, Offset: off, Err: err}
}

// read fills buf, and takes a file that ends too early for a damaged one.
func (r *reader) read(buf []byte, off int64) error {
	n, err := r.file.ReadAt(buf, off)
	switch {
	case n == len(buf):
		return nil
	case errors.Is(err, io.EOF):
		return r.corrupt(off, fmt.Errorf("%w: the file ends", errLength))
	}
	return fmt.Errorf("read snapshot: %w", err)
}

// open checks everything but the blocks.
func (r *reader) open() error {
	length, err := r.file.Size()
	if err != nil {
		return fmt.Errorf("open snapshot: %w", err)
	}
	if length < headBytes+footBytes {
		return r.corrupt(0, fmt.Errorf("%w: got %d bytes", errLength, length))
	}
	head, foot := make([]byte, headBytes), make([]byte, footBytes)
	if err := errors.Join(r.read(head, 0), r.read(foot, length-footBytes)); err != nil {
		return err
	}
	if err := r.checkHead(head); err != nil {
		return err
	}
	if crc32.Update(r.head, castagnoli, foot[:footFixed]) != little.Uint32(foot[footFixed:]) {
		return r.corrupt(length-footBytes, errSum)
	}
	r.size, r.checksum = int64(little.Uint64(foot)), little.Uint64(foot[8:])
	if r.size < 0 || r.size > length || fileBytes(r.size) != length {
		return r.corrupt(length, fmt.Errorf("%w: got %d bytes, want %d",
			errLength, length, fileBytes(r.size)))
	}
	return nil
}

func (r *reader) checkHead(got []byte) error {
	want, sum := r.name.head()
	r.head = sum
	switch {
	case bytes.Equal(got, want):
		return nil
	case !bytes.HasPrefix(got, []byte(magic)):
		return r.corrupt(0, fmt.Errorf("%w: it begins with %q", errName, got[:len(magic)]))
	case crc32.Checksum(got[:fixedBytes], castagnoli) != little.Uint32(got[fixedBytes:]):
		return r.corrupt(0, errSum)
	case little.Uint32(got[8:]) != version:
		return fmt.Errorf("open snapshot %s: %w: got %d, want %d",
			r.path, ErrVersion, little.Uint32(got[8:]), version)
	}
	return r.corrupt(0, errName)
}

// ReadAt implements io.ReaderAt.
func (r *reader) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fs.ErrInvalid
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for n < len(p) {
		if off >= r.size {
			return n, io.EOF
		}
		if err := r.load(off / blockBytes); err != nil {
			return n, err
		}
		copied := copy(p[n:], r.block[sumBytes+off%blockBytes:])
		n, off = n+copied, off+int64(copied)
	}
	return n, nil
}

// load reads and checks a block.
func (r *reader) load(number int64) error {
	if len(r.block) > 0 && r.number == number {
		return nil
	}
	if r.block == nil {
		r.block = make([]byte, blockOnDisk)
	}
	block := r.block[:blockOnDisk][:sumBytes+min(blockBytes, r.size-number*blockBytes)]
	r.block = r.block[:0]
	off := blockOffset(number)
	if err := r.read(block, off); err != nil {
		return err
	}
	body := block[sumBytes:]
	if got, want := blockSum(r.head, number, body), little.Uint32(block); got != want {
		return r.corrupt(off, fmt.Errorf("block %d: %w: got %08x, want %08x", number, errSum, got, want))
	}
	r.block, r.number = block, number
	return nil
}

// Size implements core.SnapshotReader.
func (r *reader) Size() int64 { return r.size }

// Checksum implements core.SnapshotReader.
func (r *reader) Checksum() uint64 { return r.checksum }

// Close implements io.Closer.
func (r *reader) Close() error { return r.file.Close() }
