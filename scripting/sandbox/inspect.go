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
