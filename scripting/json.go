package scripting

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"

	"github.com/tidelock-raft/tidelock/scripting/value"
)

// appendJSON writes the next value of a canonical encoding as JSON without blanks: keys by their
// bytes, numbers as short as they can be told apart.
func appendJSON(dst []byte, r *value.Reader) (_ []byte, err error) {
	t, err := r.Next()
	if err != nil {
		return nil, err
	}
	switch t.Kind {
	case value.Nil:
		return append(dst, "null"...), nil
	case value.Bool:
		return strconv.AppendBool(dst, t.Bool), nil
	case value.Number:
		return appendJSONNumber(dst, t.Number)
	case value.String:
		return appendJSONString(dst, text(t.Bytes))
	case value.Array:
		dst = append(dst, '[')
		for i := range t.Len {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = appendJSON(dst, r); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	}
	return appendJSONObject(dst, r, t.Len)
}

func appendJSONObject(dst []byte, r *value.Reader, n int) ([]byte, error) {
	dst = append(dst, '{')
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		key, err := r.Next()
		if err == nil && key.Kind == value.Number {
			err = errKey(key.Number)
		}
		if err == nil {
			dst, err = appendJSONString(dst, text(key.Bytes))
		}
		if err == nil {
			dst, err = appendJSON(append(dst, ':'), r)
		}
		if err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

func appendJSONNumber(dst []byte, f float64) ([]byte, error) {
	if n, ok := value.Integer(f); ok {
		return strconv.AppendInt(dst, n, 10), nil
	}
	if f != f || math.IsInf(f, 0) {
		return nil, errors.New("JSON has no way to write inf and nan")
	}
	if size := math.Abs(f); size >= 1e-5 && size < 1e15 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64), nil
	}
	return strconv.AppendFloat(dst, f, 'e', -1, 64), nil
}

// escapes are the letters behind \ and what they stand for.
var escapes = map[byte]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

func appendJSONString(dst []byte, s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return nil, errors.New("a string that is not UTF-8; msgpack takes any bytes")
	}
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c < ' ':
			dst = fmt.Appendf(dst, `\u%04x`, c)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"'), nil
}

// decodeJSON makes a Lua value of JSON text. An array becomes a table with the keys 1 to n; null is
// nil, so it leaves no trace in a table.
func (s *script) decodeJSON(source string) (lua.LValue, error) {
	d := &jsonDecoder{s: s, text: source}
	if !utf8.ValidString(source) {
		return nil, errors.New("the text is not UTF-8")
	}
	v, err := d.value(0)
	if d.peek(); err == nil && d.at < len(d.text) {
		err = d.wrong()
	}
	return v, err
}

type jsonDecoder struct {
	s    *script
	text string
	at   int
}

// peek skips blanks and returns the byte that comes next, zero at the end.
func (d *jsonDecoder) peek() byte {
	for d.at < len(d.text) && strings.IndexByte(" \t\r\n", d.text[d.at]) >= 0 {
		d.at++
	}
	if d.at == len(d.text) {
		return 0
	}
	return d.text[d.at]
}

// take skips the byte c if it comes next.
func (d *jsonDecoder) take(c byte) bool {
	if d.peek() != c || c == 0 {
		return false
	}
	d.at++
	return true
}

func (d *jsonDecoder) wrong() error {
	if d.at >= len(d.text) {
		return errors.New("the text ends too early")
	}
	return fmt.Errorf("unexpected %q at byte %d", d.text[d.at], d.at+1)
}

func (d *jsonDecoder) value(depth int) (lua.LValue, error) {
	if err := d.s.take(1, 0); err != nil {
		return nil, err
	}
	switch c := d.peek(); c {
	case '{', '[':
		if depth >= value.MaxDepth {
			return nil, errDepth
		}
		if d.at++; c == '{' {
			return d.object(depth + 1)
		}
		return d.array(depth + 1)
	case '"':
		text, err := d.str()
		return lua.LString(text), err
	case 't':
		return lua.LTrue, d.word("true")
	case 'f':
		return lua.LFalse, d.word("false")
	case 'n':
		return lua.LNil, d.word("null")
	}
	return d.number()
}

func (d *jsonDecoder) word(w string) error {
	if !strings.HasPrefix(d.text[d.at:], w) {
		return d.wrong()
	}
	d.at += len(w)
	return nil
}

func (d *jsonDecoder) array(depth int) (lua.LValue, error) {
	t := d.s.vm.L.CreateTable(0, 0)
	if err := d.s.take(0, pairCost); err != nil || d.take(']') {
		return t, err
	}
	for n := 1; ; n++ {
		v, err := d.value(depth)
		if err != nil {
			return nil, err
		}
		d.s.vm.Store(t, lua.LNumber(n), v)
		if d.take(']') {
			return t, nil
		}
		if !d.take(',') {
			return nil, d.wrong()
		}
	}
}

