package sandbox

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// generator writes random programs that neither fail nor run for ever, and return a string that
// tells everything that happened. They are made of what compilers get wrong: scopes, captured
// variables, multiple values, conditions, jumps.
type generator struct {
	rng    *rand.Rand
	b      strings.Builder
	names  []string // variables in scope, the latest last
	made   int      // names made so far
	calls  []string // functions in scope
	loops  int      // loops around this place, within the function
	depth  int
	size   int // statements left
	vararg bool
}

func generate(seed uint64) string {
	g := &generator{rng: rand.New(rand.NewPCG(seed, 51)), size: 40}
	g.b.WriteString("local out, fuel, t = {}, 300, {1, 2, 3, k = 4}\n")
	g.b.WriteString("local function n(x) return tonumber(x) or 0 end\n")
	g.b.WriteString("local function s(x) return string.sub(tostring(x), 1, 12) end\n")
	g.b.WriteString("local function two(x) return x, 2 end\n")
	g.b.WriteString("local function none() end\n")
	g.calls = []string{"two", "none"}
	for g.size > 0 {
		g.statement()
	}
	g.show()
	g.b.WriteString("return table.concat(out, ' ')\n")
	return g.b.String()
}

func (g *generator) pick(choices ...string) string { return choices[g.rng.IntN(len(choices))] }

func (g *generator) line(format string, args ...any) {
	fmt.Fprintf(&g.b, strings.Repeat(" ", g.depth)+format+"\n", args...)
}

func (g *generator) fresh() string {
	g.made++
	return fmt.Sprintf("v%d", g.made)
}

// show tells the values of all variables.
func (g *generator) show() {
	for _, name := range g.names {
		g.line("out[#out + 1] = s(%s)", name)
	}
	g.line("out[#out + 1] = s(t[1]) .. s(t[2]) .. s(t.k) .. #out")
}

// block writes statements in a scope of their own.
func (g *generator) block(n int) {
	names, calls := len(g.names), len(g.calls)
	g.depth++
	for range n {
		g.statement()
	}
	g.depth--
	g.names, g.calls = g.names[:names], g.calls[:calls]
}

func (g *generator) statement() {
	g.size--
	if g.depth > 4 || g.size < 0 {
		g.assign()
		return
	}
	switch g.rng.IntN(18) {
	case 0, 1, 2:
		g.declare()
	case 3, 4, 5, 6:
		g.assign()
	case 7, 8:
		g.branch()
	case 9:
		g.line("do")
		g.block(2)
		g.line("end")
	case 10, 11, 12:
		g.loop()
	case 13, 14:
		g.function()
	case 15:
		g.line("%s(%s)", g.call(), g.list(3))
	case 16:
		g.protected()
	default:
		g.line("out[#out + 1] = s(%s)", g.expr(3))
	}
	if g.loops > 0 && g.rng.IntN(8) == 0 {
		g.line("if %s then break end", g.expr(2))
	}
}

func (g *generator) declare() {
	var names []string
	for range 1 + g.rng.IntN(3) {
		names = append(names, g.fresh())
	}
	if g.rng.IntN(4) == 0 {
		g.line("local %s", strings.Join(names, ", "))
	} else {
		g.line("local %s = %s", strings.Join(names, ", "), g.list(3))
	}
	g.names = append(g.names, names...)
}

func (g *generator) variable() string {
	if len(g.names) == 0 {
		return "t.k"
	}
	return g.names[max(0, len(g.names)-1-g.rng.IntN(6))]
}

func (g *generator) target() string {
	if g.rng.IntN(4) == 0 {
		return g.pick("t[1]", "t.k", "t[2]", "t[n("+g.variable()+") % 3 + 1]")
	}
	return g.variable()
}

func (g *generator) assign() {
	targets := []string{g.target()}
	for g.rng.IntN(3) == 0 && len(targets) < 3 {
		targets = append(targets, g.target())
	}
	if len(targets) == 1 && g.rng.IntN(2) == 0 {
		g.line("%s = %s", targets[0], g.expr(3))
	} else {
		g.line("%s = %s", strings.Join(targets, ", "), g.list(3))
	}
}

func (g *generator) branch() {
	g.line("if %s then", g.expr(3))
	g.block(1 + g.rng.IntN(2))
	for g.rng.IntN(3) == 0 {
		g.line("elseif %s then", g.expr(2))
		g.block(1)
	}
	if g.rng.IntN(2) == 0 {
		g.line("else")
		g.block(1)
	}
	g.line("end")
}

