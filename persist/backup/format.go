package backup

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/crc64"

	"github.com/tidelock-raft/tidelock/core"
)

const (
	magic      = "tideback"
	version    = 1
	fixedBytes = 16
	sumBytes   = 4
	endBytes   = 4 + 8 + 8

	maxFields  = 64 << 10
	blockBytes = 64 << 10
)

// MaxNameBytes bounds the name of a machine and the version of a program.
const MaxNameBytes = 1 << 10

// ErrVersion is returned by NewReader for a file of a version that it cannot read.
var ErrVersion = errors.New("backup: unknown version")

var (
	errCut    = errors.New("the file ends too early")
	errMagic  = errors.New("it is no backup: it does not begin with " + magic)
	errSum    = errors.New("checksum does not fit")
	errFields = errors.New("fields do not fit")
	errLength = errors.New("length does not fit")
	errBehind = errors.New("there are bytes behind the end")
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	ecma       = crc64.MakeTable(crc64.ECMA)
	little     = binary.LittleEndian
)

// Meta says what was saved, and where and when.
type Meta struct {
	Cluster core.ClusterID
	Node    core.NodeID // that saved it
	Group   core.GroupID
	Taken   int64  // by the clock of the node, Unix ns
	Machine string // how it calls itself
	Version string // of the program
	// Snapshot describes the body. Its Size and Checksum stand behind the body in the file.
	Snapshot core.SnapshotMeta
}

// head is the beginning of the file, up to its sum.
func (m Meta) head() ([]byte, error) {
	if len(m.Machine) > MaxNameBytes || len(m.Version) > MaxNameBytes {
		return nil, fmt.Errorf("backup: machine %d bytes, version %d: %w, limit %d",
			len(m.Machine), len(m.Version), core.ErrTooLarge, MaxNameBytes)
	}
	if err := m.Snapshot.Membership.Check(); err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	m.Snapshot.Size, m.Snapshot.Checksum = 0, 0
	var fields []byte
	for _, v := range [...]uint64{
		uint64(m.Cluster), uint64(m.Node), uint64(m.Group), uint64(m.Taken),
	} {
		fields = little.AppendUint64(fields, v)
	}
	for _, s := range [...]string{m.Machine, m.Version} {
		fields = append(little.AppendUint16(fields, uint16(len(s))), s...)
	}
	fields, _ = m.Snapshot.AppendBinary(fields) // the error is always nil
	head := little.AppendUint32([]byte(magic), version)
	return append(little.AppendUint32(head, uint32(len(fields))), fields...), nil
}

// decodeMeta reads the fields; they are all that there is in src.
func decodeMeta(src []byte) (m Meta, err error) {
	const words = 4
	if len(src) < 8*words {
		return m, errFields
	}
	word := func(i int) uint64 { return little.Uint64(src[8*i:]) }
	m = Meta{
		Cluster: core.ClusterID(word(0)), Node: core.NodeID(word(1)),
		Group: core.GroupID(word(2)), Taken: int64(word(3)),
	}
	src = src[8*words:]
	for _, into := range [...]*string{&m.Machine, &m.Version} {
		if len(src) < 2 {
			return m, errFields
		}
		n := int(little.Uint16(src))
		if src = src[2:]; n > MaxNameBytes || n > len(src) {
			return m, errFields
		}
		*into, src = string(src[:n]), src[n:]
	}
	m.Snapshot, src, err = core.DecodeSnapshotMeta(src)
	if err == nil && (len(src) > 0 || m.Snapshot.Size != 0 || m.Snapshot.Checksum != 0) {
		err = errFields
	}
	return m, err
}
