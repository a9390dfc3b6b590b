// Package barewal is the least log that keeps its word: what etcd-io/raft, which brings none, is
// measured over. Two segments, written with zeros before use, take turns; each record carries a
// checksum; a batch costs one write and one fdatasync.
//
// A segment that comes up again is overwritten, as if a snapshot had been taken of all it held: the
// log costs its user no snapshots, no index and no reading back.
package barewal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// DefaultSegmentBytes is the length of a segment that nothing else is said of.
const DefaultSegmentBytes = 8 << 20

// A segment is
//
//	sequence (8) | record ... | zeros
//
// and a record, whose checksum is seeded by the sequence so that none of an earlier turn passes,
//
//	length (4) | CRC32C (4) | payload
const (
	headBytes   = 8
	recordBytes = 8
)

// ErrTooLarge is returned for a batch that does not fit a segment.
var ErrTooLarge = errors.New("barewal: batch is larger than a segment")

// castagnoli has its own instruction on most processors.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Log is an open log. Its methods are for one goroutine.
type Log struct {
	files    [2]*os.File
	limit    int
	sequence uint64 // of the segment written to: files[sequence%2]
	at       int
	buf      []byte
	sums     []int // where the records of the batch begin in buf
}

// Open makes a log in a directory, over whatever is there. Zero segmentBytes are the default.
func Open(dir string, segmentBytes int) (*Log, error) {
	if segmentBytes == 0 {
		segmentBytes = DefaultSegmentBytes
	}
	l := &Log{limit: segmentBytes}
	for i := range l.files {
		f, err := os.Create(segment(dir, i))
		if err != nil {
			return nil, fmt.Errorf("open log: %w", err)
		}
		l.files[i] = f
		if _, err := f.Write(make([]byte, segmentBytes)); err != nil {
			return nil, fmt.Errorf("open log: %w", err)
		}
		if err := f.Sync(); err != nil {
			return nil, fmt.Errorf("open log: %w", err)
		}
	}
	return l, errors.Join(syncDir(dir), l.turn())
}

func segment(dir string, i int) string { return filepath.Join(dir, fmt.Sprintf("segment%d", i)) }

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// turn goes on in the other segment.
func (l *Log) turn() error {
	l.sequence++
	l.at = headBytes
	_, err := l.file().WriteAt(binary.LittleEndian.AppendUint64(nil, l.sequence), 0)
	return err
}

func (l *Log) file() *os.File { return l.files[l.sequence%2] }

// Begin begins a record of the next batch: the payload is appended to what it returns, and given to
// End.
func (l *Log) Begin() []byte {
	l.sums = append(l.sums, len(l.buf))
	return append(l.buf, make([]byte, recordBytes)...)
}

// End takes the record begun last.
func (l *Log) End(buf []byte) { l.buf = buf }

// Sync makes the batch durable. After an error the log is of no use any more.
func (l *Log) Sync() error {
	if len(l.buf) > l.limit-headBytes {
		return ErrTooLarge
	}
	if l.at+len(l.buf) > l.limit {
		if err := l.turn(); err != nil {
			return fmt.Errorf("turn to the other segment: %w", err)
		}
	}
	for i, begin := range l.sums {
		end := len(l.buf)
		if i+1 < len(l.sums) {
			end = l.sums[i+1]
		}
		record := l.buf[begin:end]
		binary.LittleEndian.PutUint32(record, uint32(len(record)-recordBytes))
		sum := crc32.Update(uint32(l.sequence), castagnoli, record[recordBytes:])
		binary.LittleEndian.PutUint32(record[4:], sum)
	}
	if _, err := l.file().WriteAt(l.buf, int64(l.at)); err != nil {
		return fmt.Errorf("write batch: %w", err)
	}
	if err := unix.Fdatasync(int(l.file().Fd())); err != nil {
		return fmt.Errorf("sync batch: %w", err)
	}
	l.at += len(l.buf)
	l.buf, l.sums = l.buf[:0], l.sums[:0]
	return nil
}

// Close closes the files.
func (l *Log) Close() error { return errors.Join(l.files[0].Close(), l.files[1].Close()) }

// Replay hands over the payloads that a log holds, oldest first, up to the first that is not whole.
func Replay(dir string, each func(payload []byte)) error {
	var content [2][]byte
	for i := range content {
		var err error
		if content[i], err = os.ReadFile(segment(dir, i)); err != nil {
			return fmt.Errorf("replay log: %w", err)
		}
		if len(content[i]) < headBytes {
			return fmt.Errorf("replay log: segment %d: %w", i, io.ErrUnexpectedEOF)
		}
	}
	if binary.LittleEndian.Uint64(content[0]) > binary.LittleEndian.Uint64(content[1]) {
		content[0], content[1] = content[1], content[0]
	}
	for _, c := range content {
		replay(c, each)
	}
	return nil
}

func replay(c []byte, each func([]byte)) {
	sequence := binary.LittleEndian.Uint64(c)
	for c = c[headBytes:]; len(c) >= recordBytes; {
		n, sum := binary.LittleEndian.Uint32(c), binary.LittleEndian.Uint32(c[4:])
		c = c[recordBytes:]
		if n == 0 || uint64(n) > uint64(len(c)) ||
			crc32.Update(uint32(sequence), castagnoli, c[:n]) != sum {
			return
		}
		each(c[:n])
		c = c[n:]
	}
}
