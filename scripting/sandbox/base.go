package sandbox

import (
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// baseLibrary are the functions without a table.
var baseLibrary = map[string]Function{
	"assert": assert, "error": raiseAny, "getmetatable": getMetatable, "ipairs": ipairs,
	"next": next, "pairs": pairs, "pcall": pcall, "rawequal": rawEqual, "rawget": rawGet,
	"rawset": rawSet, "require": require, "select": selectArgs, "setmetatable": setMetatable,
	"tonumber": toNumber, "tostring": toString, "type": typeOf, "unpack": unpack,
}

func assert(v *VM) int {
	if lua.LVAsBool(v.any(1)) {
		return v.L.GetTop()
	}
	if v.L.GetTop() < 2 {
		v.L.RaiseError("assertion failed!")
	}
	v.L.Error(v.L.Get(2), 0)
	return 0
}

// raiseAny is error. The VM counts this very function as a level, but at level 1 passes over it.
func raiseAny(v *VM) int {
	level := max(0, v.Integer(2, 1))
	if level > 1 {
		level++
	}
	v.L.Error(v.L.Get(1), level)
	return 0
}

func typeOf(v *VM) int { return v.give(lua.LString(v.any(1).Type().String())) }

func rawEqual(v *VM) int {
	v.payKey(v.any(1))
	return v.give(lua.LBool(v.L.RawEqual(v.any(1), v.any(2))))
}

func rawGet(v *VM) int {
	t := v.table(1)
	v.payKey(v.any(2))
	return v.give(t.RawGet(v.any(2)))
}

// payKey pays for hashing or comparing x.
func (v *VM) payKey(x lua.LValue) {
	if s, ok := x.(lua.LString); ok {
		v.Charge(len(s)/stepBytes, 0)
	}
}

func rawSet(v *VM) int {
	t := v.mutable(1)
	v.Store(t, v.any(2), v.any(3))
	v.L.SetTop(1)
	return 1
}

// Store sets t[key] = value without metamethods, for its price.
func (v *VM) Store(t *lua.LTable, key, value lua.LValue) {
	v.meter.store(t, key, value)
	v.Charge(0, 0)
	v.L.RawSet(t, key, value)
}

// next also pays for what the VM passes over: empty places, and keys that are gone.
func next(v *VM) int {
	t, from := v.table(1), v.L.Get(2)
	v.payKey(from)
	key, value := t.Next(from)
	in := inside(t)
	end := len(in.array) + len(in.keys)
	if end-len(in.array)-len(in.dict)-len(in.strdict) > stepItems || key == lua.LNil {
		if key != lua.LNil {
			end = in.place(key)
		}
		v.Charge(max(0, end-in.place(from))/stepItems, 0)
	}
	if key == lua.LNil {
		return v.give(lua.LNil)
	}
	return v.give(key, value)
}

func pairs(v *VM) int {
	v.table(1)
	return v.give(v.next, v.L.Get(1), lua.LNil)
}

func ipairs(v *VM) int {
	v.table(1)
	return v.give(v.nextIndex, v.L.Get(1), lua.LNumber(0))
}

// nextIndex is the iterator of ipairs.
func nextIndex(v *VM) int {
	i := v.Integer(2) + 1
	value := v.table(1).RawGetInt(i)
	if value == lua.LNil {
		return v.give(lua.LNil)
	}
	return v.give(lua.LNumber(i), value)
}

func selectArgs(v *VM) int {
	top := v.L.GetTop()
	if v.L.Get(1) == lua.LString("#") {
		return v.give(lua.LNumber(top - 1))
	}
	v.Charge(top/stepItems, 0)
	n := v.Integer(1)
	if n < 0 {
		n += top
	}
	if n < 1 {
		v.L.ArgError(1, "index out of range")
	}
	return max(0, top-n)
}

// maxUnpack is how many values unpack gives at most: each takes a register.
const maxUnpack = 240

func unpack(v *VM) int {
	t := v.table(1)
	i, j := v.Integer(2, 1), v.Integer(3, v.length(t))
	if j-i >= maxUnpack {
		v.L.RaiseError("too many results to unpack")
	}
	v.Charge(max(0, j-i)/stepItems, 0)
	for k := i; k <= j; k++ {
		v.L.Push(t.RawGet(lua.LNumber(k)))
	}
	return max(0, j-i+1)
}

func getMetatable(v *VM) int {
	var meta lua.LValue = lua.LNil
	switch x := v.any(1).(type) {
	case *lua.LTable:
		meta = v.metatable(x)
	case *lua.LUserData:
		meta = x.Metatable
	}
	if t, ok := meta.(*lua.LTable); ok {
		if hidden := v.contents(t).RawGetString("__metatable"); hidden != lua.LNil {
			return v.give(hidden)
		}
	}
	return v.give(meta)
}

func setMetatable(v *VM) int {
	t := v.mutable(1)
	if old, ok := v.metatable(t).(*lua.LTable); ok {
		if v.contents(old).RawGetString("__metatable") != lua.LNil {
			v.L.RaiseError("cannot change a protected metatable")
		}
	}
	switch meta := v.any(2).(type) {
	case *lua.LTable:
		t.Metatable = v.contents(meta)
	case *lua.LNilType:
		t.Metatable = lua.LNil
	default:
		v.badArgument(2, "nil or table")
	}
	v.L.SetTop(1)
	return 1
}

func toNumber(v *VM) int {
	x := v.any(1)
	if base := v.Integer(2, 10); base != 10 {
		if base < 2 || base > 36 {
			v.L.ArgError(2, "base out of range")
		}
		v.Charge(len(v.text(1))/stepBytes, 0)
		s := strings.ToLower(strings.Trim(v.text(1), " \t\n\r\v\f"))
		if base == 16 {
			s = strings.TrimPrefix(s, "0x")
		}
		if n, err := strconv.ParseUint(s, base, 64); err == nil && len(s) <= maxNumeral {
			return v.give(lua.LNumber(n))
		}
		return v.give(lua.LNil)
	}
	switch x := x.(type) {
	case lua.LNumber:
		return v.give(x)
	case lua.LString:
		if f, ok := v.numeral(string(x)); ok {
			return v.give(lua.LNumber(f))
		}
	}
	return v.give(lua.LNil)
}

func toString(v *VM) int {
	x := v.any(1)
	if t, ok := x.(*lua.LTable); ok {
		if f, ok := v.metamethod(t, "__tostring").(*lua.LFunction); ok {
			v.give(f, t)
			v.L.Call(1, 1)
			return 1
		}
	}
	switch x := x.(type) {
	case lua.LString:
		return v.give(x)
	case lua.LNumber:
		return v.giveText(FormatNumber(float64(x)))
	case lua.LBool, *lua.LNilType:
		return v.give(lua.LString(x.String()))
	}
	return v.give(lua.LString(x.Type().String())) // an address would differ between nodes
}

// metamethod returns what the metatable of x has for an event.
func (v *VM) metamethod(x lua.LValue, event string) lua.LValue {
	if t, ok := x.(*lua.LTable); ok {
		if meta, ok := t.Metatable.(*lua.LTable); ok {
			return meta.RawGetString(event)
		}
	}
	return lua.LNil
}

// pcall calls its first argument and turns an error into results. What the failed call wrote is
// undone. The end of the limits goes through it.
//
// An error has gopher-lua end the captured variables of all functions that run, as if none of them
// would go on. Those of the functions around pcall do, so their variables are kept from its sight.
func pcall(v *VM) int {
	v.any(1)
	mark := 0
	if v.Mark != nil {
		mark = v.Mark()
	}
	arguments := v.L.GetTop()
	v.L.Insert(v.guard, 1)
	around := *v.open
	*v.open = nil
	err := v.L.PCall(arguments, lua.MultRet, nil)
	*v.open = around
	if err == nil && v.meter.spent == "" {
		v.L.Insert(lua.LTrue, 1)
		return v.L.GetTop()
	}
	v.Charge(200, 400)
	if v.Rollback != nil {
		v.Rollback(mark)
	}
	raised, ok := err.(*lua.ApiError)
	if !ok || raised.Type == lua.ApiErrorPanic || raised.Object == nil {
		v.broken = true
		v.exhaust("the Lua VM gave up on this call")
	}
	text, ok := raised.Object.(lua.LString)
	if !ok {
		return v.give(lua.LFalse, raised.Object)
	}
	if overflowed(string(text)) {
		v.exhaust("too many calls within calls")
	}
	return v.give(lua.LFalse, lua.LString(withoutAddresses(string(text))))
}

// concat is the operator .. for two or more operands, from right to left.
func concat(v *VM) int {
	result := v.L.Get(-1)
	for i := v.L.GetTop() - 1; i >= 1; i-- {
		result = v.join(v.L.Get(i), result)
	}
	return v.give(result)
}

func (v *VM) join(a, b lua.LValue) lua.LValue {
	left, ok1 := asText(a)
	right, ok2 := asText(b)
	if ok1 && ok2 {
		v.room(len(left) + len(right))
		v.Charge((len(left)+len(right))/stepBytes, len(left)+len(right)+16)
		return lua.LString(left + right)
	}
	f := v.metamethod(a, "__concat")
	if f == lua.LNil {
		f = v.metamethod(b, "__concat")
	}
	if f == lua.LNil {
		bad := b
		if !ok1 {
			bad = a
		}
		v.L.RaiseError("attempt to concatenate a %s value", bad.Type().String())
	}
	v.give(f, a, b)
	v.L.Call(2, 1)
	result := v.L.Get(-1)
	v.L.Pop(1)
	return result
}

// pow is the operator ^. Fractional powers but the square root would differ between processors.
func pow(v *VM) int {
	x, y := v.L.Get(1), v.L.Get(2)
	for _, operand := range []lua.LValue{x, y} {
		if f := v.metamethod(operand, "__pow"); f != lua.LNil {
			v.give(f, x, y)
			v.L.Call(2, 1)
			return 1
		}
	}
	a, b := v.number(1), v.number(2)
	if b != math.Trunc(b) && b != 0.5 {
		v.L.RaiseError("a power that is no integer differs between processors; " +
			"use x^0.5 or integer powers")
	}
	return v.give(lua.LNumber(math.Pow(a, b)))
}
