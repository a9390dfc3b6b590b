// Package value is the one way in which values of a machine are written down: a subset of
// MessagePack in which equal values have equal bytes.
//
// Commands, results, stored values and snapshots are made of it. The subset is nil, booleans,
// numbers, strings, arrays and maps; the canonical form of each stands at its Append function:
//
//	nil      c0
//	boolean  c2 (false), c3 (true)
//	number   an integer of at most 53 bits: the shortest of fixint, uint 8-64, int 8-64 (negative)
//	         any other: cb and the 8 bytes of a float64; every NaN is 7ff8000000000000, -0 is 0
//	string   the shortest of fixstr, str 8, str 16, str 32; any bytes
//	array    the shortest of fixarray, array 16, array 32; the empty table is an empty array
//	map      the shortest of fixmap, map 16, map 32; keys are integers or strings, ascending,
//	         integers before strings; a map whose keys are 1..n is written as an array
//
// A Reader takes any encoding of these values, Check only the canonical one. The package knows
// nothing of Lua; package scripting turns Lua values into bytes and back.
package value

import (
	"encoding/binary"
	"errors"
	"math"
)

// The bounds of a value. A machine's author meets them, so they are part of its contract.
const (
	MaxSize    = 1 << 20 // bytes of one encoded value
	MaxKey     = 4 << 10 // bytes of a string that is a key
	MaxDepth   = 32      // tables within tables
	MaxInteger = 1 << 53 // beyond it a number no longer tells neighbours apart
)

// ErrInvalid is what every error of a Reader, of Check and of FromAny wraps.
var ErrInvalid = errors.New("value: invalid encoding")

// The bytes that begin a value.
const (
	tagFixMap   = 0x80
	tagFixArray = 0x90
	tagFixStr   = 0xa0
	tagNil      = 0xc0
	tagFalse    = 0xc2
	tagTrue     = 0xc3
	tagBin8     = 0xc4
	tagFloat32  = 0xca
	tagFloat64  = 0xcb
	tagUint8    = 0xcc
	tagInt8     = 0xd0
	tagStr8     = 0xd9
	tagArray16  = 0xdc
	tagMap16    = 0xde
	tagFixNeg   = 0xe0
)

// canonicalNaN stands for every NaN.
const canonicalNaN = 0x7ff8000000000000

// AppendNil appends nil.
func AppendNil(dst []byte) []byte { return append(dst, tagNil) }

// AppendBool appends a boolean.
func AppendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, tagTrue)
	}
	return append(dst, tagFalse)
}

// AppendNumber appends a number: as an integer if it is one.
func AppendNumber(dst []byte, f float64) []byte {
	if n, ok := Integer(f); ok {
		return appendInteger(dst, n)
	}
	bits := math.Float64bits(f)
	if f != f {
		bits = canonicalNaN
	}
	return binary.BigEndian.AppendUint64(append(dst, tagFloat64), bits)
}

// Integer returns f as an integer if it is one of at most 53 bits.
func Integer(f float64) (int64, bool) {
	if !(f >= -MaxInteger && f <= MaxInteger) {
		return 0, false
	}
	n := int64(f)
	return n, float64(n) == f
}

func appendInteger(dst []byte, n int64) []byte {
	switch {
	case n >= 0 && n < 1<<7, n < 0 && n >= -1<<5:
		return append(dst, byte(n))
	case n >= 0 && n < 1<<8:
		return append(dst, tagUint8, byte(n))
	case n >= 0 && n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, tagUint8+1), uint16(n))
	case n >= 0 && n < 1<<32:
		return binary.BigEndian.AppendUint32(append(dst, tagUint8+2), uint32(n))
	case n >= 0:
		return binary.BigEndian.AppendUint64(append(dst, tagUint8+3), uint64(n))
	case n >= -1<<7:
		return append(dst, tagInt8, byte(n))
	case n >= -1<<15:
		return binary.BigEndian.AppendUint16(append(dst, tagInt8+1), uint16(n))
	case n >= -1<<31:
		return binary.BigEndian.AppendUint32(append(dst, tagInt8+2), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, tagInt8+3), uint64(n))
}

// AppendString appends a string.
func AppendString[S string | []byte](dst []byte, s S) []byte {
	return append(appendStringHead(dst, len(s)), s...)
}

func appendStringHead(dst []byte, n int) []byte {
	switch {
	case n < 1<<5:
		return append(dst, tagFixStr|byte(n))
	case n < 1<<8:
		return append(dst, tagStr8, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, tagStr8+1), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, tagStr8+2), uint32(n))
}

// AppendArray appends the head of an array of n values, which follow.
func AppendArray(dst []byte, n int) []byte { return appendTable(dst, n, tagFixArray, tagArray16) }

// AppendMap appends the head of a map of n pairs, which follow: key, value, key, value.
func AppendMap(dst []byte, n int) []byte { return appendTable(dst, n, tagFixMap, tagMap16) }

func appendTable(dst []byte, n int, fix, wide byte) []byte {
	switch {
	case n < 1<<4:
		return append(dst, fix|byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, wide), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, wide+1), uint32(n))
}
