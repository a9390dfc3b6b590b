package sandbox

import (
	"math"

	lua "github.com/yuin/gopher-lua"
)

// arithmetic are the operators of numbers, for strings that read as numbers: the VM itself would
// take "010" for eight.
var arithmetic = map[string]func(a, b float64) float64{
	"__add": func(a, b float64) float64 { return a + b },
	"__sub": func(a, b float64) float64 { return a - b },
	"__mul": func(a, b float64) float64 { return a * b },
	"__div": func(a, b float64) float64 { return a / b },
	"__mod": modulo,
	"__unm": func(a, _ float64) float64 { return -a },
}

// modulo is a % b as the VM computes it for numbers.
func modulo(a, b float64) float64 {
	rest := math.Mod(a, b)
	if b > 0 && rest < 0 || b < 0 && rest > 0 {
		rest += b
	}
	return rest
}

// arithmetic carries out an operator of which one operand is a string. A table with the operator of
// its own on the other side goes first, as in Lua.
func (v *VM) arithmetic(event string) int {
	a, b := v.L.Get(1), v.L.Get(2)
	if event == "__unm" {
		b = a
	}
	for _, x := range []lua.LValue{a, b} {
		if f := v.metamethod(x, event); f != lua.LNil {
			v.give(f, a, b)
			v.L.Call(2, 1)
			return 1
		}
	}
	return v.give(lua.LNumber(arithmetic[event](v.operand(a), v.operand(b))))
}

// operand is a number, or a string that reads as one.
func (v *VM) operand(x lua.LValue) float64 {
	switch x := x.(type) {
	case lua.LNumber:
		return float64(x)
	case lua.LString:
		if f, ok := v.numeral(string(x)); ok {
			return f
		}
	}
	v.L.RaiseError("attempt to perform arithmetic on a %s value", x.Type().String())
	return 0
}
