package sandbox

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"
)

// frozen is a table that can only be read. The table that scripts hold becomes an empty shell, and
// its contents move to a table that no script ever gets hold of; the shell's metatable leads reads
// there and refuses writes. Whatever the script had as a metatable goes on to work.
type frozen struct {
	contents *lua.LTable
	meta     lua.LValue // the metatable as scripts see it
}

// Plain returns the table that holds what t seems to hold, which is t itself unless t is frozen. It
// reports false for a table to which the script gave a metatable.
func (v *VM) Plain(t *lua.LTable) (contents *lua.LTable, ok bool) {
	return v.contents(t), v.metatable(t) == lua.LNil
}

// contents returns the table that holds what t seems to hold.
func (v *VM) contents(t *lua.LTable) *lua.LTable {
	if t.Metatable == lua.LNil {
		return t
	}
	if f := v.frozen[t]; f != nil {
		return f.contents
	}
	return t
}

// isFrozen reports whether t can only be read.
func (v *VM) isFrozen(t *lua.LTable) bool { return t.Metatable != lua.LNil && v.frozen[t] != nil }

// metatable returns the metatable of t as scripts see it.
func (v *VM) metatable(t *lua.LTable) lua.LValue {
	if t.Metatable == lua.LNil {
		return lua.LNil
	}
	if f := v.frozen[t]; f != nil {
		return f.meta
	}
	if shell := v.shells[t.Metatable.(*lua.LTable)]; shell != nil {
		return shell
	}
	return t.Metatable
}

// freeze makes everything that outlives the load unchangeable, or says why it cannot.
func (v *VM) freeze(result lua.LValue) error {
	w := walk{seen: map[lua.LValue]bool{}, assigns: map[*lua.FunctionProto][]int{}}
	for _, root := range []lua.LValue{v.globals, result} {
		w.value(root)
	}
	v.handles = w.handles
	if len(w.problems) > 0 {
		return Join(w.problems)
	}
	for _, t := range w.tables {
		if t != v.globals { // its names cannot be assigned: Compile saw to that
			v.shell(t)
		}
	}
	for _, t := range w.tables {
		v.lead(t)
	}
	v.openStrings()
	return nil
}

// shell moves the contents of t away.
func (v *VM) shell(t *lua.LTable) {
	f := &frozen{contents: new(lua.LTable), meta: t.Metatable}
	*f.contents = *t
	f.contents.Metatable = lua.LNil
	*t = lua.LTable{Metatable: lua.LNil}
	v.frozen[t], v.shells[f.contents] = f, t
}

// lead gives a shell its metatable: the script's own, with reading and writing replaced.
func (v *VM) lead(t *lua.LTable) {
	f := v.frozen[t]
	if f == nil {
		return
	}
	lead, index, newindex := new(lua.LTable), lua.LNil, lua.LNil
	lead.Metatable = lua.LNil
	if own, ok := f.meta.(*lua.LTable); ok {
		own = v.frozen[own].contents
		for k, e := own.Next(lua.LNil); k != lua.LNil; k, e = own.Next(k) {
			lead.RawSet(k, e)
		}
		index, newindex = own.RawGetString("__index"), own.RawGetString("__newindex")
	}
	lead.RawSetString("__index", f.contents)
	if index != lua.LNil {
		lead.RawSetString("__index", v.L.NewFunction(func(L *lua.LState) int {
			if e := f.contents.RawGet(L.Get(2)); e != lua.LNil {
				L.Push(e)
				return 1
			}
			if _, ok := index.(*lua.LFunction); !ok {
				L.Push(L.GetTable(index, L.Get(2)))
				return 1
			}
			L.Insert(index, 1)
			L.Call(2, 1)
			return 1
		}))
	}
	lead.RawSetString("__newindex", v.L.NewFunction(func(L *lua.LState) int {
		if newindex.Type() != lua.LTFunction || f.contents.RawGet(L.Get(2)) != lua.LNil {
			v.raiseFrozen()
		}
		L.Insert(newindex, 1)
		L.Call(3, 0)
		return 0
	}))
	if lead.RawGetString("__len") == lua.LNil {
		lead.RawSetString("__len", v.L.NewFunction(func(L *lua.LState) int {
			L.Push(lua.LNumber(v.length(f.contents)))
			return 1
		}))
	}
	t.Metatable = lead
}

func (v *VM) raiseFrozen() {
	v.L.RaiseError("attempt to change a table that was made while the script loaded; " +
		"it is read-only now: keep what must last in state.map")
}

// walk finds everything that outlives the load.
type walk struct {
	seen     map[lua.LValue]bool
	tables   []*lua.LTable
	handles  []*lua.LUserData
	assigns  map[*lua.FunctionProto][]int
	problems []*ScriptError
}

func (w *walk) value(value lua.LValue) {
	switch x := value.(type) {
	case *lua.LTable:
		if w.seen[x] {
			return
		}
		w.seen[x] = true
		w.tables = append(w.tables, x)
		w.value(x.Metatable)
		for k, e := x.Next(lua.LNil); k != lua.LNil; k, e = x.Next(k) {
			w.value(k)
			w.value(e)
		}
	case *lua.LUserData:
		w.handles = append(w.handles, x)
	case *lua.LFunction:
		if !w.seen[x] && !x.IsG {
			w.seen[x] = true
			w.function(x)
		}
	}
}

func (w *walk) function(f *lua.LFunction) {
	for i, line := range w.assigned(f.Proto) {
		if line > 0 {
			w.problems = append(w.problems, &ScriptError{f.Proto.SourceName, line, fmt.Sprintf(
				"assignment to '%s', a variable from outside the function that would outlive the "+
					"command; keep what must last in state.map or state.value", f.Proto.DbgUpvalues[i])})
		}
	}
	for _, upvalue := range f.Upvalues {
		w.value(upvalue.Value())
	}
}

// assigned tells for each variable that f captures at which line f, or a function within it,
// assigns it; zero: nowhere.
func (w *walk) assigned(f *lua.FunctionProto) []int {
	if known, ok := w.assigns[f]; ok {
		return known
	}
	lines := make([]int, f.NumUpvalues)
	w.assigns[f] = lines
	eachInstruction(f, func(pc int, inst uint32) {
		switch opcode(inst) {
		case lua.OP_SETUPVAL:
			lines[argB(inst)] = f.DbgSourcePositions[pc]
		case lua.OP_CLOSURE:
			for i, line := range w.assigned(f.FunctionPrototypes[argBx(inst)]) {
				if capture := f.Code[pc+1+i]; line > 0 && opcode(capture) == lua.OP_GETUPVAL {
					lines[argB(capture)] = line
				}
			}
		}
	})
	return lines
}
