package codec

import (
	"encoding/binary"
	"errors"
)

// The msgpack type bytes in use. A number takes its shortest form when written.
const (
	maxFixInt   = 0x7f // 0x00 … 0x7f are themselves
	fixArray    = 0x90 // and 0x91 … 0x9f: arrays of up to 15
	bin8        = 0xc4
	bin16       = 0xc5
	bin32       = 0xc6
	uint8Code   = 0xcc
	uint16Code  = 0xcd
	uint32Code  = 0xce
	uint64Code  = 0xcf
	int8Code    = 0xd0
	int16Code   = 0xd1
	int32Code   = 0xd2
	int64Code   = 0xd3
	array16     = 0xdc
	array32     = 0xdd
	minFixInt   = 0xe0 // 0xe0 … 0xff are -32 … -1
	maxFixArray = 15
)

func appendUint(dst []byte, v uint64) []byte {
	switch {
	case v <= maxFixInt:
		return append(dst, byte(v))
	case v < 1<<8:
		return append(dst, uint8Code, byte(v))
	case v < 1<<16:
		return append(dst, uint16Code, byte(v>>8), byte(v))
	case v < 1<<32:
		return binary.BigEndian.AppendUint32(append(dst, uint32Code), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(dst, uint64Code), v)
}

func appendInt(dst []byte, v int64) []byte {
	switch {
	case v >= 0:
		return appendUint(dst, uint64(v))
	case v >= -32:
		return append(dst, byte(v))
	case v >= -1<<7:
		return append(dst, int8Code, byte(v))
	case v >= -1<<15:
		return append(dst, int16Code, byte(v>>8), byte(v))
	case v >= -1<<31:
		return binary.BigEndian.AppendUint32(append(dst, int32Code), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(dst, int64Code), uint64(v))
}

func appendArray(dst []byte, n int) []byte {
	switch {
	case n <= maxFixArray:
		return append(dst, fixArray|byte(n))
	case n < 1<<16:
		return append(dst, array16, byte(n>>8), byte(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, array32), uint32(n))
}

func appendBin(dst []byte, n int) []byte {
	switch {
	case n < 1<<8:
		return append(dst, bin8, byte(n))
	case n < 1<<16:
		return append(dst, bin16, byte(n>>8), byte(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, bin32), uint32(n))
}

var (
	errShort = errors.New("cut short")
	errType  = errors.New("unexpected type")
	errLimit = errors.New("over a limit")
)

// cursor reads msgpack values one after another. The first error sticks: from then on every read
// gives zero, so that only the end, and what is used as a length, must be checked.
type cursor struct {
	src []byte
	err error
}

func (c *cursor) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.src = nil
}

// next returns the n bytes at the cursor and moves behind them.
func (c *cursor) next(n uint64) []byte {
	if uint64(len(c.src)) < n {
		c.fail(errShort)
		return nil
	}
	b := c.src[:n:n]
	c.src = c.src[n:]
	return b
}

// number reads a big-endian number of width bytes.
func (c *cursor) number(width uint64) uint64 {
	var v uint64
	for _, b := range c.next(width) {
		v = v<<8 | uint64(b)
	}
	return v
}

// code reads a type byte.
func (c *cursor) code() byte {
	if b := c.next(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) uint() uint64 {
	switch code := c.code(); code {
	case uint8Code, uint16Code, uint32Code, uint64Code:
		return c.number(1 << (code - uint8Code))
	default:
		if code > maxFixInt {
			c.fail(errType)
			return 0
		}
		return uint64(code)
	}
}

func (c *cursor) int() int64 {
	if len(c.src) == 0 || c.src[0] < int8Code || c.src[0] > int64Code && c.src[0] < minFixInt {
		v := c.uint()
		if v > 1<<63-1 {
			c.fail(errType)
			return 0
		}
		return int64(v)
	}
	code := c.code()
	if code >= minFixInt {
		return int64(int8(code))
	}
	width := uint64(1) << (code - int8Code)
	shift := 64 - 8*width
	return int64(c.number(width)<<shift) >> shift
}

// array reads the length of an array.
func (c *cursor) array() uint64 {
	switch code := c.code(); {
	case code >= fixArray && code <= fixArray+maxFixArray:
		return uint64(code - fixArray)
	case code == array16:
		return c.number(2)
	case code == array32:
		return c.number(4)
	}
	c.fail(errType)
	return 0
}

// bin reads a byte string, which aliases the source; an empty one is nil.
func (c *cursor) bin(limit int) []byte {
	code := c.code()
	if code < bin8 || code > bin32 {
		c.fail(errType)
		return nil
	}
	n := c.number(1 << (code - bin8))
	if n > uint64(limit) {
		c.fail(errLimit)
		return nil
	}
	if n == 0 {
		return nil
	}
	return c.next(n)
}
