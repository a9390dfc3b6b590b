package sandbox

import (
	"maps"
	"slices"

	lua "github.com/yuin/gopher-lua"
)

// The parts of an instruction of gopher-lua.
func opcode(inst uint32) int { return int(inst >> 26) }
func argA(inst uint32) int   { return int(inst>>18) & 0xff }
func argB(inst uint32) int   { return int(inst & 0x1ff) }
func argC(inst uint32) int   { return int(inst>>9) & 0x1ff }
func argBx(inst uint32) int  { return int(inst & 0x3ffff) }
func argSbx(inst uint32) int { return argBx(inst) - 0x3ffff>>1 }

// eachInstruction calls do for every instruction of f, and not for the operands that stand between.
func eachInstruction(f *lua.FunctionProto, do func(pc int, inst uint32)) {
	for pc := 0; pc < len(f.Code); pc++ {
		inst := f.Code[pc]
		do(pc, inst)
		switch opcode(inst) {
		case lua.OP_CLOSURE:
			pc += int(f.FunctionPrototypes[argBx(inst)].NumUpvalues)
		case lua.OP_SETLIST:
			if argC(inst) == 0 {
				pc++
			}
		case lua.OP_MOVEN:
			pc += argC(inst)
		}
	}
}

// check refuses what can be seen to fail without running it: global variables that are assigned in
// functions, or read and never defined, and names that a machine must not use. Files that did not
// compile are left out.
func (p *Program) check(globals []string) (problems []*ScriptError) {
	known := map[string]bool{concatName: true, powName: true}
	for _, name := range slices.Concat(globals, slices.Collect(maps.Keys(baseLibrary)),
		slices.Collect(maps.Keys(libraries))) {
		known[name] = true
	}
	compiled := slices.DeleteFunc(p.units(), func(u *Program) bool { return u.proto == nil })
	for _, u := range compiled {
		eachInstruction(u.proto, func(_ int, inst uint32) {
			if opcode(inst) == lua.OP_SETGLOBAL {
				known[u.proto.Constants[argBx(inst)].String()] = true
			}
		})
	}
	for _, u := range compiled {
		problems = append(problems, u.checkFunctions(known, len(compiled) == 1+len(p.modules))...)
	}
	return problems
}

// checkFunctions checks one file. Unless the known names are complete, others are let pass.
func (p *Program) checkFunctions(known map[string]bool, complete bool) (problems []*ScriptError) {
	eachFunction(p.proto, func(f *lua.FunctionProto) {
		f.IsVarArg &^= lua.VarArgNeedsArg // the table 'arg' of Lua 5.0 costs an allocation per call
		eachInstruction(f, func(pc int, inst uint32) {
			var problem *ScriptError
			switch opcode(inst) {
			case lua.OP_SETGLOBAL:
				problem = p.checkAssigned(f, pc, inst)
			case lua.OP_GETGLOBAL:
				problem = p.checkRead(f, pc, inst, known, complete)
			}
			if problem != nil {
				problems = append(problems, problem)
			}
		})
	})
	return problems
}

func (p *Program) checkAssigned(f *lua.FunctionProto, pc int, inst uint32) *ScriptError {
	if f == p.proto {
		return nil
	}
	return p.refuse(f.DbgSourcePositions[pc], "assignment to the global variable '%s' in a function; "+
		"use 'local', or state.map for what must last", f.Constants[argBx(inst)])
}

func (p *Program) checkRead(
	f *lua.FunctionProto, pc int, inst uint32, known map[string]bool, complete bool,
) *ScriptError {
	name, line := f.Constants[argBx(inst)].String(), f.DbgSourcePositions[pc]
	if field := fieldAfter(f, pc); field != "" && absent[name+"."+field] != "" {
		name, line = name+"."+field, f.DbgSourcePositions[pc+1]
	} else if known[name] {
		return nil
	}
	if advice := absent[name]; advice != "" {
		return p.refuse(line, "%s is not available: %s", name, advice)
	}
	if !complete {
		return nil
	}
	return p.refuse(line, "undefined variable '%s'; define it with 'local' before its use", name)
}

// fieldAfter returns the name of the field that the instruction after pc takes from its result.
func fieldAfter(f *lua.FunctionProto, pc int) string {
	if pc+1 >= len(f.Code) {
		return ""
	}
	next := f.Code[pc+1]
	if opcode(next) != lua.OP_GETTABLEKS && opcode(next) != lua.OP_SELF ||
		argB(next) != argA(f.Code[pc]) || argC(next) < 256 {
		return ""
	}
	return f.Constants[argC(next)-256].String()
}

const (
	adviceTime   = "ctx.time() is the time of the command, in milliseconds"
	adviceOS     = "a machine must not look outside; ctx.time() is the clock"
	adviceFiles  = "a machine must not touch files; keep data in state.map"
	adviceCode   = "a script makes no code while it runs; require takes the files beside it"
	adviceThread = "a command runs alone and to its end; use plain functions"
	adviceGlobal = "globals are frozen once the script has loaded"
	adviceLater  = "the language is Lua 5.1"
	adviceFloat  = "its last digits differ between processors"
)

// absent says for names of Lua that are not here what to use instead.
var absent = map[string]string{
	"os": adviceOS, "os.time": adviceTime, "os.date": adviceTime, "os.clock": adviceTime,
	"os.difftime": "subtract the two times", "os.getenv": "pass it as an argument of the command",
	"io": adviceFiles, "dofile": adviceCode, "loadfile": adviceCode,
	"load": adviceCode, "loadstring": adviceCode, "module": adviceCode,
	"package": adviceCode, "string.dump": adviceCode,
	"coroutine": adviceThread, "channel": adviceThread,
	"print": "return what is to be seen, or emit it", "_printregs": "there are no registers to see",
	"debug": adviceGlobal, "_G": adviceGlobal, "_VERSION": "it is Lua 5.1 everywhere",
	"getfenv": adviceGlobal, "setfenv": adviceGlobal, "newproxy": "use setmetatable({}, ...)",
	"collectgarbage": "memory is looked after", "gcinfo": "memory is looked after",
	"xpcall": "use pcall", "math.randomseed": "math.random is seeded from the log entry",
	"math.pow": "use the operator ^", "math.exp": adviceFloat, "math.log": adviceFloat,
	"math.log10": adviceFloat, "math.sin": adviceFloat, "math.cos": adviceFloat,
	"math.tan": adviceFloat, "math.asin": adviceFloat, "math.acos": adviceFloat,
	"math.atan": adviceFloat, "math.atan2": adviceFloat, "math.sinh": adviceFloat,
	"math.cosh": adviceFloat, "math.tanh": adviceFloat, "math.mod": "use math.fmod, or the operator %",
	"table.getn": "use the operator #", "table.setn": "assign nil to what is behind the end",
	"table.foreach": "use pairs", "table.foreachi": "use ipairs", "string.gfind": "use string.gmatch",
	"table.pack": "use {...}", "table.move": adviceLater, "rawlen": adviceLater, "warn": adviceLater,
	"utf8": adviceLater, "bit32": adviceLater, "bit": adviceLater, "_ENV": adviceLater,
	"string.pack": "use msgpack.pack", "string.unpack": "use msgpack.unpack",
	"string.packsize": "use #msgpack.pack(x)", "math.type": adviceLater,
	"math.tointeger": "use math.floor", "math.ult": adviceLater, "math.maxinteger": "it is 2^53",
	"math.mininteger": "it is -2^53", "cjson": "use json", "arg": "use ...",
}
