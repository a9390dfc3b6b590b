package sandbox

// classEnd returns where the class that begins at p ends: one byte, %x or [set].
func (m *matcher) classEnd(p int) int {
	switch m.p[p] {
	case '%':
		if p+1 >= len(m.p) {
			m.fail("ends with '%'")
		}
		return p + 2
	case '[':
		p++
		if p < len(m.p) && m.p[p] == '^' {
			p++
		}
		for first := true; ; first = false {
			switch {
			case p >= len(m.p):
				m.fail("missing ']'")
			case m.p[p] == ']' && !first:
				return p + 1
			case m.p[p] == '%':
				p++
			}
			p++
		}
	}
	return p + 1
}

// single reports whether the byte at s is in the class m.p[p:end].
func (m *matcher) single(s, p, end int) bool {
	if s >= len(m.s) {
		return false
	}
	m.v.Charge(1, 0)
	switch m.p[p] {
	case '.':
		return true
	case '%':
		return inClass(m.s[s], m.p[p+1])
	case '[':
		m.v.Charge((end-p)/stepItems, 0)
		return m.set(m.s[s], p, end)
	}
	return m.p[p] == m.s[s]
}

// set reports whether c is in the set m.p[p:end], its brackets included.
func (m *matcher) set(c byte, p, end int) bool {
	p, end = p+1, end-1
	wanted := true
	if m.p[p] == '^' {
		wanted, p = false, p+1
	}
	for p < end {
		switch {
		case m.p[p] == '%' && p+1 < end:
			if inClass(c, m.p[p+1]) {
				return wanted
			}
			p += 2
		case p+2 < end && m.p[p+1] == '-':
			if m.p[p] <= c && c <= m.p[p+2] {
				return wanted
			}
			p += 3
		default:
			if m.p[p] == c {
				return wanted
			}
			p++
		}
	}
	return !wanted
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }

// inClass reports whether c is in a class like %a, or outside one like %A. Only ASCII has classes.
func inClass(c, class byte) bool {
	in, small := false, lowerByte(c)
	switch lowerByte(class) {
	case 'a':
		in = isLower(small)
	case 'c':
		in = c < ' ' || c == 127
	case 'd':
		in = isDigit(c)
	case 'l':
		in = isLower(c)
	case 'p':
		in = c > ' ' && c < 127 && !isDigit(c) && !isLower(small)
	case 's':
		in = c == ' ' || '\t' <= c && c <= '\r'
	case 'u':
		in = 'A' <= c && c <= 'Z'
	case 'w':
		in = isDigit(c) || isLower(small)
	case 'x':
		in = isDigit(c) || 'a' <= small && small <= 'f'
	case 'z':
		in = c == 0
	default:
		return class == c
	}
	return in != ('A' <= class && class <= 'Z')
}
