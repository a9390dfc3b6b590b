package snapfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/crc64"

	"github.com/tidelock-raft/tidelock/core"
)

// A snapshot is one file, called snapshot-GROUP-TERM-INDEX.snap with 16 hexadecimal digits each; it
// has ".tmp" behind that until it is committed. All integers are little endian.
//
//	0    magic     8   "tidesnap"
//	8    version   4   1
//	12   block     4   65536
//	16   group     8
//	24   term      8
//	32   index     8
//	40   sum       4   CRC-32C of bytes 0 … 39
//	44   blocks        of the body: each has 65536 bytes of it, the last one what remains
//	         sum   4   CRC-32C of the sum at 40, the number of the block (8 bytes) and its bytes
//	         bytes
//	     size      8   of the body
//	     checksum  8   CRC-64/ECMA of the body
//	     sum       4   CRC-32C of the sum at 40 and the 16 bytes before
const (
	magic       = "tidesnap"
	version     = 1
	blockBytes  = 64 << 10
	sumBytes    = 4
	fixedBytes  = 40
	headBytes   = fixedBytes + sumBytes
	footFixed   = 16
	footBytes   = footFixed + sumBytes
	temporary   = ".tmp"
	nameFormat  = "snapshot-%016x-%016x-%016x.snap"
	blockOnDisk = sumBytes + blockBytes
)

// ErrVersion is returned for a snapshot of a version that cannot be read.
var ErrVersion = errors.New("snapfile: unknown version")

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	ecma       = crc64.MakeTable(crc64.ECMA)
	little     = binary.LittleEndian
)

var (
	errSum    = errors.New("checksum does not fit")
	errLength = errors.New("length does not fit")
	errName   = errors.New("not the snapshot of this name")
)

// name is what a snapshot is called by.
type name struct {
	group core.GroupID
	at    core.Position
}

// String is the name of the file.
func (n name) String() string { return fmt.Sprintf(nameFormat, n.group, n.at.Term, n.at.Index) }

func parseName(s string) (n name, ok bool) {
	_, err := fmt.Sscanf(s, nameFormat, &n.group, &n.at.Term, &n.at.Index)
	return n, err == nil && n.String() == s
}

// head is the beginning of the file of this name; sum is carried on in all other checksums.
func (n name) head() (buf []byte, sum uint32) {
	buf = append(make([]byte, 0, headBytes), magic...)
	buf = little.AppendUint32(buf, version)
	buf = little.AppendUint32(buf, blockBytes)
	for _, field := range [...]uint64{uint64(n.group), uint64(n.at.Term), uint64(n.at.Index)} {
		buf = little.AppendUint64(buf, field)
	}
	sum = crc32.Checksum(buf, castagnoli)
	return little.AppendUint32(buf, sum), sum
}

func foot(head uint32, size int64, checksum uint64) []byte {
	buf := little.AppendUint64(make([]byte, 0, footBytes), uint64(size))
	buf = little.AppendUint64(buf, checksum)
	return little.AppendUint32(buf, crc32.Update(head, castagnoli, buf))
}

func blockSum(head uint32, number int64, body []byte) uint32 {
	var place [8]byte
	little.PutUint64(place[:], uint64(number))
	return crc32.Update(crc32.Update(head, castagnoli, place[:]), castagnoli, body)
}

// blockOffset is where block number n begins in the file.
func blockOffset(n int64) int64 { return headBytes + n*blockOnDisk }

// fileBytes is the length of the file for a body of this size.
func fileBytes(size int64) int64 {
	blocks := (size + blockBytes - 1) / blockBytes
	return headBytes + blocks*sumBytes + size + footBytes
}
