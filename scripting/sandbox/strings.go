package sandbox

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

var stringLibrary = map[string]Function{
	"byte": stringByte, "char": stringChar, "find": stringFind, "format": stringFormat,
	"gmatch": stringGmatch, "gsub": stringGsub, "len": stringLen, "lower": stringLower,
	"match": stringMatch, "rep": stringRep, "reverse": stringReverse, "sub": stringSub,
	"upper": stringUpper,
}

func stringLen(v *VM) int { return v.give(lua.LNumber(len(v.text(1)))) }

// span turns Lua's positions from 1, or from the end if negative, into s[lo:hi].
func span(s string, i, j int) (lo, hi int) {
	if i < 0 {
		i = len(s) + i + 1
	}
	if j < 0 {
		j = len(s) + j + 1
	}
	lo, hi = max(i, 1)-1, min(j, len(s))
	return lo, max(lo, hi)
}

func stringSub(v *VM) int {
	s := v.text(1)
	lo, hi := span(s, v.Integer(2), v.Integer(3, -1))
	if lo >= len(s) {
		return v.give(lua.LString(""))
	}
	return v.give(lua.LString(s[lo:hi]))
}

func stringByte(v *VM) int {
	s := v.text(1)
	first := v.Integer(2, 1)
	lo, hi := span(s, first, v.Integer(3, first))
	if hi-lo > maxUnpack {
		v.L.RaiseError("string slice too long")
	}
	for i := lo; i < hi; i++ {
		v.L.Push(lua.LNumber(s[i]))
	}
	return hi - lo
}

func stringChar(v *VM) int {
	b := make([]byte, v.L.GetTop())
	for i := range b {
		c := v.Integer(i + 1)
		if c < 0 || c > 255 {
			v.L.ArgError(i+1, "invalid value")
		}
		b[i] = byte(c)
	}
	return v.giveText(string(b))
}

func stringRep(v *VM) int {
	s, n := v.text(1), max(0, v.Integer(2))
	if len(s) > 0 && n > maxString/len(s) {
		v.room(maxString + 1)
	}
	return v.giveText(strings.Repeat(s, n))
}

func stringReverse(v *VM) int {
	b := []byte(v.text(1))
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return v.giveText(string(b))
}

func stringLower(v *VM) int { return v.giveText(mapBytes(v.text(1), lowerByte)) }

func stringUpper(v *VM) int { return v.giveText(mapBytes(v.text(1), upperByte)) }

func mapBytes(s string, f func(byte) byte) string {
	b := []byte(s)
	for i, c := range b {
		b[i] = f(c)
	}
	return string(b)
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func upperByte(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}

func stringFind(v *VM) int {
	s, pattern := v.text(1), v.text(2)
	from, ok := start(s, v.Integer(3, 1))
	if !ok {
		return v.give(lua.LNil)
	}
	if lua.LVAsBool(v.L.Get(4)) || !strings.ContainsAny(pattern, "^$*+?.([%-") {
		v.Charge((len(s)-from)/16+len(pattern)/16, 0)
		i := strings.Index(s[from:], pattern)
		if i < 0 {
			return v.give(lua.LNil)
		}
		return v.give(lua.LNumber(from+i+1), lua.LNumber(from+i+len(pattern)))
	}
	m := v.matcher(s, pattern)
	lo, hi, ok := m.search(from)
	if !ok {
		return v.give(lua.LNil)
	}
	v.give(lua.LNumber(lo+1), lua.LNumber(hi))
	return 2 + v.give(m.captures(lo, hi, false)...)
}

func stringMatch(v *VM) int {
	s, pattern := v.text(1), v.text(2)
	from, ok := start(s, v.Integer(3, 1))
	if !ok {
		return v.give(lua.LNil)
	}
	m := v.matcher(s, pattern)
	lo, hi, ok := m.search(from)
	if !ok {
		return v.give(lua.LNil)
	}
	return v.give(m.captures(lo, hi, true)...)
}

// start turns the position where a search begins into an offset, if it is within s.
func start(s string, position int) (from int, ok bool) {
	if position < 0 {
		position = len(s) + position + 1
	}
	from = max(position, 1) - 1
	return from, from <= len(s)
}

func stringGmatch(v *VM) int {
	m, from := v.matcher(v.text(1), v.text(2)), 0
	m.anchored, m.first = false, 0 // here ^ means itself
	made := v.loading
	return v.give(v.L.NewFunction(func(*lua.LState) int {
		if made != v.loading { // how far it has come would outlive the command
			v.L.RaiseError("this iterator was made while the script loaded; " +
				"call gmatch where it is used")
		}
		lo, hi, ok := m.search(from)
		if !ok {
			from = len(m.s) + 1
			return v.give(lua.LNil)
		}
		if from = hi; hi == lo {
			from++
		}
		return v.give(m.captures(lo, hi, true)...)
	}))
}

func stringGsub(v *VM) int {
	s := v.text(1)
	m, most := v.matcher(s, v.text(2)), v.Integer(4, len(s)+1)
	var b strings.Builder
	add := func(part string) {
		v.room(b.Len() + len(part))
		v.Charge(len(part)/stepBytes, 2*len(part))
		b.WriteString(part)
	}
	done, from := 0, 0
	for done < most {
		hi, ok := m.matchAt(from)
		if ok {
			done++
			add(v.replacement(m, from, hi))
		}
		switch {
		case ok && hi > from:
			from = hi
		case from < len(s):
			add(s[from : from+1])
			from++
		default:
			most = done
		}
		if m.anchored {
			break
		}
	}
	if from < len(s) {
		add(s[from:])
	}
	return v.give(lua.LString(b.String()), lua.LNumber(done))
}

// replacement is what gsub puts in the place of a match.
func (v *VM) replacement(m *matcher, lo, hi int) string {
	var x lua.LValue
	switch with := v.L.Get(3).(type) {
	case lua.LString:
		return m.expand(string(with), lo, hi)
	case lua.LNumber:
		return FormatNumber(float64(with))
	case *lua.LTable:
		x = v.L.GetTable(with, m.capture(0, lo, hi))
	case *lua.LFunction:
		n := v.give(with) - 1 + v.give(m.captures(lo, hi, true)...)
		v.L.Call(n, 1)
		x = v.L.Get(-1)
		v.L.Pop(1)
	default:
		v.badArgument(3, "string, function or table")
	}
	if lua.LVIsFalse(x) {
		return m.s[lo:hi]
	}
	text, ok := asText(x)
	if !ok {
		v.L.RaiseError("invalid replacement value (a %s)", x.Type().String())
	}
	return text
}
