package scripting

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"

	lua "github.com/yuin/gopher-lua"

	"github.com/tidelock-raft/tidelock/scripting/sandbox"
	"github.com/tidelock-raft/tidelock/scripting/value"
)

// text sees bytes that never change as a string, without a copy: entries are read-only and may be
// kept, and what is stored is copied.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// raw sees a string as bytes to be read only.
func raw(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// What a table costs, in bytes, for the limit on memory.
const (
	tableCost = 64
	arrayCost = 16  // per element, be it used or skipped
	pairCost  = 160 // per key
)

// decode reads a value in any encoding and makes a Lua value of it. Strings share the source's
// memory. Tables are filled in the order of the source, which for stored values is the order of
// keys: pairs shows it.
func (s *script) decode(r *value.Reader, depth int) (lua.LValue, error) {
	if b, ok := r.Text(); ok {
		return s.strings.Make(text(b)), nil
	}
	t, err := r.Next()
	if err != nil {
		return nil, err
	}
	switch t.Kind {
	case value.Bool:
		return lua.LBool(t.Bool), nil
	case value.Number:
		return lua.LNumber(t.Number), nil
	case value.String:
		return s.strings.Make(text(t.Bytes)), nil
	case value.Array, value.Map:
		if depth >= value.MaxDepth {
			return nil, errDepth
		}
		if t.Kind == value.Map {
			return s.decodeMap(r, t.Len, depth)
		}
		return s.decodeArray(r, t.Len, depth)
	}
	return lua.LNil, nil
}

var errDepth = fmt.Errorf("tables nest deeper than %d", value.MaxDepth)

func (s *script) take(steps, bytes int) error {
	if s.vm.Take(steps, bytes) {
		return nil
	}
	return fmt.Errorf("%w: %s", errLimit, s.vm.Spent())
}

func (s *script) decodeArray(r *value.Reader, n, depth int) (lua.LValue, error) {
	if err := s.take(n/4, tableCost+n*arrayCost); err != nil {
		return nil, err
	}
	t := s.vm.L.CreateTable(n, 0)
	for i := range n {
		v, err := s.decode(r, depth+1)
		if err != nil {
			return nil, err
		}
		t.RawSetInt(i+1, v)
	}
	return t, nil
}

func (s *script) decodeMap(r *value.Reader, n, depth int) (lua.LValue, error) {
	if err := s.take(n, tableCost+n*pairCost); err != nil {
		return nil, err
	}
	t, null := s.vm.L.CreateTable(0, n), map[lua.LValue]bool(nil)
	for range n {
		k, err := r.Next()
		if err == nil {
			err = value.CheckKey(k)
		}
		if err != nil {
			return nil, err
		}
		var key lua.LValue = lua.LString(text(k.Bytes))
		if k.Kind == value.Number {
			key = lua.LNumber(k.Number)
			if err := s.takeGap(t, k.Number); err != nil {
				return nil, err
			}
		}
		v, err := s.decode(r, depth+1)
		if err != nil {
			return nil, err
		}
		if t.RawGet(key) != lua.LNil || null[key] {
			return nil, fmt.Errorf("%w: a key comes twice", value.ErrInvalid)
		}
		if v == lua.LNil { // and no array is filled up to it, which each takeGap would go back over
			null = noted(null, key)
			continue
		}
		t.RawSet(key, v)
	}
	return t, nil
}

// takeGap accounts for the places that a number key skips: the VM fills its arrays up to it.
func (s *script) takeGap(t *lua.LTable, key float64) error {
	if key < 1 || key >= float64(lua.MaxArrayIndex) {
		return nil
	}
	return s.take(0, max(0, int(key)-t.MaxN())*arrayCost)
}

// encode appends the canonical form of a Lua value. An error says why it has none.
func (s *script) encode(dst []byte, v lua.LValue, depth int) (_ []byte, err error) {
	switch x := v.(type) {
	case *lua.LNilType:
		dst = value.AppendNil(dst)
	case lua.LBool:
		dst = value.AppendBool(dst, bool(x))
	case lua.LNumber:
		dst = value.AppendNumber(dst, float64(x))
	case lua.LString:
		if len(x) > value.MaxSize {
			return nil, errSize
		}
		dst = value.AppendString(dst, string(x))
	case *lua.LTable:
		if dst, err = s.encodeTable(dst, x, depth); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("a %s cannot be stored or returned", v.Type())
	}
	if len(dst) > value.MaxSize {
		return nil, errSize
	}
	return dst, nil
}

var errSize = fmt.Errorf("more than %d bytes", value.MaxSize)

func (s *script) encodeTable(dst []byte, t *lua.LTable, depth int) (_ []byte, err error) {
	if depth >= value.MaxDepth {
		return nil, fmt.Errorf("%w, or a table contains itself", errDepth)
	}
	fields, plain := s.vm.Plain(t)
	if !plain {
		return nil, errors.New("a table with a metatable cannot be stored or returned")
	}
	if err := s.take(sandbox.Passing(fields), 0); err != nil {
		return nil, err
	}
	n, sequence := 0, true
	for k, _ := fields.Next(lua.LNil); k != lua.LNil; k, _ = fields.Next(k) {
		n++
		sequence = sequence && k == lua.LNumber(n)
	}
	if err := s.take(n, 0); err != nil {
		return nil, err
	}
	if !sequence {
		return s.encodeMap(dst, fields, n, depth)
	}
	dst = value.AppendArray(dst, n)
	for i := range n {
		if dst, err = s.encode(dst, fields.RawGetInt(i+1), depth+1); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

func (s *script) encodeMap(dst []byte, fields *lua.LTable, n, depth int) (_ []byte, err error) {
	if err := s.take(n+sandbox.Passing(fields), n*pairCost); err != nil {
		return nil, err
	}
	keys := make([]value.Token, 0, n)
	for k, _ := fields.Next(lua.LNil); k != lua.LNil; k, _ = fields.Next(k) {
		key, err := keyToken(k)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	slices.SortFunc(keys, value.Compare)
	dst = value.AppendMap(dst, n)
	for _, k := range keys {
		var key lua.LValue
		if k.Kind == value.Number {
			dst, key = value.AppendNumber(dst, k.Number), lua.LNumber(k.Number)
		} else {
			dst, key = value.AppendString(dst, k.Bytes), lua.LString(text(k.Bytes))
		}
		if dst, err = s.encode(dst, fields.RawGet(key), depth+1); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

// keyToken is a key of a table, or says why it cannot be one that is stored.
func keyToken(k lua.LValue) (value.Token, error) {
	var t value.Token
	switch x := k.(type) {
	case lua.LString:
		t = value.Token{Kind: value.String, Bytes: raw(string(x))}
	case lua.LNumber:
		t = value.Token{Kind: value.Number, Number: float64(x)}
	default:
		return t, fmt.Errorf("a %s as a key in a table cannot be stored or returned", k.Type())
	}
	if value.CheckKey(t) != nil {
		return t, fmt.Errorf("the key '%s' in a table cannot be stored or returned: keys are integers "+
			"up to 2^53 or strings up to %d bytes", shown(k), value.MaxKey)
	}
	return t, nil
}
