package value

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Kind is what a Token is.
type Kind uint8

// The kinds of value.
const (
	Nil Kind = iota
	Bool
	Number
	String
	Array
	Map
)

// String names the kind as Lua would.
func (k Kind) String() string {
	return [...]string{"nil", "boolean", "number", "string", "table", "table"}[k]
}

// Token is one value, or the head of an array or map whose parts are the tokens behind it.
type Token struct {
	Kind   Kind
	Bool   bool
	Number float64
	Bytes  []byte // of a String; a part of the Reader's source
	Len    int    // of an Array in values, of a Map in pairs; never more than there are bytes left
}

// Reader takes values apart, one token after the other. Its zero value is at the end.
type Reader struct {
	src []byte
	pos int
}

// NewReader returns a Reader of src.
func NewReader(src []byte) Reader { return Reader{src: src} }

// Pos is how many bytes have been read.
func (r *Reader) Pos() int { return r.pos }

// More reports whether there are bytes left.
func (r *Reader) More() bool { return r.pos < len(r.src) }

// Next reads a token, in any encoding that MessagePack has for it. Errors wrap ErrInvalid: the
// source ends too early, has an extension type or an integer beyond MaxInteger.
func (r *Reader) Next() (Token, error) {
	tag, err := r.take(1)
	if err != nil {
		return Token{}, err
	}
	switch b := tag[0]; {
	case b < tagFixMap || b >= tagFixNeg:
		return Token{Kind: Number, Number: float64(int8(b))}, nil
	case b < tagFixArray:
		return r.table(Map, uint64(b&0x0f))
	case b < tagFixStr:
		return r.table(Array, uint64(b&0x0f))
	case b < tagNil:
		return r.str(uint64(b & 0x1f))
	default:
		return r.tagged(b)
	}
}

// Text reads what Next would, if that is a string of less than 256 bytes; otherwise it reads
// nothing. Most tokens are such strings, and this is the faster way.
func (r *Reader) Text() (b []byte, ok bool) {
	rest := r.src[r.pos:]
	if len(rest) == 0 {
		return nil, false
	}
	head, n := 1, int(rest[0]&0x1f)
	switch tag := rest[0]; {
	case (tag == tagStr8 || tag == tagBin8) && len(rest) > 1:
		head, n = 2, int(rest[1])
	case tag < tagFixStr || tag >= tagNil:
		return nil, false
	}
	if n += head; n > len(rest) {
		return nil, false
	}
	r.pos += n
	return rest[head:n:n], true
}

// Array reads what Next would, if that is the head of an array of less than 16 values; otherwise it
// reads nothing: as Text does.
func (r *Reader) Array() (n int, ok bool) {
	rest := r.src[r.pos:]
	if len(rest) == 0 || rest[0]&0xf0 != tagFixArray || int(rest[0]&0x0f) >= len(rest) {
		return 0, false
	}
	r.pos++
	return int(rest[0] & 0x0f), true
}

// tagged reads what follows a tag of its own byte.
func (r *Reader) tagged(tag byte) (Token, error) {
	switch tag {
	case tagNil:
		return Token{Kind: Nil}, nil
	case tagFalse, tagTrue:
		return Token{Kind: Bool, Bool: tag == tagTrue}, nil
	case tagFloat32:
		n, err := r.uint(4)
		return number(float64(math.Float32frombits(uint32(n)))), err
	case tagFloat64:
		n, err := r.uint(8)
		return number(math.Float64frombits(n)), err
	case tagUint8, tagUint8 + 1, tagUint8 + 2, tagUint8 + 3:
		n, err := r.uint(1 << (tag - tagUint8))
		if err == nil && n > MaxInteger {
			err = fmt.Errorf("%w: integer %d is beyond 2^53", ErrInvalid, n)
		}
		return number(float64(n)), err
	case tagInt8, tagInt8 + 1, tagInt8 + 2, tagInt8 + 3:
		return r.signed(tag)
	case tagStr8, tagStr8 + 1, tagStr8 + 2:
		return r.sized(1<<(tag-tagStr8), r.str)
	case tagBin8, tagBin8 + 1, tagBin8 + 2:
		return r.sized(1<<(tag-tagBin8), r.str)
	case tagArray16, tagArray16 + 1:
		return r.sized(2<<(tag-tagArray16), r.array)
	case tagMap16, tagMap16 + 1:
		return r.sized(2<<(tag-tagMap16), r.hash)
	}
	return Token{}, fmt.Errorf("%w: type %#02x is not supported", ErrInvalid, tag)
}

// number makes a token of a number; every NaN becomes the canonical one.
func number(f float64) Token {
	if f != f {
		f = math.Float64frombits(canonicalNaN)
	}
	return Token{Kind: Number, Number: f}
}

func (r *Reader) signed(tag byte) (Token, error) {
	size := 1 << (tag - tagInt8)
	u, err := r.uint(size)
	if err != nil {
		return Token{}, err
	}
	shift := 64 - 8*size
	n := int64(u<<shift) >> shift
	if n > MaxInteger || n < -MaxInteger {
		return Token{}, fmt.Errorf("%w: integer %d is beyond 2^53", ErrInvalid, n)
	}
	return Token{Kind: Number, Number: float64(n)}, nil
}

func (r *Reader) sized(width int, read func(uint64) (Token, error)) (Token, error) {
	n, err := r.uint(width)
	if err != nil {
		return Token{}, err
	}
	return read(n)
}

func (r *Reader) str(n uint64) (Token, error) {
	b, err := r.take(n)
	return Token{Kind: String, Bytes: b}, err
}

func (r *Reader) array(n uint64) (Token, error) { return r.table(Array, n) }

func (r *Reader) hash(n uint64) (Token, error) { return r.table(Map, n) }

// table refuses a length that the bytes left cannot hold: each part takes one byte at least.
func (r *Reader) table(k Kind, n uint64) (Token, error) {
	least := n
	if k == Map {
		least = 2 * n
	}
	if least > uint64(len(r.src)-r.pos) {
		return Token{}, errShort()
	}
	return Token{Kind: k, Len: int(n)}, nil
}

// uint reads an unsigned number of 1, 2, 4 or 8 bytes.
func (r *Reader) uint(size int) (uint64, error) {
	b, err := r.take(uint64(size))
	if err != nil {
		return 0, err
	}
	switch size {
	case 1:
		return uint64(b[0]), nil
	case 2:
		return uint64(binary.BigEndian.Uint16(b)), nil
	case 4:
		return uint64(binary.BigEndian.Uint32(b)), nil
	}
	return binary.BigEndian.Uint64(b), nil
}

func (r *Reader) take(n uint64) ([]byte, error) {
	if n > uint64(len(r.src)-r.pos) {
		return nil, errShort()
	}
	b := r.src[r.pos : r.pos+int(n) : r.pos+int(n)]
	r.pos += int(n)
	return b, nil
}

func errShort() error { return fmt.Errorf("%w: cut short", ErrInvalid) }
