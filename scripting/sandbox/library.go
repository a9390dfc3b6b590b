package sandbox

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// libraries are the tables of functions that every script has.
var libraries = map[string]map[string]Function{
	"string": stringLibrary, "table": tableLibrary, "math": mathLibrary,
}

// openLibraries defines everything that the sandbox offers, in an order that is always the same.
func (v *VM) openLibraries() {
	v.Define("", baseLibrary)
	v.Define("", map[string]Function{concatName: concat, powName: pow})
	for _, name := range slices.Sorted(maps.Keys(libraries)) {
		v.Define(name, libraries[name])
	}
	library := v.globals.RawGetString("math").(*lua.LTable)
	library.RawSetString("pi", lua.LNumber(math.Pi))
	library.RawSetString("huge", lua.LNumber(math.Inf(1)))
	v.strings = v.globals.RawGetString("string").(*lua.LTable)
	v.next = v.globals.RawGetString("next")
	v.nextIndex = v.L.NewFunction(func(*lua.LState) int { return nextIndex(v) })
	v.openStrings()
}

// openStrings makes s:upper() mean string.upper(s), and takes the operators on strings over.
func (v *VM) openStrings() {
	meta := v.L.CreateTable(0, 1+len(arithmetic))
	meta.RawSetString("__index", v.contents(v.strings))
	for _, event := range slices.Sorted(maps.Keys(arithmetic)) {
		meta.RawSetString(event, v.L.NewFunction(func(*lua.LState) int { return v.arithmetic(event) }))
	}
	v.L.SetMetatable(lua.LString(""), meta)
}

// define puts functions into a new table within t, or into t itself if the name is empty.
func (v *VM) define(t *lua.LTable, name string, functions map[string]Function) {
	if name != "" {
		library := v.L.CreateTable(0, len(functions))
		library.Metatable = v.unknownField(name)
		t.RawSetString(name, library)
		t = library
	}
	for _, key := range slices.Sorted(maps.Keys(functions)) { // pairs() shows this order
		f := functions[key]
		t.RawSetString(key, v.L.NewFunction(func(*lua.LState) int { return f(v) }))
	}
}

// unknownField makes a metatable that explains why a library has no such function.
func (v *VM) unknownField(library string) *lua.LTable {
	meta := v.L.CreateTable(0, 2)
	meta.RawSetString("__metatable", lua.LFalse)
	meta.RawSetString("__index", v.L.NewFunction(func(L *lua.LState) int {
		name := "?"
		if field, ok := L.Get(2).(lua.LString); ok {
			name = string(field)
		}
		if library == "__index" {
			L.RaiseError("there is no method '%s'", name)
		}
		if advice := absent[library+"."+name]; advice != "" {
			L.RaiseError("%s.%s is not available: %s", library, name, advice)
		}
		L.RaiseError("there is no function %s.%s", library, name)
		return 0
	}))
	return meta
}

// FormatNumber writes a number the same way everywhere: integers in full, others with as many
// digits as tell them from their neighbours.
func FormatNumber(f float64) string {
	switch size := math.Abs(f); {
	case f != f:
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case size < 1e15 && size >= 1e-5, f == 0:
		return strconv.FormatFloat(f+0, 'f', -1, 64)
	case f == math.Trunc(f) && size < 1<<63:
		return strconv.FormatInt(int64(f), 10)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// asText is a string or number as a string.
func asText(x lua.LValue) (string, bool) {
	switch x := x.(type) {
	case lua.LString:
		return string(x), true
	case lua.LNumber:
		return FormatNumber(float64(x)), true
	}
	return "", false
}

// text returns argument i, which must be a string or a number.
func (v *VM) text(i int) string {
	s, ok := asText(v.L.Get(i))
	if !ok {
		v.badArgument(i, "string")
	}
	return s
}

// number returns argument i, which must be a number or a string that reads as one.
func (v *VM) number(i int) float64 {
	switch x := v.L.Get(i).(type) {
	case lua.LNumber:
		return float64(x)
	case lua.LString:
		if f, ok := v.numeral(string(x)); ok {
			return f
		}
	}
	v.badArgument(i, "number")
	return 0
}

// Integer returns argument i cut to an integer within 32 bits, or what it is without one.
func (v *VM) Integer(i int, without ...int) int {
	if len(without) > 0 && v.L.Get(i) == lua.LNil {
		return without[0]
	}
	f := v.number(i)
	if f != f {
		v.L.ArgError(i, "not a number")
	}
	return int(max(math.MinInt32, min(math.MaxInt32, f)))
}

// table returns the contents of argument i, which must be a table.
func (v *VM) table(i int) *lua.LTable {
	t, ok := v.L.Get(i).(*lua.LTable)
	if !ok {
		v.badArgument(i, "table")
	}
	return v.contents(t)
}

// mutable returns argument i, which must be a table that may be changed.
func (v *VM) mutable(i int) *lua.LTable {
	t := v.table(i)
	if v.isFrozen(v.L.Get(i).(*lua.LTable)) {
		v.raiseFrozen()
	}
	return t
}

func (v *VM) badArgument(i int, want string) {
	got := v.L.Get(i).Type().String()
	if i > v.L.GetTop() {
		got = "no value"
	}
	v.L.ArgError(i, want+" expected, got "+got)
}

// any demands that there is an argument i.
func (v *VM) any(i int) lua.LValue {
	if i > v.L.GetTop() {
		v.L.ArgError(i, "value expected")
	}
	return v.L.Get(i)
}

// give pushes results and returns their number.
func (v *VM) give(results ...lua.LValue) int {
	for _, x := range results {
		v.L.Push(x)
	}
	return len(results)
}

// giveText pushes a string that was made, for its price.
func (v *VM) giveText(s string) int {
	v.room(len(s))
	v.Charge(len(s)/stepBytes, len(s)+16)
	v.L.Push(lua.LString(s))
	return 1
}

// room demands that a string may have so many bytes.
func (v *VM) room(bytes int) {
	if bytes > maxString {
		v.exhaust("a string of more than 1 MiB")
	}
}

// maxNumeral is how long a string may be and still be read as a number.
const maxNumeral = 64

// numeral is parseNumber for its price.
func (v *VM) numeral(s string) (float64, bool) {
	v.Charge(len(s)/stepBytes, 0)
	return parseNumber(s)
}

// parseNumber reads a number as Lua writes it.
func parseNumber(s string) (float64, bool) {
	s = strings.Trim(s, " \t\n\r\v\f")
	if s == "" || len(s) > maxNumeral || strings.Trim(s, "0123456789abcdefABCDEFxX+-.") != "" {
		return 0, false
	}
	digits, negative := strings.CutPrefix(s, "-")
	if hex := strings.ToLower(digits); strings.HasPrefix(hex, "0x") {
		n, err := strconv.ParseUint(hex[2:], 16, 64)
		if negative {
			return -float64(n), err == nil
		}
		return float64(n), err == nil
	}
	if strings.ContainsAny(s, "abcdfABCDFxX") {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil || math.IsInf(f, 0)
}
