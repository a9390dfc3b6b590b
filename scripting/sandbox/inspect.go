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
