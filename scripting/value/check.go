package value

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Check reports whether src is exactly one value within all bounds, in its canonical form. Errors
// wrap ErrInvalid.
func Check(src []byte) error {
	if len(src) > MaxSize {
		return fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrInvalid, len(src), MaxSize)
	}
	if IsString(src) {
		return nil
	}
	return check(src)
}

// check is Check without its short cut.
func check(src []byte) error {
	c := checker{r: NewReader(src), src: src}
	if err := c.value(0); err != nil {
		return err
	}
	if c.r.More() {
		return fmt.Errorf("%w: bytes behind the value", ErrInvalid)
	}
	return nil
}

// IsString reports whether src is exactly one string of less than 65536 bytes, in its canonical
// form. Of a string there is nothing to check but its head, and this is the faster way.
func IsString(src []byte) bool {
	switch n := len(src); {
	case n == 0 || n > MaxSize:
		return false
	case src[0] == tagStr8 && n > 1:
		return int(src[1]) == n-2 && n-2 >= 1<<5
	case src[0] == tagStr8+1 && n > 2:
		return int(binary.BigEndian.Uint16(src[1:])) == n-3 && n-3 >= 1<<8
	default:
		return int(src[0]) == tagFixStr+n-1 && n <= 1<<5
	}
}

type checker struct {
	r     Reader
	src   []byte
	again [9]byte // room to write a head once more
}

func (c *checker) value(depth int) error {
	t, err := c.token()
	switch {
	case err != nil:
		return err
	case t.Kind != Array && t.Kind != Map:
		return nil
	case depth >= MaxDepth:
		return errDeep()
	case t.Kind == Array:
		for range t.Len {
			if err := c.value(depth + 1); err != nil {
				return err
			}
		}
		return nil
	}
	return c.pairs(t.Len, depth)
}

// pairs reads the pairs of a map: keys ascend, are not 1..n, and no value is nil.
func (c *checker) pairs(n, depth int) error {
	if n == 0 {
		return fmt.Errorf("%w: an empty map is written as an empty array", ErrInvalid)
	}
	var last Token
	sequence := true
	for i := range n {
		key, err := c.token()
		if err != nil {
			return err
		}
		if err := CheckKey(key); err != nil {
			return err
		}
		if i > 0 && Compare(last, key) >= 0 {
			return fmt.Errorf("%w: keys out of order", ErrInvalid)
		}
		sequence = sequence && key.Kind == Number && key.Number == float64(i+1)
		last = key
		if c.r.More() && c.src[c.r.pos] == tagNil {
			return fmt.Errorf("%w: nil in a map", ErrInvalid)
		}
		if err := c.value(depth + 1); err != nil {
			return err
		}
	}
	if sequence {
		return fmt.Errorf("%w: an array written as a map", ErrInvalid)
	}
	return nil
}

// token reads a token and refuses any but its shortest form.
func (c *checker) token() (Token, error) {
	start := c.r.pos
	t, err := c.r.Next()
	if err != nil {
		return t, err
	}
	head := c.src[start : c.r.pos-len(t.Bytes)]
	if !bytes.Equal(head, appendHead(c.again[:0], t)) {
		return t, fmt.Errorf("%w: %x is not the canonical form", ErrInvalid, head)
	}
	return t, nil
}

// Canonical reads what Next would, if that is a boolean, a number or a string in its canonical form
// and within all bounds, and returns all its bytes; otherwise it reads nothing.
func (r *Reader) Canonical() (b []byte, ok bool) {
	from := r.pos
	if text, short := r.Text(); short {
		tag := r.src[from]
		ok = tag < tagNil || tag == tagStr8 && len(text) >= 1<<5
	} else {
		c := checker{r: *r, src: r.src}
		t, err := c.token()
		ok = err == nil && t.Kind != Nil && t.Kind <= String && c.r.pos-from <= MaxSize
		r.pos = c.r.pos
	}
	if !ok {
		r.pos = from
		return nil, false
	}
	return r.src[from:r.pos:r.pos], true
}

// appendHead appends the canonical form of t without the bytes of a string.
func appendHead(dst []byte, t Token) []byte {
	switch t.Kind {
	case Nil:
		return AppendNil(dst)
	case Bool:
		return AppendBool(dst, t.Bool)
	case Number:
		return AppendNumber(dst, t.Number)
	case Array:
		return AppendArray(dst, t.Len)
	case Map:
		return AppendMap(dst, t.Len)
	}
	return appendStringHead(dst, len(t.Bytes))
}

// CheckKey reports whether t may be the key of a map: an integer of at most 53 bits or a string of
// at most MaxKey bytes. Errors wrap ErrInvalid.
func CheckKey(t Token) error {
	switch t.Kind {
	case Number:
		if _, ok := Integer(t.Number); ok {
			return nil
		}
		return fmt.Errorf("%w: key %v is no integer of 53 bits", ErrInvalid, t.Number)
	case String:
		if len(t.Bytes) <= MaxKey {
			return nil
		}
		return fmt.Errorf("%w: key of %d bytes, at most %d", ErrInvalid, len(t.Bytes), MaxKey)
	}
	return fmt.Errorf("%w: a %v is no key", ErrInvalid, t.Kind)
}

// Compare orders keys: integers by size, before strings by their bytes.
func Compare(a, b Token) int {
	switch {
	case a.Kind == Number && b.Kind == Number:
		return int(max(-1, min(1, a.Number-b.Number)))
	case a.Kind == Number:
		return -1
	case b.Kind == Number:
		return 1
	}
	return bytes.Compare(a.Bytes, b.Bytes)
}

func errDeep() error {
	return fmt.Errorf("%w: tables nest deeper than %d", ErrInvalid, MaxDepth)
}
