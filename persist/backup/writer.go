package backup

import (
	"fmt"
	"hash/crc32"
	"hash/crc64"
	"io"

	"github.com/tidelock-raft/tidelock/core"
)

// Writer writes a file: its Write takes the body, and Close ends it. What has failed once goes on
// to fail.
type Writer struct {
	w        io.Writer
	block    []byte // length, sum and bytes of the block that is being filled
	sum      uint32
	size     int64
	checksum uint64
	err      error
}

const blockHead = 4 + sumBytes

// NewWriter writes the beginning of the file to w.
func NewWriter(w io.Writer, m Meta) (*Writer, error) {
	head, err := m.head()
	if err != nil {
		return nil, err
	}
	b := &Writer{w: w, block: make([]byte, blockHead, blockHead+blockBytes)}
	b.sum = crc32.Checksum(head, castagnoli)
	b.put(little.AppendUint32(head, b.sum))
	return b, b.err
}

func (b *Writer) put(p []byte) {
	if b.err != nil {
		return
	}
	if _, err := b.w.Write(p); err != nil {
		b.err = fmt.Errorf("write backup: %w", err)
	}
}

// Write implements io.Writer.
func (b *Writer) Write(p []byte) (n int, err error) {
	for n < len(p) && b.err == nil {
		copied := copy(b.block[len(b.block):cap(b.block)], p[n:])
		b.block = b.block[:len(b.block)+copied]
		if n += copied; len(b.block) == cap(b.block) {
			b.flush()
		}
	}
	b.size += int64(n)
	b.checksum = crc64.Update(b.checksum, ecma, p[:n])
	return n, b.err
}

// flush writes the block, if there is anything in it.
func (b *Writer) flush() {
	bytes := b.block[blockHead:]
	if len(bytes) == 0 {
		return
	}
	little.PutUint32(b.block, uint32(len(bytes)))
	b.sum = crc32.Update(crc32.Update(b.sum, castagnoli, b.block[:4]), castagnoli, bytes)
	little.PutUint32(b.block[4:], b.sum)
	b.put(b.block)
	b.block = b.block[:blockHead]
}

// Close writes what is left and the end, and does not close what is written to. A second Close
// returns core.ErrClosed.
func (b *Writer) Close() error {
	b.flush()
	end := little.AppendUint64(make([]byte, 4, endBytes+sumBytes), uint64(b.size))
	end = little.AppendUint64(end, b.checksum)
	b.put(little.AppendUint32(end, crc32.Update(b.sum, castagnoli, end)))
	err := b.err
	b.err = core.ErrClosed
	return err
}
