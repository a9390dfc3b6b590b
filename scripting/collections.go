package scripting

import (
	"math"

	lua "github.com/yuin/gopher-lua"

	"github.com/tidelock-raft/tidelock/scripting/sandbox"
	"github.com/tidelock-raft/tidelock/scripting/state"
	"github.com/tidelock-raft/tidelock/scripting/value"
)

// handle is what a script holds of a collection.
type handle struct{ number int }

// declarations are the functions of the table state.
func (s *script) declarations() map[string]sandbox.Function {
	maps, values := s.vm.Methods(s.mapMethods()), s.vm.Methods(s.valueMethods())
	return map[string]sandbox.Function{
		"map":   func(v *sandbox.VM) int { return s.declare("map", maps, false) },
		"value": func(v *sandbox.VM) int { return s.declare("value", values, true) },
	}
}

func (s *script) declare(what string, methods *lua.LTable, single bool) int {
	L := s.vm.L
	name, ok := L.Get(1).(lua.LString)
	switch {
	case !s.vm.Loading():
		L.RaiseError("state.%s may be used only while the script loads, outside all functions", what)
	case !ok || !isName(string(name)):
		L.RaiseError("state.%s: the name must be letters, digits, _ or -, at most %d", what,
			state.MaxName)
	case len(s.collections) == state.MaxCollections:
		L.RaiseError("more than %d collections", state.MaxCollections)
	}
	for _, c := range s.collections {
		if c.name == string(name) {
			L.RaiseError("the collection '%s' is declared twice; keep the first in a local", c.name)
		}
	}
	c := collection{name: string(name), single: single, place: L.Where(1)}
	if single && L.Get(2) != lua.LNil {
		c.initial = append([]byte(nil), s.encoded(L.Get(2))...)
	}
	L.Push(&lua.LUserData{Value: handle{len(s.collections)}, Env: L.Env, Metatable: methods})
	s.collections = append(s.collections, c)
	return 1
}

// self returns the collection that a method was called on, when something may be done to it.
func (s *script) self() int {
	if u, ok := s.vm.L.Get(1).(*lua.LUserData); ok {
		if h, ok := u.Value.(handle); ok {
			if s.vm.Loading() {
				s.vm.L.RaiseError("collections are empty while the script loads; use them in commands")
			}
			return h.number
		}
	}
	s.vm.L.RaiseError("call methods with a colon, as in kv:get(key)")
	return 0
}

// keyAt encodes argument i as a key.
func (s *script) keyAt(i int) []byte { return s.encodedKey(s.vm.L.Get(i)) }

// encodedKey encodes a key; good until the next call.
func (s *script) encodedKey(k lua.LValue) []byte {
	s.key = s.appendKey(s.key[:0], k)
	return s.key
}

func (s *script) appendKey(dst []byte, k lua.LValue) []byte {
	switch k := k.(type) {
	case lua.LString:
		if len(k) > value.MaxKey {
			s.vm.L.RaiseError("a key of %d bytes, at most %d are allowed", len(k), value.MaxKey)
		}
		s.vm.Charge(keySteps(len(k)), 0)
		return state.StringKey(dst, string(k))
	case lua.LNumber:
		n, ok := value.Integer(float64(k))
		if !ok {
			s.vm.L.RaiseError("the key %s is not an integer of at most 53 bits", shown(k))
		}
		s.vm.Charge(5, 0)
		return state.IntegerKey(dst, n)
	default:
		s.vm.L.RaiseError("a key must be a string or an integer, not %s", k.Type())
		return nil
	}
}

// encoded encodes a value to be stored; good until the next call.
func (s *script) encoded(v lua.LValue) []byte {
	b, err := s.encode(s.buf[:0], v, 0)
	if err != nil {
		s.vm.L.RaiseError("this value cannot be stored: %s", err)
	}
	s.buf = b
	s.vm.Charge(valueSteps(len(b)), len(b))
	return b
}

// What it takes to look up a key, to encode and store a value, and to set one under the other.
func keySteps(bytes int) int              { return 5 + bytes/32 }
func valueSteps(bytes int) int            { return 5 + bytes/16 }
func setSteps(keyBytes, valBytes int) int { return keySteps(keyBytes) + valueSteps(valBytes) }

// keyOf is a stored key as a Lua value.
func keyOf(key string) lua.LValue {
	str, n, isString := state.SplitKey(key)
	if isString {
		return lua.LString(str)
	}
	return lua.LNumber(n)
}

// stored is a stored value as a Lua value; empty: nil.
func (s *script) stored(val string) lua.LValue {
	if val == "" {
		return lua.LNil
	}
	s.vm.Charge(2+len(val)/32, 16)
	r := value.NewReader(raw(val))
	v, err := s.decode(&r, 0)
	if err != nil {
		s.vm.L.RaiseError("%s", err)
	}
	return v
}

// write stores a value; empty: it deletes.
func (s *script) write(number int, key, val []byte) {
	s.mayWrite()
	s.space.Set(number, key, val)
	s.wrote = true
}

func (s *script) mayWrite() {
	if s.space == nil {
		s.vm.L.RaiseError("a query must not write; make it a command")
	}
}

