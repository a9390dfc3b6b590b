package sandbox

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// The bounds of pattern matching. Every step is charged, so that a bad pattern ends.
const (
	maxPattern  = 1 << 10 // bytes
	maxCaptures = 32
	maxMatch    = 200 // calls of the matcher within each other
)

// The lengths of captures that have no length.
const (
	captureOpen     = -1
	capturePosition = -2
)

// matcher matches one pattern against one string, by trying and going back as the Lua manual
// (§5.4.1) describes patterns.
type matcher struct {
	v        *VM
	s, p     string
	first    int  // where the pattern begins behind its ^
	anchored bool // the pattern has a ^
	level    int  // captures begun
	depth    int
	marks    [maxCaptures]struct{ at, length int }
}

func (v *VM) matcher(s, pattern string) *matcher {
	if len(pattern) > maxPattern {
		v.L.RaiseError("a pattern of more than %d bytes", maxPattern)
	}
	m := &matcher{v: v, s: s, p: pattern, anchored: strings.HasPrefix(pattern, "^")}
	if m.anchored {
		m.first = 1
	}
	return m
}

// search finds the first match that begins at from or later.
func (m *matcher) search(from int) (lo, hi int, ok bool) {
	for lo = from; lo <= len(m.s); lo++ {
		if hi, ok = m.matchAt(lo); ok || m.anchored {
			return lo, hi, ok
		}
	}
	return 0, 0, false
}

func (m *matcher) matchAt(lo int) (hi int, ok bool) {
	m.level, m.depth = 0, 0
	hi = m.match(lo, m.first)
	return hi, hi >= 0
}

func (m *matcher) fail(why string) { m.v.L.RaiseError("malformed pattern (%s)", why) }

// match matches the pattern from p on against the string from s on. It returns the end or -1.
func (m *matcher) match(s, p int) int {
	if m.depth++; m.depth > maxMatch {
		m.v.L.RaiseError("pattern too complex")
	}
	hi := m.matchHere(s, p)
	m.depth-- // after an error nobody asks
	return hi
}

func (m *matcher) matchHere(s, p int) int {
	for p < len(m.p) {
		m.v.Charge(1, 0)
		switch c := m.p[p]; {
		case c == '(':
			return m.open(s, p+1)
		case c == ')':
			return m.close(s, p+1)
		case c == '$' && p+1 == len(m.p):
			if s == len(m.s) {
				return s
			}
			return -1
		case c == '%' && p+1 < len(m.p) && (m.p[p+1] == 'b' || m.p[p+1] == 'f' || isDigit(m.p[p+1])):
			if s, p = m.special(s, p+1); s < 0 {
				return -1
			}
			continue
		}
		end := m.classEnd(p)
		m.v.Charge((end-p)/stepItems, 0)
		if end < len(m.p) && strings.IndexByte("?*+-", m.p[end]) >= 0 {
			return m.repeated(s, p, end)
		}
		if !m.single(s, p, end) {
			return -1
		}
		s, p = s+1, end
	}
	return s
}

// repeated matches one class with ?, *, + or - behind it, and what follows.
func (m *matcher) repeated(s, p, end int) int {
	least, most := 0, len(m.s)-s
	switch m.p[end] {
	case '-':
		for ; ; s++ {
			if hi := m.match(s, end+1); hi >= 0 || !m.single(s, p, end) {
				return hi
			}
		}
	case '?':
		most = min(1, most)
	case '+':
		least = 1
	}
	n := 0
	for n < most && m.single(s+n, p, end) {
		n++
	}
	for ; n >= least; n-- {
		if hi := m.match(s+n, end+1); hi >= 0 {
			return hi
		}
	}
	return -1
}

