package value

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
)

// FromAny appends the canonical form of a Go value: nil, bool, string, []byte, any number that a
// float64 holds exactly, []any, map[string]any and map[any]any with string or integer keys. Errors
// wrap ErrInvalid.
func FromAny(dst []byte, v any) ([]byte, error) { return fromAny(dst, v, 0) }

func fromAny(dst []byte, v any, depth int) ([]byte, error) {
	switch x := v.(type) {
	case nil:
		return AppendNil(dst), nil
	case bool:
		return AppendBool(dst, x), nil
	case string:
		return AppendString(dst, x), nil
	case []byte:
		return AppendString(dst, x), nil
	case []any:
		return fromSlice(dst, x, depth)
	case map[string]any:
		return fromStrings(dst, x, depth)
	case map[any]any:
		return fromMap(dst, x, depth)
	}
	f, err := fromNumber(v)
	if err != nil {
		return nil, err
	}
	return AppendNumber(dst, f), nil
}

// fromNumber returns a Go number as a float64 if that loses nothing.
func fromNumber(v any) (float64, error) {
	switch x := v.(type) {
	case float64:
		return x, nil
	case float32:
		return float64(x), nil
	case interface{ Float64() (float64, error) }: // json.Number
		return fromText(fmt.Sprint(v))
	case int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
		return fromText(fmt.Sprint(v))
	}
	return 0, fmt.Errorf("%w: a %T has no form here", ErrInvalid, v)
}

func fromText(s string) (float64, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		if n > MaxInteger || n < -MaxInteger {
			return 0, fmt.Errorf("%w: integer %d is beyond 2^53", ErrInvalid, n)
		}
		return float64(n), nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.Abs(f) > MaxInteger && isDigits(s) {
		return 0, fmt.Errorf("%w: number %s cannot be kept exactly", ErrInvalid, s)
	}
	return f, nil
}

func isDigits(s string) bool {
	for _, c := range s {
		if (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

func fromSlice(dst []byte, x []any, depth int) (_ []byte, err error) {
	if depth >= MaxDepth {
		return nil, errDeep()
	}
	dst = AppendArray(dst, len(x))
	for _, v := range x {
		if dst, err = fromAny(dst, v, depth+1); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

func fromMap(dst []byte, x map[any]any, depth int) (_ []byte, err error) {
	if depth >= MaxDepth {
		return nil, errDeep()
	}
	type pair struct {
		key   Token
		value any
	}
	var pairs []pair
	for k, v := range x {
		key, err := anyKey(k)
		if err != nil {
			return nil, err
		}
		if v != nil {
			pairs = append(pairs, pair{key, v})
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int { return Compare(a.key, b.key) })
	isArray := true
	for i, p := range pairs {
		isArray = isArray && p.key.Kind == Number && p.key.Number == float64(i+1)
		if i > 0 && Compare(pairs[i-1].key, p.key) == 0 {
			return nil, fmt.Errorf("%w: a key comes twice", ErrInvalid)
		}
	}
	if isArray {
		dst = AppendArray(dst, len(pairs))
	} else {
		dst = AppendMap(dst, len(pairs))
	}
	for _, p := range pairs {
		if !isArray {
			dst = append(appendHead(dst, p.key), p.key.Bytes...)
		}
		if dst, err = fromAny(dst, p.value, depth+1); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

func anyKey(k any) (Token, error) {
	var t Token
	if s, ok := k.(string); ok {
		t = Token{Kind: String, Bytes: []byte(s)}
	} else if f, err := fromNumber(k); err == nil {
		t = Token{Kind: Number, Number: f}
	} else {
		return t, err
	}
	return t, CheckKey(t)
}

// ToAny reads one value that fills src: nil, bool, string, int64 or float64, []any, map[string]any;
// a map with a key that is no string is a map[any]any with int64 keys for its integers. Errors wrap
// ErrInvalid.
func ToAny(src []byte) (any, error) {
	r := NewReader(src)
	v, err := toAny(&r, 0)
	if err == nil && r.More() {
		err = fmt.Errorf("%w: bytes behind the value", ErrInvalid)
	}
	return v, err
}

func toAny(r *Reader, depth int) (any, error) {
	t, err := r.Next()
	if err != nil {
		return nil, err
	}
	if depth >= MaxDepth && (t.Kind == Array || t.Kind == Map) {
		return nil, errDeep()
	}
	switch t.Kind {
	case Bool:
		return t.Bool, nil
	case Number:
		if n, ok := Integer(t.Number); ok {
			return n, nil
		}
		return t.Number, nil
	case String:
		return string(t.Bytes), nil
	case Array:
		return toSlice(r, t.Len, depth)
	case Map:
		return toMap(r, t.Len, depth)
	}
	return nil, nil
}

func toSlice(r *Reader, n, depth int) (any, error) {
	list := []any{}
	for range n {
		v, err := toAny(r, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

func toMap(r *Reader, n, depth int) (any, error) {
	pairs := map[any]any{}
	for range n {
		key, err := r.Next()
		if err == nil {
			err = CheckKey(key)
		}
		if err != nil {
			return nil, err
		}
		var k any = string(key.Bytes)
		if key.Kind == Number {
			k = int64(key.Number)
		}
		if _, twice := pairs[k]; twice {
			return nil, fmt.Errorf("%w: a key comes twice", ErrInvalid)
		}
		if pairs[k], err = toAny(r, depth+1); err != nil {
			return nil, err
		}
	}
	named := make(map[string]any, len(pairs))
	for k := range maps.Keys(pairs) {
		name, ok := k.(string)
		if !ok {
			return pairs, nil
		}
		named[name] = pairs[k]
	}
	return named, nil
}