func (s *script) mapMethods() map[string]sandbox.Function {
	return map[string]sandbox.Function{
		"get": func(v *sandbox.VM) int {
			val, _ := s.view.Get(s.self(), s.keyAt(2))
			v.L.Push(s.stored(val))
			return 1
		},
		"has": func(v *sandbox.VM) int {
			_, ok := s.view.Get(s.self(), s.keyAt(2))
			v.L.Push(lua.LBool(ok))
			return 1
		},
		"set": func(v *sandbox.VM) int {
			number, key := s.self(), s.keyAt(2)
			if v.L.Get(3) == lua.LNil {
				s.write(number, key, nil)
			} else {
				s.write(number, key, s.encoded(v.L.Get(3)))
			}
			return 0
		},
		"set_all": func(v *sandbox.VM) int { return s.setAll() },
		"delete": func(v *sandbox.VM) int {
			s.write(s.self(), s.keyAt(2), nil)
			return 0
		},
		"len": func(v *sandbox.VM) int {
			v.L.Push(lua.LNumber(s.view.Len(s.self())))
			return 1
		},
		"first": func(v *sandbox.VM) int {
			s.page = s.view.Page(s.page[:0], s.self(), "", "", 1)
			return s.pushFirst(s.page)
		},
		"last": func(v *sandbox.VM) int {
			p, ok := s.view.Last(s.self())
			if s.page = s.page[:0]; ok {
				s.page = append(s.page, p)
			}
			return s.pushFirst(s.page)
		},
		"range": func(v *sandbox.VM) int { return s.list(true) },
		"keys":  func(v *sandbox.VM) int { return s.list(false) },
		"pairs": func(v *sandbox.VM) int { return s.pairs() },
	}
}

// setAll sets every key of a table to what the table has for it.
func (s *script) setAll() int {
	number, v := s.self(), s.vm
	t, ok := v.L.Get(2).(*lua.LTable)
	if !ok {
		v.L.RaiseError("set_all takes a table from keys to values, not %s", v.L.Get(2).Type())
	}
	items, plain := v.Plain(t)
	if !plain {
		v.L.RaiseError("set_all takes a table without a metatable")
	}
	s.mayWrite()
	v.Charge(sandbox.Passing(items), 0)
	for k, val := items.Next(lua.LNil); k != lua.LNil; k, val = items.Next(k) {
		s.write(number, s.encodedKey(k), s.encoded(val))
	}
	return 0
}

func (s *script) pushFirst(page []state.Pair) int {
	s.vm.Charge(10, 0)
	if len(page) == 0 {
		s.vm.L.Push(lua.LNil)
		return 1
	}
	s.vm.L.Push(keyOf(page[0].Key))
	s.vm.L.Push(s.stored(page[0].Val))
	return 2
}

// span reads the arguments lo and hi, which may be missing.
func (s *script) span() (lo, hi string) {
	if s.vm.L.Get(2) != lua.LNil {
		lo = string(s.keyAt(2))
	}
	if s.vm.L.Get(3) != lua.LNil {
		hi = string(s.keyAt(3))
	}
	return lo, hi
}

// pageSize is how many pairs are fetched at a time.
const pageSize = 64

// list returns an array of the keys of a range, or of {key, value}.
func (s *script) list(values bool) int {
	number := s.self()
	lo, hi := s.span()
	limit := s.vm.Integer(4, math.MaxInt32)
	all := s.vm.L.CreateTable(0, 0)
	for limit > 0 {
		page := s.view.Page(s.page[:0], number, lo, hi, min(limit, pageSize))
		s.page = page
		for _, p := range page {
			s.vm.Charge(4, arrayCost+len(p.Key))
			item := keyOf(p.Key)
			if values {
				pair := s.vm.L.CreateTable(2, 0)
				pair.RawSetInt(1, item)
				pair.RawSetInt(2, s.stored(p.Val))
				s.vm.Charge(4, 128)
				item = pair
			}
			all.Append(item)
		}
		if len(page) < min(limit, pageSize) {
			break
		}
		limit -= len(page)
		lo = page[len(page)-1].Key + "\x00"
	}
	s.vm.L.Push(all)
	return 1
}

// pairs returns an iterator over a range as it is now: writes made meanwhile do not show in it.
func (s *script) pairs() int {
	number := s.self()
	lo, hi := s.span()
	view := s.loop()
	var page []state.Pair
	next, more := 0, true
	s.vm.L.Push(s.vm.L.NewFunction(func(L *lua.LState) int {
		if next == len(page) && more {
			page = view.Page(page[:0], number, lo, hi, pageSize)
			next, more = 0, len(page) == pageSize
			if more {
				lo = page[pageSize-1].Key + "\x00"
			}
		}
		if next == len(page) {
			L.Push(lua.LNil)
			return 1
		}
		next++
		s.vm.Charge(4, 32)
		L.Push(keyOf(page[next-1].Key))
		L.Push(s.stored(page[next-1].Val))
		return 2
	}))
	return 1
}

// loop returns a view that stays as it is until the call ends.
func (s *script) loop() *state.View {
	if s.space == nil {
		return s.view
	}
	if n := len(s.loops); n == 0 || s.wrote {
		if n == maxIterations {
			s.vm.L.RaiseError("more than %d loops over collections with writes between them", maxIterations)
		}
		s.loops, s.wrote = append(s.loops, s.space.View()), false
	}
	return s.loops[len(s.loops)-1]
}

func (s *script) valueMethods() map[string]sandbox.Function {
	return map[string]sandbox.Function{
		"get": func(v *sandbox.VM) int {
			val, _ := s.view.Get(s.self(), s.single)
			v.L.Push(s.stored(val))
			return 1
		},
		"set": func(v *sandbox.VM) int {
			number := s.self()
			if v.L.Get(2) == lua.LNil {
				s.write(number, s.single, nil)
			} else {
				s.write(number, s.single, s.encoded(v.L.Get(2)))
			}
			return 0
		},
	}
}