func (g *generator) loop() {
	g.loops++
	names := len(g.names)
	tail := "end"
	fuel := "fuel = fuel - 1 if fuel < 0 then break end"
	switch g.rng.IntN(6) {
	case 0:
		name := g.fresh()
		g.line("for %s = %d, %d do", name, g.rng.IntN(3), g.rng.IntN(5))
		g.names = append(g.names, name)
	case 1:
		name := g.fresh()
		g.line("for %s = n(%s), n(%s), %s do %s", name, g.expr(1), g.expr(1), g.pick("2", "-1"), fuel)
		g.names = append(g.names, name)
	case 2:
		a, b := g.fresh(), g.fresh()
		g.line("for %s, %s in ipairs({%s}) do", a, b, g.list(3))
		g.names = append(g.names, a, b)
	case 3:
		g.line("while %s do %s", g.expr(3), fuel)
	default:
		g.line("repeat %s", g.pick(fuel, ""))
		tail = "fuel = fuel - 1 until fuel < 0 or " + g.pick(g.expr(2), "true", "not nil")
	}
	if g.rng.IntN(6) == 0 {
		g.line("%s", g.pick("do break end", "if true then break end", "if false then local x end",
			"if not not nil then break end", "do do end end"))
	}
	g.block(1 + g.rng.IntN(3))
	g.line("%s", tail)
	g.names = g.names[:names]
	g.loops--
}

func (g *generator) function() {
	name := fmt.Sprintf("f%d", g.made)
	names, loops, vararg := len(g.names), g.loops, g.vararg
	a, b := g.fresh(), g.fresh()
	g.loops, g.vararg = 0, g.rng.IntN(2) == 0
	if g.vararg {
		g.line("local function %s(%s, %s, ...)", name, a, b)
	} else {
		g.line("local function %s(%s, %s)", name, a, b)
	}
	g.names = append(g.names, a, b)
	g.block(1 + g.rng.IntN(3))
	if g.rng.IntN(3) > 0 {
		g.line(" return %s", g.list(3))
	}
	g.line("end")
	g.names, g.loops, g.vararg = g.names[:names], loops, vararg
	g.calls = append(g.calls, name)
}

// protected writes a pcall that mostly fails.
func (g *generator) protected() {
	names, loops, vararg := len(g.names), g.loops, g.vararg
	g.loops, g.vararg = 0, false
	g.line("pcall(function()")
	g.block(1 + g.rng.IntN(3))
	g.line(" %s end)", g.pick("", "error('x')", "error({})", "t.k = none.x"))
	g.names, g.loops, g.vararg = g.names[:names], loops, vararg
}

func (g *generator) call() string { return g.calls[g.rng.IntN(len(g.calls))] }

func (g *generator) list(n int) string {
	parts := []string{g.expr(2)}
	for len(parts) < n && g.rng.IntN(2) == 0 {
		parts = append(parts, g.expr(2))
	}
	return strings.Join(parts, ", ")
}

func (g *generator) expr(depth int) string {
	if depth <= 0 || g.rng.IntN(5) == 0 {
		return g.pick("nil", "true", "false", "1", "2", "'s'", g.variable(), g.variable(), g.variable())
	}
	x, y := func() string { return g.expr(depth - 1) }, func() string { return g.expr(depth - 2) }
	switch g.rng.IntN(15) {
	case 0, 1:
		return fmt.Sprintf("(%s and %s)", x(), x())
	case 2, 3:
		return fmt.Sprintf("(%s or %s)", x(), x())
	case 4:
		return fmt.Sprintf("(%s and %s or %s)", x(), x(), x())
	case 5:
		return "(not " + x() + ")"
	case 6:
		return fmt.Sprintf("(%s %s %s)", x(), g.pick("==", "~="), x())
	case 7:
		return fmt.Sprintf("(n(%s) %s n(%s))", x(), g.pick("<", "<=", ">", ">="), x())
	case 8:
		return fmt.Sprintf("((n(%s) %s n(%s)) %% 1000)", x(), g.pick("+", "-", "*"), x())
	case 9:
		return fmt.Sprintf("(s(%s) .. s(%s))", x(), x())
	case 10:
		return fmt.Sprintf("%s(%s, %s)", g.call(), x(), y())
	case 11:
		return fmt.Sprintf("(%s(%s))", g.call(), x())
	case 12:
		return fmt.Sprintf("#{%s, %s}", g.pick("1", "two(1)"), g.pick("2", "two(1)", "(two(2))"))
	case 13:
		if g.vararg {
			return g.pick("...", "(...)", "select('#', ...)", "two(...)")
		}
		return g.pick("select('#', two(1), none())", "(none())", "two(two(3))")
	}
	outer := g.vararg
	g.vararg = false
	inline := fmt.Sprintf("(function() %s = %s return %s end)()", g.variable(), x(), x())
	g.vararg = outer
	return inline
}
