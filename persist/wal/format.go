package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
)

// A log is a directory of segments. They are numbered from 1 without gaps; the oldest ones are
// removed in time. A segment is called by its number in 16 hexadecimal digits and ".wal". What ends
// in ".tmp" is being made or given up, and means nothing after a crash. All integers are little
// endian; all checksums are CRC-32C.
//
// A segment begins with its header, in a sector of its own that is never written again:
//
//	0   magic     8   "tidewal\n"
//	8   version   4   1
//	12  sum       4   of the 48 other bytes of the header
//	16  log       8   drawn when the log was made; equal in all its segments
//	24  salt      8   drawn when the segment was made; differs from life to life of a recycled file
//	32  number    8   as in the name
//	40  size      8   the length of the file when it was made
//	48  zero      up to 512
//
// Frames follow from 512 on, each at a multiple of 32, without gaps. What lies behind the last one
// is zeros, or what a recycled segment held before. A frame is a Write, or has its own purpose:
//
//	0   head      4   of bytes 4 … 31, started with the sum of the segment header xor the offset
//	                  of the frame divided by 32: a frame anywhere else does not verify
//	4   length    4   of the records, in bytes
//	8   sequence  8   counts the frames of the log from 1 on
//	16  kind      1   batch 1, checkpoint 2, seal 3, proof 4
//	17  zero      3
//	20  records   4   their number
//	24  tail      4   the chain behind the last record; equals previous if there is none
//	28  previous  4   the chain before the first record: head of the frame before this one
//	32  records, then zeros to the next multiple of 32
//
// The first frame of a segment is a checkpoint: one group record for each group that there is, so
// that nothing but entries is ever lost with an older segment. The last frame is a seal, written
// and synced before anything goes into the next segment. A frame is written only after the one
// before it is durable. So whoever finds a frame knows that all frames before it were whole once.
//
// For the last batch of all, a proof says so: a frame without records, with the sequence and the
// previous of the frame that comes next. It is written once nothing else is, into the last 32 bytes
// of the segment, a sector or more away from any batch, and over the proof that was there. It is
// not a part of the log and takes no number. (Early logs have proofs between batches, with numbers
// of their own.)
//
// A record:
//
//	0   length    4   of the record with its sum, in bytes
//	4   kind      1   see recordKind
//	5   detail    1   entry and moved: core.EntryKind; otherwise 0
//	6   zero      2
//	8   group     8
//	16  payload
//	    sum       4   the chain: CRC-32C of the record without its sum, started with the sum before
//	                  it, which always is in the 4 bytes before the record
//
// Payloads:
//
//	entry, moved       index 8, term 8, time 8, data
//	hard               term 8, vote 8, commit 8
//	compact            index 8, term 8
//	install, snapshot  core.SnapshotMeta.AppendBinary
//	remove             nothing
//	group              term 8, vote 8, commit 8, start term 8, start index 8, last term 8,
//	                   last index 8, then the snapshot as above
const (
	magic        = "tidewal\n"
	version      = 1
	headerBytes  = 48
	firstFrame   = 512
	frameAlign   = 32
	frameHeader  = 32
	recordHeader = 16
	sumBytes     = 4
	recordFixed  = recordHeader + sumBytes
	entryFixed   = recordFixed + 3*8
	nameDigits   = 16
	suffix       = ".wal"
	temporary    = ".tmp"
)

type frameKind uint8

const (
	frameBatch frameKind = iota + 1
	frameCheckpoint
	frameSeal
	frameProof
)

var frameNames = [...]string{"?", "batch", "checkpoint", "seal", "proof"}

func (k frameKind) String() string { return frameNames[min(int(k), len(frameNames)-1)] }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// little is the byte order of the log.
var little = binary.LittleEndian

func alignUp(n int64) int64 { return (n + frameAlign - 1) &^ (frameAlign - 1) }

// frameRoom is what a frame with so many bytes of records takes up.
func frameRoom(length int64) int64 { return alignUp(frameHeader + length) }

func segmentName(number uint64) string { return fmt.Sprintf("%0*x%s", nameDigits, number, suffix) }

// segmentNumber reads a name that segmentName wrote.
func segmentNumber(name string) (uint64, bool) {
	var number uint64
	_, err := fmt.Sscanf(strings.TrimSuffix(name, suffix), "%x", &number)
	return number, err == nil && segmentName(number) == name
}

// header is the first sector of a segment.
type header struct {
	log, salt, number uint64
	size              int64
}

// encode returns the sector, and its sum, which the frames in the segment carry on.
func (h header) encode() ([]byte, uint32) {
	buf := make([]byte, firstFrame)
	copy(buf, magic)
	little.PutUint32(buf[8:], version)
	for i, field := range [...]uint64{h.log, h.salt, h.number, uint64(h.size)} {
		little.PutUint64(buf[16+8*i:], field)
	}
	sum := headerSum(buf)
	little.PutUint32(buf[12:], sum)
	return buf, sum
}

func headerSum(buf []byte) uint32 {
	return crc32.Update(crc32.Checksum(buf[:12], castagnoli), castagnoli, buf[16:headerBytes])
}

func decodeHeader(buf []byte) (header, uint32, error) {
	sum := headerSum(buf)
	switch {
	case !bytes.HasPrefix(buf, []byte(magic)):
		return header{}, 0, fmt.Errorf("%w: it begins with %q", ErrForeign, buf[:len(magic)])
	case little.Uint32(buf[12:]) != sum:
		return header{}, 0, fmt.Errorf("segment header: %w", errSum)
	case little.Uint32(buf[8:]) != version:
		return header{}, 0, fmt.Errorf("%w: got %d, want %d", ErrVersion, little.Uint32(buf[8:]), version)
	}
	field := func(i int) uint64 { return little.Uint64(buf[16+8*i:]) }
	return header{log: field(0), salt: field(1), number: field(2), size: int64(field(3))}, sum, nil
}

var errSum = errors.New("checksum does not fit")

// frame is the header of a frame.
type frame struct {
	head     uint32
	length   uint32
	sequence uint64
	kind     frameKind
	records  uint32
	tail     uint32
	previous uint32
}

// put writes the header of a frame that lies at off in a segment, and sets its head.
func (f *frame) put(buf []byte, s *segment, off int64) {
	little.PutUint32(buf[4:], f.length)
	little.PutUint64(buf[8:], f.sequence)
	little.PutUint32(buf[16:], uint32(f.kind))
	little.PutUint32(buf[20:], f.records)
	little.PutUint32(buf[24:], f.tail)
	little.PutUint32(buf[28:], f.previous)
	f.head = s.frameSum(buf, off)
	little.PutUint32(buf, f.head)
}

// frameAt reads the header of a frame at off; ok is whether it was written there, in this life of
// the segment.
func (s *segment) frameAt(buf []byte, off int64) (f frame, ok bool) {
	f = frame{
		head:     little.Uint32(buf),
		length:   little.Uint32(buf[4:]),
		sequence: little.Uint64(buf[8:]),
		kind:     frameKind(buf[16]),
		records:  little.Uint32(buf[20:]),
		tail:     little.Uint32(buf[24:]),
		previous: little.Uint32(buf[28:]),
	}
	return f, f.kind >= frameBatch && f.kind <= frameProof && f.head == s.frameSum(buf, off)
}

func (s *segment) frameSum(buf []byte, off int64) uint32 {
	return crc32.Update(s.sum^uint32(off/frameAlign), castagnoli, buf[4:frameHeader])
}
