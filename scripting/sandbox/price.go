package sandbox

import (
	lua "github.com/yuin/gopher-lua"
)

// What things cost. A step is about what an instruction takes; bytes are those that are allocated,
// copies that growing makes included, and never given back.
const (
	tableBytes   = 64      // a table
	textsBytes   = 2 << 10 // its room for string keys, unless the braces had some
	pairBytes    = 240     // a key
	elementBytes = 80      // a place that an array grows by, be it used or skipped
	placeBytes   = 16      // one that it was made with
	numberBytes  = 8
	closureBytes = 64
	captureBytes = 40

	stepBytes = 64 // bytes that are hashed, compared or copied in a step
	stepItems = 8  // values that are copied or looked at in a step
)

// constantOperand is the first operand that means a constant and not a register.
const constantOperand = 256

// maxRedirect is how many tables a store may be led on through by __newindex.
const maxRedirect = 100

// prices are of the instructions whose work or memory depends on their operands. Those left out
// cost a step.
var prices = [64]func(m *meter, f *frame, inst uint32){
	lua.OP_GETTABLE: payLookup, lua.OP_GETTABLEKS: payLookup, lua.OP_SELF: payLookup,
	lua.OP_GETGLOBAL: payGlobal, lua.OP_SETGLOBAL: payGlobal,
	lua.OP_SETTABLE: payStore, lua.OP_SETTABLEKS: payStore,
	lua.OP_NEWTABLE: payTable, lua.OP_SETLIST: payList, lua.OP_CLOSURE: payClosure,
	lua.OP_LEN: payLength, lua.OP_EQ: payEqual, lua.OP_LT: payLess, lua.OP_LE: payLess,
	lua.OP_ADD: payNumber, lua.OP_SUB: payNumber, lua.OP_MUL: payNumber, lua.OP_DIV: payNumber,
	lua.OP_MOD: payNumber, lua.OP_UNM: payNumber, lua.OP_FORLOOP: payNumber,
	lua.OP_VARARG: payVarargs,
}

func (m *meter) pay(steps, bytes int) { m.steps -= int64(steps); m.memory -= int64(bytes) }

// operand is a register, or a constant.
func (m *meter) operand(f *frame, n int) lua.LValue {
	if n >= constantOperand {
		return f.Fn.Proto.Constants[n-constantOperand]
	}
	return m.vm.L.Get(n + 1)
}

func payLookup(m *meter, f *frame, inst uint32) {
	if key, ok := m.operand(f, argC(inst)).(lua.LString); ok {
		m.pay(len(key)/stepBytes, 0)
	}
}

func payGlobal(m *meter, f *frame, inst uint32) {
	m.pay(len(f.Fn.Proto.Constants[argBx(inst)].(lua.LString))/stepBytes, 0)
}

func payStore(m *meter, f *frame, inst uint32) {
	object, key := m.operand(f, argA(inst)), m.operand(f, argB(inst))
	for range maxRedirect {
		t, ok := object.(*lua.LTable)
		if !ok {
			return
		}
		if t.Metatable != lua.LNil {
			next := m.vm.metamethod(t, "__newindex")
			if next != lua.LNil && t.RawGet(key) == lua.LNil {
				object = next
				continue
			}
		}
		m.store(t, key, m.operand(f, argC(inst)))
		return
	}
}

// store is the price of t[key] = value. A number key fills the array up to it, whatever the value.
func (m *meter) store(t *lua.LTable, key, value lua.LValue) {
	bytes := pairBytes
	switch k := key.(type) {
	case lua.LNumber:
		if isArrayKey(k) {
			if gap := int(k) - len(inside(t).array); gap > 0 {
				m.pay(0, gap*elementBytes)
			}
			return
		}
	case lua.LString:
		m.pay(len(k)/stepBytes, 0)
		if inside(t).strdict == nil {
			bytes += textsBytes
		}
	}
	if value != lua.LNil && t.RawGet(key) == lua.LNil {
		m.pay(0, bytes)
	}
}

func payTable(m *meter, _ *frame, _ uint32) { m.pay(0, tableBytes) }

// payList fills an array from the braces that made it.
func payList(m *meter, _ *frame, inst uint32) {
	n, bytes := argB(inst), placeBytes
	if n == 0 {
		n, bytes = m.vm.L.GetTop()-argA(inst)-1, elementBytes
	}
	m.pay(n/stepItems, n*bytes)
}

func payClosure(m *meter, f *frame, inst uint32) {
	captured := int(f.Fn.Proto.FunctionPrototypes[argBx(inst)].NumUpvalues)
	m.pay(0, closureBytes+captured*captureBytes)
}

func payLength(m *meter, f *frame, inst uint32) {
	if t, ok := m.operand(f, argB(inst)).(*lua.LTable); ok {
		m.pay(inside(t).tail()/stepItems, 0)
	}
}

func payEqual(m *meter, f *frame, inst uint32) {
	a, ok1 := m.operand(f, argB(inst)).(lua.LString)
	b, ok2 := m.operand(f, argC(inst)).(lua.LString)
	if ok1 && ok2 && len(a) == len(b) {
		m.pay(len(a)/stepBytes, 0)
	}
}

func payLess(m *meter, f *frame, inst uint32) {
	a, ok1 := m.operand(f, argB(inst)).(lua.LString)
	b, ok2 := m.operand(f, argC(inst)).(lua.LString)
	if ok1 && ok2 {
		m.pay(min(len(a), len(b))/stepBytes, 0)
	}
}

func payNumber(m *meter, _ *frame, _ uint32) { m.memory -= numberBytes }

func payVarargs(m *meter, f *frame, inst uint32) {
	n := argB(inst) - 1
	if n < 0 {
		n = max(0, f.NArgs-int(f.Fn.Proto.NumParameters))
	}
	m.pay(n/stepItems, 0)
}
