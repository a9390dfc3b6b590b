package pebble

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tidelock-raft/tidelock/core"
	ours "github.com/tidelock-raft/tidelock/persist/vfs"
)

// A log of pebble's is blocks of 32 KiB, filled with chunks that do not cross from one into the
// next. What is left at the end of a block, and too short for a chunk, is zero. Little endian.
//
//	0   sum     4   CRC-32C of what follows the length, rotated by 15 and raised by 0xa282ead8
//	4   length  2   of the payload
//	6   type    1   a record is one chunk (5), or a first (6), middle ones (7) and a last (8)
//	7   log     4   the number of the log, or of the one that the file held in an earlier life
//	11  payload
//
// A log that was closed ends in a chunk whose sum and length are 0, type 5, log number raised by 1.
//
// Each Write of a store is a record, written only when the one before it was synced. So where a
// chunk does not verify, and the beginning of a record is found anywhere behind it, all before that
// beginning was whole once and is damaged now. Where none is found, it is the last record, that was
// never acknowledged, or whose damage nothing can tell from that.
//
// Somebody who chooses the data of entries could put what looks like the beginning of a record into
// one, and if a power cut tears just this Write, the store is called damaged that is not. That is
// the safe side to be wrong on.
const (
	logSuffix   = ".log"
	blockBytes  = 32 << 10
	chunkHeader = 11
	chunkFull   = 5
	chunkFirst  = 6
	chunkLast   = 8
	sumDelta    = 0xa282ead8
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	little     = binary.LittleEndian

	errChunk = errors.New("chunk does not verify")
)

// scan reads a log, and reports whether it holds anything.
func scan(fsys ours.FS, path string) (holds bool, err error) {
	number, err := strconv.ParseUint(strings.TrimSuffix(filepath.Base(path), logSuffix), 10, 64)
	if err != nil {
		return false, nil // not one of pebble's
	}
	f, err := fsys.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	s := scanner{number: uint32(number), broken: -1}
	block := make([]byte, blockBytes)
	for off := int64(0); ; off += blockBytes {
		n, err := f.ReadAt(block, off)
		if err != nil && err != io.EOF {
			return false, fmt.Errorf("read %s: %w", path, err)
		}
		if at := s.block(block[:n], off); at >= 0 {
			return false, &core.CorruptError{Path: path, Offset: s.broken,
				Err: fmt.Errorf("%w, and a later one does, at %d", errChunk, at)}
		}
		if n < blockBytes {
			return s.holds, nil
		}
	}
}

type scanner struct {
	number uint32 // of the log
	holds  bool   // more than zeros and the chunk that ends a log
	broken int64  // the first chunk that does not verify; -1: none yet
}

// block reads a block, and returns where the beginning of a record behind a broken chunk is, or -1.
func (s *scanner) block(b []byte, off int64) int64 {
	for i := 0; i+chunkHeader <= len(b); {
		length, proof := s.chunk(b[i:])
		switch {
		case s.broken >= 0 && proof:
			return off + int64(i)
		case s.broken < 0 && length > 0:
			s.holds = s.holds || length > chunkHeader
			i += length
			continue
		case s.broken < 0:
			s.broken = off + int64(i)
		}
		s.holds = s.holds || b[i] != 0
		i++
	}
	return -1
}

// chunk returns the length of the chunk at the beginning of b, if it verifies, and whether it is
// proof that everything before it was synced.
func (s *scanner) chunk(b []byte) (length int, proof bool) {
	kind, number := b[6], little.Uint32(b[7:])
	length = chunkHeader + int(little.Uint16(b[4:]))
	if kind == chunkFull && number == s.number+1 && little.Uint32(b) == 0 && length == chunkHeader {
		return length, true
	}
	if kind < chunkFull || kind > chunkLast || number != s.number || length > len(b) {
		return 0, false
	}
	sum := crc32.Checksum(b[6:length], castagnoli)
	if sum>>15|sum<<17 != little.Uint32(b)-sumDelta {
		return 0, false
	}
	return length, kind == chunkFull || kind == chunkFirst
}