// special matches %b, %f or a capture again. It returns where both go on; the first is -1 if not.
func (m *matcher) special(s, p int) (int, int) {
	switch c := m.p[p]; c {
	case 'b':
		if p+2 >= len(m.p) {
			m.fail("missing arguments to '%b'")
		}
		return m.balance(s, m.p[p+1], m.p[p+2]), p + 3
	case 'f':
		return m.frontier(s, p+1)
	default:
		i := int(c) - '1'
		if i < 0 || i >= m.level || m.marks[i].length == captureOpen {
			m.fail("invalid capture index")
		}
		again := m.s[m.marks[i].at : m.marks[i].at+max(0, m.marks[i].length)]
		m.v.Charge(len(again)/16, 0)
		if !strings.HasPrefix(m.s[s:], again) {
			return -1, p
		}
		return s + len(again), p + 1
	}
}

func (m *matcher) frontier(s, p int) (int, int) {
	if p >= len(m.p) || m.p[p] != '[' {
		m.fail("missing '[' after '%f'")
	}
	end := m.classEnd(p)
	var before, here byte
	if s > 0 {
		before = m.s[s-1]
	}
	if s < len(m.s) {
		here = m.s[s]
	}
	if m.set(before, p, end) || !m.set(here, p, end) {
		return -1, p
	}
	return s, end
}

func (m *matcher) balance(s int, open, shut byte) int {
	if s >= len(m.s) || m.s[s] != open {
		return -1
	}
	for depth, i := 1, s+1; i < len(m.s); i++ {
		m.v.Charge(1, 0)
		switch m.s[i] {
		case shut:
			if depth--; depth == 0 {
				return i + 1
			}
		case open:
			depth++
		}
	}
	return -1
}

func (m *matcher) open(s, p int) int {
	if m.level >= maxCaptures {
		m.fail("too many captures")
	}
	length := captureOpen
	if p < len(m.p) && m.p[p] == ')' {
		length, p = capturePosition, p+1
	}
	m.marks[m.level].at, m.marks[m.level].length = s, length
	m.level++
	hi := m.match(s, p)
	if hi < 0 {
		m.level--
	}
	return hi
}

func (m *matcher) close(s, p int) int {
	i := m.level - 1
	for i >= 0 && m.marks[i].length != captureOpen {
		i--
	}
	if i < 0 {
		m.fail("unexpected ')'")
	}
	m.marks[i].length = s - m.marks[i].at
	hi := m.match(s, p)
	if hi < 0 {
		m.marks[i].length = captureOpen
	}
	return hi
}

// capture returns capture i of a match; without captures the first is the whole match.
func (m *matcher) capture(i, lo, hi int) lua.LValue {
	m.v.Charge(1+(hi-lo)/stepBytes, 16)
	if i == 0 && m.level == 0 {
		return lua.LString(m.s[lo:hi])
	}
	if i >= m.level {
		m.fail("invalid capture index")
	}
	switch c := m.marks[i]; c.length {
	case capturePosition:
		return lua.LNumber(c.at + 1)
	case captureOpen:
		m.fail("unfinished capture")
		return nil
	default:
		return lua.LString(m.s[c.at : c.at+c.length])
	}
}

// captures returns all captures of a match, or the whole match if it has none and that is wanted.
func (m *matcher) captures(lo, hi int, whole bool) (all []lua.LValue) {
	n := m.level
	if n == 0 && whole {
		n = 1
	}
	for i := range n {
		all = append(all, m.capture(i, lo, hi))
	}
	return all
}

// expand replaces %0 to %9 in the replacement of gsub.
func (m *matcher) expand(with string, lo, hi int) string {
	m.v.Charge(len(with)/4, 0)
	var b strings.Builder
	for i := 0; i < len(with); i++ {
		if with[i] != '%' || i+1 == len(with) {
			b.WriteByte(with[i])
			continue
		}
		i++
		switch c := with[i]; {
		case c == '0':
			b.WriteString(m.s[lo:hi])
		case isDigit(c):
			text, _ := asText(m.capture(int(c-'1'), lo, hi))
			b.WriteString(text)
		default:
			b.WriteByte(c)
		}
		m.v.room(b.Len())
	}
	return b.String()
}
