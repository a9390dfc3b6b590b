package sandbox

import (
	"slices"

	lua "github.com/yuin/gopher-lua"
)

// Handles lists the userdata of the host that the loaded script can still reach. The others it
// made and forgot.
func (v *VM) Handles() []*lua.LUserData { return v.handles }

// Use is a place where a function takes a field from something that was there before its call.
type Use struct {
	File   string
	Line   int
	Object lua.LValue // what was captured; nil: a global
	Global string     // the name of the global
	Field  string     // empty: the global itself
}

// passing is the code of function(p) return object:method(p) end, where object is captured, and of
// nothing else: with other parameters, these registers were others.
var passing = [...]uint32{
	instruction(lua.OP_GETUPVAL, 1, 0, 0),
	instruction(lua.OP_SELF, 1, 1, 256), // 256: the first constant
	instruction(lua.OP_MOVE, 3, 0, 0),
	instruction(lua.OP_TAILCALL, 1, 3, 0),
	instruction(lua.OP_RETURN, 1, 0, 0),
	instruction(lua.OP_RETURN, 0, 1, 0),
}

func instruction(op, a, b, c int) uint32 { return uint32(op<<26 | a<<18 | c<<9 | b) }

// Passes tells, of a function that does nothing but call a method of what it captured with its one
// parameter and return what comes of it, whose method that is and its name; nil: it does not.
func Passes(f *lua.LFunction) (object lua.LValue, method string) {
	if !slices.Equal(f.Proto.Code, passing[:]) {
		return nil, ""
	}
	return f.Upvalues[0].Value(), f.Proto.Constants[0].String()
}

// storing is the code of a function with n parameters, one or two (with others, or ..., registers
// were others), in parts: the check that the last of them is not nil, and a jump over what is done
// with a nil; object:method(parameters), where object is captured; and the return of a constant or
// of nothing. How far to jump is left out, as are the numbers of object, method and constant.
func storing(n int) (checking, calling, returning, ending []uint32) {
	passing := []uint32{instruction(lua.OP_MOVE, 3, 0, 0)}
	if n == 2 { // one step for both: the first does the work of the second
		passing = []uint32{instruction(lua.OP_MOVEN, 4, 0, 1), instruction(lua.OP_MOVE, 5, 1, 0)}
	}
	checking = []uint32{
		instruction(lua.OP_LOADNIL, n, n, 0),
		instruction(lua.OP_EQ, 0, n-1, n),
	}
	calling = slices.Concat([]uint32{
		instruction(lua.OP_GETUPVAL, n, 0, 0),
		instruction(lua.OP_SELF, n, n, constantOperand),
	}, passing, []uint32{instruction(lua.OP_CALL, n, n+2, 1)})
	returning = []uint32{instruction(lua.OP_LOADK, n, 0, 0), instruction(lua.OP_RETURN, n, 2, 0)}
	return checking, calling, returning, []uint32{instruction(lua.OP_RETURN, 0, 1, 0)}
}

// Storing is what a function does that does nothing else for its parameters, one or two, of which
// the last is not nil, than to call a method of what it captured with them, and to return a
// constant.
type Storing struct {
	Object     lua.LValue
	Method     string
	Parameters int
	Result     lua.LValue
	Steps      int // of the call, but for the method's own
}

// Stores tells what such a function does; the Object is nil for any other.
func Stores(f *lua.LFunction) Storing {
	code, constants := f.Proto.Code, f.Proto.Constants
	s := Storing{Parameters: int(f.Proto.NumParameters)}
	if s.Parameters < 1 || s.Parameters > 2 {
		return Storing{}
	}
	checking, calling, returning, ending := storing(s.Parameters)
	if n := len(checking); len(code) > n && slices.Equal(code[:n], checking) {
		to := n + 1 + argSbx(code[n])
		if opcode(code[n]) != lua.OP_JMP || to <= n || to > len(code) {
			return Storing{}
		}
		code, s.Steps = code[to:], n+1
	}
	n := len(calling)
	if len(code) < n || argC(code[1]) < constantOperand {
		return Storing{}
	}
	object, method := argB(code[0]), argC(code[1])-constantOperand
	code, head := code[n:], slices.Clone(code[:n])
	head[0], head[1] = head[0]-uint32(object), head[1]-uint32(method)<<9
	switch {
	case !slices.Equal(head, calling):
		return Storing{}
	case len(code) > len(returning) && code[0]&^0x3ffff == returning[0] && code[1] == returning[1]:
		s.Result = constants[argBx(code[0])]
		s.Steps += len(returning)
	case len(code) > 0 && code[0] == ending[0]:
		s.Result = lua.LNil
		s.Steps += len(ending)
	default:
		return Storing{}
	}
	s.Object, s.Method = f.Upvalues[object].Value(), constants[method].String()
	s.Steps += 4 + len(s.Method)/stepBytes // object, method, parameters, call
	return s
}

// Uses lists what f and the functions written within it take from what they captured, and from
// globals.
func Uses(f *lua.LFunction) []Use {
	return usesOf(f.Proto, func(i int) lua.LValue { return f.Upvalues[i].Value() })
}

func usesOf(f *lua.FunctionProto, upvalue func(i int) lua.LValue) (uses []Use) {
	eachInstruction(f, func(pc int, inst uint32) {
		use := Use{File: f.SourceName, Line: f.DbgSourcePositions[pc], Field: fieldAfter(f, pc)}
		switch opcode(inst) {
		case lua.OP_GETGLOBAL:
			use.Global = f.Constants[argBx(inst)].String()
			uses = append(uses, use)
		case lua.OP_GETUPVAL:
			if use.Object = upvalue(argB(inst)); use.Object != nil && use.Field != "" {
				uses = append(uses, use)
			}
		case lua.OP_CLOSURE:
			inner := f.FunctionPrototypes[argBx(inst)]
			captures := f.Code[pc+1 : pc+1+int(inner.NumUpvalues)]
			uses = slices.Concat(uses, usesOf(inner, func(i int) lua.LValue {
				if opcode(captures[i]) == lua.OP_GETUPVAL {
					return upvalue(argB(captures[i]))
				}
				return nil // a local of the call
			}))
		}
	})
	return uses
}
