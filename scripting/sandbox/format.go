package sandbox

import (
	"math"
	"strconv"
	"strings"
)

// stringFormat is string.format with the verbs d i u c x X o e E f g G q s %.
func stringFormat(v *VM) int {
	f := formatter{v: v, format: v.text(1), argument: 1}
	var b strings.Builder
	for f.at < len(f.format) {
		literal, _, found := strings.Cut(f.format[f.at:], "%")
		b.WriteString(literal)
		f.at += len(literal)
		if found {
			f.at++
			b.WriteString(f.directive())
		}
		v.room(b.Len())
		v.Charge(1+len(literal)/stepBytes, len(literal))
	}
	return v.giveText(b.String())
}

type formatter struct {
	v        *VM
	format   string
	at       int
	argument int

	flags            string
	width, precision int // precision -1: none
}

// directive reads what stands behind a % and returns what it makes of the next argument.
func (f *formatter) directive() string {
	from := f.at
	for f.at < len(f.format) && strings.IndexByte("-+ #0", f.format[f.at]) >= 0 {
		f.at++
	}
	f.flags = f.format[from:f.at]
	f.width, f.precision = f.digits(), -1
	if f.at < len(f.format) && f.format[f.at] == '.' {
		f.at++
		f.precision = f.digits()
	}
	if f.at >= len(f.format) || len(f.flags) > 5 {
		f.v.L.RaiseError("invalid format: '%%%s'", f.format[from:])
	}
	verb := f.format[f.at]
	f.at++
	if verb == '%' {
		return "%"
	}
	f.argument++
	f.v.any(f.argument)
	return f.pad(f.convert(verb))
}

// digits reads a number of at most two digits.
func (f *formatter) digits() (n int) {
	from := f.at
	for f.at < len(f.format) && isDigit(f.format[f.at]) {
		n = n*10 + int(f.format[f.at]-'0')
		if f.at++; f.at-from > 2 {
			f.v.L.RaiseError("invalid format: width or precision of more than two digits")
		}
	}
	return n
}

// convert returns the bare text of the argument, and whether it is a number.
func (f *formatter) convert(verb byte) (text string, number bool) {
	switch verb {
	case 'd', 'i', 'u':
		return f.whole(10), true
	case 'o':
		return f.whole(8), true
	case 'x':
		return f.whole(16), true
	case 'X':
		return strings.ToUpper(f.whole(16)), true
	case 'c':
		return string([]byte{byte(f.v.Integer(f.argument))}), false
	case 'e', 'E', 'f', 'g', 'G':
		return f.float(verb), true
	case 's':
		return f.str(), false
	case 'q':
		return quote(f.v.text(f.argument)), false
	}
	f.v.L.RaiseError("invalid format: '%%%c'", verb)
	return "", false
}

// whole writes an integer with at least as many digits as the precision says.
func (f *formatter) whole(base int) string {
	x := math.Trunc(f.v.number(f.argument))
	if !(math.Abs(x) < 1<<63) {
		f.v.L.ArgError(f.argument, "number has no integer representation")
	}
	digits, sign := strconv.FormatInt(int64(x), base), ""
	if base != 10 && x < 0 {
		digits = strconv.FormatUint(uint64(int64(x)), base)
	}
	if digits[0] == '-' {
		digits, sign = digits[1:], "-"
	}
	if strings.Contains(f.flags, "#") && base == 16 && x != 0 {
		sign += "0x"
	}
	return sign + strings.Repeat("0", max(0, f.precision-len(digits))) + digits
}

func (f *formatter) float(verb byte) string {
	x, precision := f.v.number(f.argument), f.precision
	if x != x || math.IsInf(x, 0) {
		return FormatNumber(x)
	}
	if precision < 0 {
		precision = 6
	}
	if verb == 'g' || verb == 'G' {
		precision = max(1, precision)
	}
	return strconv.FormatFloat(x, verb, precision, 64)
}

// str converts any value as tostring does, and cuts it to the precision.
func (f *formatter) str() string {
	f.v.give(f.v.globals.RawGetString("tostring"), f.v.L.Get(f.argument))
	f.v.L.Call(1, 1)
	s, ok := asText(f.v.L.Get(-1))
	f.v.L.Pop(1)
	if !ok {
		f.v.L.RaiseError("'tostring' must return a string")
	}
	if f.precision >= 0 {
		s = s[:min(len(s), f.precision)]
	}
	return s
}

func quote(s string) string {
	return `"` + strings.NewReplacer("\\", "\\\\", "\"", "\\\"", "\n", "\\\n", "\r", "\\r",
		"\x00", "\\000").Replace(s) + `"`
}

// pad adds sign, zeros and blanks.
func (f *formatter) pad(s string, number bool) string {
	if number && s[0] != '-' {
		if strings.Contains(f.flags, "+") {
			s = "+" + s
		} else if strings.Contains(f.flags, " ") {
			s = " " + s
		}
	}
	missing := f.width - len(s)
	switch {
	case missing <= 0:
		return s
	case strings.Contains(f.flags, "-"):
		return s + strings.Repeat(" ", missing)
	case number && f.precision < 0 && strings.Contains(f.flags, "0"):
		digits := strings.TrimLeft(s, "+- ")
		return s[:len(s)-len(digits)] + strings.Repeat("0", missing) + digits
	}
	return strings.Repeat(" ", missing) + s
}
