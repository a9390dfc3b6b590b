package sandbox

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

var tableLibrary = map[string]Function{
	"concat": tableConcat, "insert": tableInsert, "maxn": tableMaxn, "remove": tableRemove,
	"sort": tableSort, "unpack": unpack,
}

func tableConcat(v *VM) int {
	t, separator := v.table(1), ""
	if v.L.Get(2) != lua.LNil {
		separator = v.text(2)
	}
	i, j := v.Integer(3, 1), v.Integer(4, v.length(t))
	var b strings.Builder
	for k := i; k <= j; k++ {
		s, ok := asText(t.RawGet(lua.LNumber(k)))
		if !ok {
			v.L.RaiseError("invalid value (at index %d) in table for 'concat'", k)
		}
		if k < j {
			s += separator
		}
		v.room(b.Len() + len(s))
		v.Charge(1+len(s)/stepBytes, 2*len(s))
		b.WriteString(s)
	}
	return v.give(lua.LString(b.String()))
}

func tableInsert(v *VM) int {
	t := v.mutable(1)
	n := v.length(t)
	switch v.L.GetTop() {
	case 2:
		v.Store(t, lua.LNumber(n+1), v.L.Get(2))
	case 3:
		position := v.Integer(2)
		if position < 1 || position > n+1 {
			v.L.ArgError(2, "position out of bounds")
		}
		v.Charge((n-position)/8+1, 16)
		for k := n; k >= position; k-- {
			t.RawSetInt(k+1, t.RawGetInt(k))
		}
		t.RawSetInt(position, v.L.Get(3))
	default:
		v.L.RaiseError("wrong number of arguments to 'insert'")
	}
	return 0
}

func tableRemove(v *VM) int {
	t := v.mutable(1)
	n := v.length(t)
	position := v.Integer(2, n)
	if position < 1 || position > n {
		return v.give(lua.LNil)
	}
	v.Charge((n-position)/8+1, 0)
	removed := t.RawGetInt(position)
	for k := position; k < n; k++ {
		t.RawSetInt(k, t.RawGetInt(k+1))
	}
	t.RawSetInt(n, lua.LNil)
	return v.give(removed)
}

func tableMaxn(v *VM) int {
	t := v.table(1)
	v.Charge(inside(t).tail()/stepItems, 0)
	return v.give(lua.LNumber(t.MaxN()))
}

// length is #t without metamethods.
func (v *VM) length(t *lua.LTable) int {
	v.Charge(inside(t).tail()/stepItems, 0)
	return t.Len()
}

// tableSort merges: it is stable, compares in the same order in every version of Go, and ends
// whatever the comparison says.
func tableSort(v *VM) int {
	t := v.mutable(1)
	n := v.length(t)
	v.Charge(n, 32*n)
	from, to := make([]lua.LValue, n), make([]lua.LValue, n)
	for i := range from {
		from[i] = t.RawGetInt(i + 1)
	}
	less := v.less(v.L.Get(2))
	for width := 1; width < n; width *= 2 {
		for lo := 0; lo < n; lo += 2 * width {
			mid, hi := min(lo+width, n), min(lo+2*width, n)
			merge(to[lo:hi], from[lo:mid], from[mid:hi], less)
		}
		from, to = to, from
	}
	for i, x := range from {
		t.RawSetInt(i+1, x)
	}
	return 0
}

func merge(dst, a, b []lua.LValue, less func(x, y lua.LValue) bool) {
	for k := range dst {
		if len(a) > 0 && (len(b) == 0 || !less(b[0], a[0])) {
			dst[k], a = a[0], a[1:]
		} else {
			dst[k], b = b[0], b[1:]
		}
	}
}

// less returns the order that a script wants: its function's, or that of <.
func (v *VM) less(order lua.LValue) func(x, y lua.LValue) bool {
	if order == lua.LNil {
		return func(x, y lua.LValue) bool {
			s, _ := x.(lua.LString)
			v.Charge(2+len(s)/16, 0)
			return v.L.LessThan(x, y)
		}
	}
	return func(x, y lua.LValue) bool {
		v.Charge(2, 0)
		v.give(order, x, y)
		v.L.Call(2, 1)
		result := lua.LVAsBool(v.L.Get(-1))
		v.L.Pop(1)
		return result
	}
}
