package engine

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
)

// Limits of what is told about the parts of a state. What exceeds them is cut off, on every replica
// alike; the digest of the whole state covers it.
const (
	maxParts     = 64  // of one state
	maxPartBytes = 255 // of the name of one
)

var errParts = errors.New("engine: malformed list of parts")

// AppendParts appends the data of a MsgDigest to dst.
//
//	count   uvarint, ≤ 64
//	then for each part
//	length  1 byte
//	name    length bytes
//	digest  8 bytes, little endian
func AppendParts(dst []byte, parts []core.NamedDigest) []byte {
	parts = parts[:min(len(parts), maxParts)]
	dst = binary.AppendUvarint(dst, uint64(len(parts)))
	for _, p := range parts {
		dst = binary.LittleEndian.AppendUint64(appendName(dst, p.Name), p.Digest)
	}
	return dst
}

func decodeParts(src []byte) ([]core.NamedDigest, error) {
	count, src, err := decodeCount(src, 1+8)
	if err != nil {
		return nil, err
	}
	parts := make([]core.NamedDigest, count)
	for i := range parts {
		if parts[i].Name, src, err = decodeName(src); err != nil {
			return nil, err
		}
		if len(src) < 8 {
			return nil, fmt.Errorf("%w: cut short", errParts)
		}
		parts[i].Digest, src = binary.LittleEndian.Uint64(src), src[8:]
	}
	return parts, decodeEnd(src)
}

// ruling is what is said about the state of one replica.
type ruling uint8

// The rulings; the numbers are part of the format.
const (
	agreed    ruling = 1 // the majority is in this state
	odd       ruling = 2 // the majority is in another
	undecided ruling = 3 // states differ, and there is no majority
)

// verdict is the data of a MsgVerdict.
type verdict struct {
	ruling ruling
	parts  []string // that differ, as far as they are known
}

// append appends v to dst.
//
//	ruling  1 byte: 1 agreed, 2 odd, 3 undecided
//	count   uvarint, ≤ 64
//	then for each part that differs
//	length  1 byte
//	name    length bytes
func (v *verdict) append(dst []byte) []byte {
	parts := v.parts[:min(len(v.parts), maxParts)]
	dst = binary.AppendUvarint(append(dst, byte(v.ruling)), uint64(len(parts)))
	for _, name := range parts {
		dst = appendName(dst, name)
	}
	return dst
}

func decodeVerdict(src []byte) (v verdict, err error) {
	if len(src) == 0 || ruling(src[0]) < agreed || ruling(src[0]) > undecided {
		return verdict{}, fmt.Errorf("%w: no ruling", errParts)
	}
	v.ruling = ruling(src[0])
	count, src, err := decodeCount(src[1:], 1)
	if err != nil {
		return verdict{}, err
	}
	for range count {
		var name string
		if name, src, err = decodeName(src); err != nil {
			return verdict{}, err
		}
		v.parts = append(v.parts, name)
	}
	return v, decodeEnd(src)
}

func appendName(dst []byte, name string) []byte {
	name = name[:min(len(name), maxPartBytes)]
	return append(append(dst, byte(len(name))), name...)
}

// decodeCount reads how many elements follow, of at least least bytes each.
func decodeCount(src []byte, least int) (int, []byte, error) {
	count, n := binary.Uvarint(src)
	if n <= 0 || count > maxParts || count > uint64((len(src)-n)/least) {
		return 0, nil, fmt.Errorf("%w: bad count", errParts)
	}
	return int(count), src[n:], nil
}

func decodeName(src []byte) (string, []byte, error) {
	if len(src) == 0 || len(src) <= int(src[0]) {
		return "", nil, fmt.Errorf("%w: cut short", errParts)
	}
	length := 1 + int(src[0])
	return string(src[1:length]), src[length:], nil
}

func decodeEnd(src []byte) error {
	if len(src) > 0 {
		return fmt.Errorf("%w: %d bytes left over", errParts, len(src))
	}
	return nil
}
