package core

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// SnapshotMeta describes a snapshot: the state of the machine after the entry at Position.
type SnapshotMeta struct {
	Position
	Time       int64      // Entry.Time of that entry, Unix ns
	Membership Membership // the configuration in force at Position
	Size       int64      // bytes of the body; zero: there is no body (a group's very beginning)
	Checksum   uint64     // CRC-64/ECMA of the body
}

// ErrSnapshotMeta is returned by DecodeSnapshotMeta for bytes that AppendBinary did not write.
var ErrSnapshotMeta = errors.New("core: invalid snapshot metadata")

// snapshotFixed is the length of the fixed part of an encoded SnapshotMeta, in bytes.
const snapshotFixed = 5 * 8

// MaxSnapshotMetaBytes bounds an encoded SnapshotMeta that passes Membership.Check: its fixed part,
// two counts, a floor, and what there may be of members and of retired ids.
const MaxSnapshotMetaBytes = snapshotFixed + 2*2 + binary.MaxVarintLen64 +
	MaxMembers*(binary.MaxVarintLen64+1+2+MaxAddrBytes) + MaxRetired*binary.MaxVarintLen64

// Equal reports whether both describe the same snapshot.
func (s SnapshotMeta) Equal(o SnapshotMeta) bool {
	return s.Position == o.Position && s.Time == o.Time && s.Size == o.Size &&
		s.Checksum == o.Checksum && s.Membership.Equal(o.Membership)
}

// AppendBinary appends the canonical encoding of s to dst: equal values give equal bytes.
//
//	0   term      8 bytes, little endian, as all below
//	8   index     8
//	16  time      8   Unix ns
//	24  size      8
//	32  checksum  8
//	40  membership    see Membership.AppendBinary
//
// The error is always nil; it is there for encoding.BinaryAppender.
func (s SnapshotMeta) AppendBinary(dst []byte) ([]byte, error) {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(s.Term))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(s.Index))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(s.Time))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(s.Size))
	dst = binary.LittleEndian.AppendUint64(dst, s.Checksum)
	return s.Membership.AppendBinary(dst)
}

// DecodeSnapshotMeta reads what AppendBinary wrote and returns the bytes behind it. The error wraps
// ErrSnapshotMeta.
func DecodeSnapshotMeta(src []byte) (SnapshotMeta, []byte, error) {
	if len(src) < snapshotFixed {
		return SnapshotMeta{}, nil, fmt.Errorf("%w: cut short", ErrSnapshotMeta)
	}
	field := func(i int) uint64 { return binary.LittleEndian.Uint64(src[8*i:]) }
	s := SnapshotMeta{
		Position: Position{Term: Term(field(0)), Index: Index(field(1))},
		Time:     int64(field(2)),
		Size:     int64(field(3)),
		Checksum: field(4),
	}
	if s.Size < 0 {
		return SnapshotMeta{}, nil, fmt.Errorf("%w: negative size", ErrSnapshotMeta)
	}
	members, rest, err := DecodeMembership(src[snapshotFixed:])
	if err != nil {
		return SnapshotMeta{}, nil, fmt.Errorf("%w: %w", ErrSnapshotMeta, err)
	}
	s.Membership = members
	return s, rest, nil
}
