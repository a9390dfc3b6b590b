package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// The first bytes of the msgpack forms in use. Where a name ends in Forms, it is the form with one
// byte of number or length, and those with 2, 4 and, for numbers, 8 follow it.
const (
	fixArray  = 0x90
	fixStr    = 0xa0
	binForms  = 0xc4
	uintForms = 0xcc
	intForms  = 0xd0
	strForms  = 0xd9
	array16   = 0xdc
	array32   = 0xdd
)

func appendUint(dst []byte, v uint64) []byte {
	switch {
	case v < 0x80:
		return append(dst, byte(v))
	case v <= math.MaxUint8:
		return append(dst, uintForms, byte(v))
	case v <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, uintForms+1), uint16(v))
	case v <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, uintForms+2), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(dst, uintForms+3), v)
}

func appendString(dst []byte, s string) []byte {
	if len(s) < 32 {
		dst = append(dst, fixStr|byte(len(s)))
	} else {
		dst = appendLength(dst, strForms, len(s))
	}
	return append(dst, s...)
}

func appendBytes(dst, data []byte) []byte {
	return append(appendLength(dst, binForms, len(data)), data...)
}

func appendLength(dst []byte, first byte, n int) []byte {
	switch {
	case n <= math.MaxUint8:
		return append(dst, first, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, first+1), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, first+2), uint32(n))
}

// decoder reads msgpack values off rest. It allocates nothing but strings, and lengths are checked
// against rest before use. After an error every further read returns zero.
type decoder struct {
	rest []byte
	err  error
}

var errShort = errors.New("cut short")

// take returns the next n bytes.
func (d *decoder) take(n uint64) []byte {
	if d.err == nil && n > uint64(len(d.rest)) {
		d.err = errShort
	}
	if d.err != nil {
		return nil
	}
	taken := d.rest[:n:n]
	d.rest = d.rest[n:]
	return taken
}

func (d *decoder) first() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

// number reads a big-endian number of 1<<shift bytes, shift ≤ 3.
func (d *decoder) number(shift byte) uint64 {
	var v uint64
	for _, b := range d.take(1 << shift) {
		v = v<<8 | uint64(b)
	}
	return v
}

func (d *decoder) wrong(what string, got byte) {
	if d.err == nil {
		d.err = fmt.Errorf("0x%02x where %s is due", got, what)
	}
}

// array reads how many elements follow: one of two numbers.
func (d *decoder) array(want, or uint64) uint64 {
	n, first := uint64(0), d.first()
	switch {
	case first&0xf0 == fixArray:
		n = uint64(first & 0x0f)
	case first == array16 || first == array32:
		n = d.number(first - array16 + 1)
	default:
		d.wrong("an array", first)
	}
	if d.err == nil && n != want && n != or {
		d.err = fmt.Errorf("array of %d, want %d", n, want)
	}
	return n
}

func (d *decoder) uint(limit uint64) uint64 {
	v, first := uint64(0), d.first()
	switch {
	case first < 0x80:
		v = uint64(first)
	case first >= uintForms && first < uintForms+4:
		v = d.number(first - uintForms)
	case first >= intForms && first < intForms+4:
		if v = d.number(first - intForms); v>>(8<<(first-intForms)-1) != 0 {
			d.wrong("a number of no sign", first)
		}
	default:
		d.wrong("a number", first)
	}
	if d.err == nil && v > limit {
		d.err = fmt.Errorf("number %d, limit %d", v, limit)
	}
	if d.err != nil {
		return 0
	}
	return v
}

func (d *decoder) text(s *string) {
	n, first := uint64(0), d.first()
	switch {
	case first&0xe0 == fixStr:
		n = uint64(first & 0x1f)
	case first >= strForms && first < strForms+3:
		n = d.number(first - strForms)
	default:
		d.wrong("a string", first)
	}
	if d.err == nil && n > MaxTextBytes {
		d.err = fmt.Errorf("string of %d bytes, limit %d", n, MaxTextBytes)
	}
	if b := d.take(n); string(b) != *s {
		*s = string(b)
	}
}

func (d *decoder) bytes() []byte {
	first := d.first()
	if first < binForms || first >= binForms+3 {
		d.wrong("a byte string", first)
		return nil
	}
	if b := d.take(d.number(first - binForms)); len(b) > 0 {
		return b
	}
	return nil
}