func (d *jsonDecoder) object(depth int) (lua.LValue, error) {
	t, null := d.s.vm.L.CreateTable(0, 1), map[string]bool(nil)
	if err := d.s.take(0, pairCost); err != nil || d.take('}') {
		return t, err
	}
	for {
		key, v, err := d.pair(depth)
		if err != nil {
			return nil, err
		}
		if t.RawGetString(key) != lua.LNil || null[key] {
			return nil, fmt.Errorf("the key %q comes twice", key)
		}
		if v == lua.LNil { // leaves no trace in t
			if err := d.s.take(1, pairCost); err != nil {
				return nil, err
			}
			null = noted(null, key)
		}
		d.s.vm.Store(t, lua.LString(key), v)
		if d.take('}') {
			return t, nil
		}
		if !d.take(',') {
			return nil, d.wrong()
		}
	}
}

// noted adds a key to a set, which is nil as long as it is empty.
func noted[K comparable](set map[K]bool, key K) map[K]bool {
	if set == nil {
		set = map[K]bool{}
	}
	set[key] = true
	return set
}

func (d *jsonDecoder) pair(depth int) (key string, v lua.LValue, err error) {
	if d.peek() != '"' {
		return "", nil, d.wrong()
	}
	if key, err = d.str(); err != nil {
		return "", nil, err
	}
	if len(key) > value.MaxKey {
		return "", nil, fmt.Errorf("a key of %d bytes, at most %d", len(key), value.MaxKey)
	}
	if !d.take(':') {
		return "", nil, d.wrong()
	}
	v, err = d.value(depth)
	return key, v, err
}

// str reads a string; d.at is at its first quote.
func (d *jsonDecoder) str() (string, error) {
	d.at++
	from := d.at
	for d.at < len(d.text) && d.text[d.at] >= ' ' {
		switch d.text[d.at] {
		case '"':
			d.at++
			return d.text[from : d.at-1], nil
		case '\\':
			return d.escaped(d.text[from:d.at])
		}
		d.at++
	}
	return "", d.wrong()
}

// escaped reads on from the first backslash of a string that begins with head.
func (d *jsonDecoder) escaped(head string) (string, error) {
	b := append(make([]byte, 0, 2*len(head)+16), head...)
	for d.at < len(d.text) && d.text[d.at] >= ' ' {
		c := d.text[d.at]
		switch {
		case c == '"':
			d.at++
			return string(b), d.s.take(len(b)/32, 3*len(b))
		case c != '\\':
			b = append(b, c)
			d.at++
			continue
		}
		r, err := d.escape()
		if err != nil {
			return "", err
		}
		b = utf8.AppendRune(b, r)
	}
	return "", d.wrong()
}

// escape reads \n and the like, or \uXXXX, of which a pair may stand for one character.
func (d *jsonDecoder) escape() (rune, error) {
	d.at++
	if d.at < len(d.text) && d.text[d.at] != 'u' {
		c, ok := escapes[d.text[d.at]]
		if !ok {
			return 0, d.wrong()
		}
		d.at++
		return rune(c), nil
	}
	r, err := d.unit()
	if err == nil && utf16.IsSurrogate(r) {
		var low rune
		if !strings.HasPrefix(d.text[d.at:], `\u`) {
			return 0, errors.New("half a surrogate pair")
		}
		d.at++
		if low, err = d.unit(); err == nil {
			if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
				err = errors.New("half a surrogate pair")
			}
		}
	}
	return r, err
}

// unit reads uXXXX.
func (d *jsonDecoder) unit() (rune, error) {
	if d.at+5 > len(d.text) {
		d.at = len(d.text)
		return 0, d.wrong()
	}
	n, err := strconv.ParseUint(d.text[d.at+1:d.at+5], 16, 16)
	if err != nil {
		return 0, d.wrong()
	}
	d.at += 5
	return rune(n), nil
}

// maxJSONNumber is how long a number may be.
const maxJSONNumber = 400

// number reads a number as JSON has them. An integer that a float64 cannot tell from its neighbours
// is refused.
func (d *jsonDecoder) number() (lua.LValue, error) {
	from := d.at
	d.skip("-", 1)
	if d.skip("0", 1) == 0 && d.skip("123456789", 1) == 0 {
		return nil, d.wrong()
	}
	if d.text[d.at-1] != '0' {
		d.skip("0123456789", maxJSONNumber)
	}
	whole := d.at
	if d.skip(".", 1) == 1 && d.skip("0123456789", maxJSONNumber) == 0 {
		return nil, d.wrong()
	}
	if d.skip("eE", 1) == 1 {
		d.skip("+-", 1)
		if d.skip("0123456789", maxJSONNumber) == 0 {
			return nil, d.wrong()
		}
	}
	digits := d.text[from:d.at]
	f, err := strconv.ParseFloat(digits, 64)
	if whole == d.at && err == nil {
		var n int64
		n, err = strconv.ParseInt(digits, 10, 64)
		if n > value.MaxInteger || n < -value.MaxInteger {
			err = value.ErrInvalid
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the number %s at byte %d cannot be kept exactly", clip(digits, 40),
			from+1)
	}
	return lua.LNumber(f + 0), nil
}

// skip passes over at most n bytes of a set, and returns how many there were.
func (d *jsonDecoder) skip(set string, n int) (skipped int) {
	for skipped < n && d.at < len(d.text) && strings.IndexByte(set, d.text[d.at]) >= 0 {
		d.at++
		skipped++
	}
	return skipped
}
