package sandbox

import (
	"math"

	lua "github.com/yuin/gopher-lua"
)

// mathLibrary has only functions whose results are the same on every processor.
var mathLibrary = map[string]Function{
	"abs":   unary(math.Abs),
	"ceil":  unary(math.Ceil),
	"floor": unary(math.Floor),
	"sqrt":  unary(math.Sqrt),
	"deg":   unary(func(x float64) float64 { return x * (180 / math.Pi) }),
	"rad":   unary(func(x float64) float64 { return x * (math.Pi / 180) }),
	"max":   func(v *VM) int { return extreme(v, func(x, best float64) bool { return x > best }) },
	"min":   func(v *VM) int { return extreme(v, func(x, best float64) bool { return x < best }) },
	"fmod": func(v *VM) int {
		return v.give(lua.LNumber(math.Mod(v.number(1), v.number(2))))
	},
	"modf": func(v *VM) int {
		x := v.number(1)
		whole := math.Trunc(x)
		if math.IsInf(x, 0) {
			return v.give(lua.LNumber(x), lua.LNumber(0))
		}
		return v.give(lua.LNumber(whole), lua.LNumber(x-whole))
	},
	"frexp": func(v *VM) int {
		fraction, exponent := math.Frexp(v.number(1))
		return v.give(lua.LNumber(fraction), lua.LNumber(exponent))
	},
	"ldexp":  func(v *VM) int { return v.give(lua.LNumber(math.Ldexp(v.number(1), v.Integer(2)))) },
	"random": random,
}

func unary(f func(float64) float64) Function {
	return func(v *VM) int { return v.give(lua.LNumber(f(v.number(1)))) }
}

func extreme(v *VM, better func(x, best float64) bool) int {
	best := v.number(1)
	for i := 2; i <= v.L.GetTop(); i++ {
		if x := v.number(i); better(x, best) {
			best = x
		}
	}
	return v.give(lua.LNumber(best))
}

// random draws from a sequence that Seed determines.
func random(v *VM) int {
	if !v.seeded {
		v.L.RaiseError("math.random may be used in commands only: " +
			"it is seeded from the log entry, and here is none")
	}
	lo, hi := int64(1), int64(0)
	switch v.L.GetTop() {
	case 0:
		return v.give(lua.LNumber(float64(v.draw()>>11) / (1 << 53)))
	case 1:
		hi = v.whole(1)
	default:
		lo, hi = v.whole(1), v.whole(2)
	}
	if hi < lo {
		v.L.ArgError(v.L.GetTop(), "interval is empty")
	}
	return v.give(lua.LNumber(lo + int64(v.draw()%uint64(hi-lo+1))))
}

// whole returns argument i cut to an integer; one beyond 53 bits is an error.
func (v *VM) whole(i int) int64 {
	f := math.Trunc(v.number(i))
	if !(math.Abs(f) <= 1<<53) {
		v.L.ArgError(i, "not within 2^53")
	}
	return int64(f)
}

// draw is a step of SplitMix64: a counter with a good scrambler.
func (v *VM) draw() uint64 {
	v.random += 0x9e3779b97f4a7c15
	x := v.random
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
