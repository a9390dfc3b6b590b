package sandbox

import (
	"fmt"
	"reflect"
	"slices"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// What gopher-lua keeps to itself and the meter must see: which instruction comes next, and how
// large a table has become. These mirror its types; nothing is ever written through them, but for
// openUpvalues. SelfTest compares them with the library that is linked.
type (
	frame struct {
		Idx                                                    int
		Fn                                                     *lua.LFunction
		Parent                                                 unsafe.Pointer
		Pc, Base, LocalBase, ReturnBase, NArgs, NRet, TailCall int
	}
	table struct {
		Metatable lua.LValue
		array     []lua.LValue
		dict      map[lua.LValue]lua.LValue
		strdict   map[string]lua.LValue
		keys      []lua.LValue       // by age, with those that are gone
		k2i       map[lua.LValue]int // where in keys
	}
)

// currentFrame returns the place where L keeps the frame of the function that runs.
func currentFrame(L *lua.LState) **frame {
	field, _ := reflect.TypeFor[lua.LState]().FieldByName("currentFrame")
	return (**frame)(unsafe.Add(unsafe.Pointer(L), field.Offset))
}

// openUpvalues returns the place where L keeps the list of captured variables that still live in
// the registers of functions that run.
func openUpvalues(L *lua.LState) **lua.Upvalue {
	field, _ := reflect.TypeFor[lua.LState]().FieldByName("uvcache")
	return (**lua.Upvalue)(unsafe.Add(unsafe.Pointer(L), field.Offset))
}

func inside(t *lua.LTable) *table { return (*table)(unsafe.Pointer(t)) }

// sameLayout says whether a mirror is like what it mirrors: names, kinds and places of all fields.
func sameLayout(mirror, real reflect.Type) error {
	shape := func(t reflect.Type) (fields []string) {
		for f := range t.Fields() {
			kind := f.Type.Kind()
			if kind == reflect.Pointer {
				kind = reflect.UnsafePointer
			}
			fields = append(fields, fmt.Sprint(f.Name, " ", kind, " ", f.Offset))
		}
		return fields
	}
	if got, want := shape(real), shape(mirror); !slices.Equal(got, want) {
		return fmt.Errorf("%s of gopher-lua has fields %q, want %q", real.Name(), got, want)
	}
	return nil
}

// place is where key stands in the order of next, or before it all if it is nil.
func (t *table) place(key lua.LValue) int {
	if n, ok := key.(lua.LNumber); ok && isArrayKey(n) && int(n) <= len(t.array) {
		return int(n) - 1
	}
	if key == lua.LNil {
		return -1
	}
	return len(t.array) + t.k2i[key]
}

// Passing is how many steps it takes to go over all of t, empty places and keys that are gone
// included.
func Passing(t *lua.LTable) (steps int) {
	in := inside(t)
	return (len(in.array) + len(in.keys)) / stepItems
}

// tail is how many places at the end of the array are empty: the VM looks at each to tell a length.
func (t *table) tail() (n int) {
	for i := len(t.array) - 1; i >= 0 && t.array[i] == lua.LNil; i-- {
		n++
	}
	return n
}

// isArrayKey reports whether the VM keeps n in an array.
func isArrayKey(n lua.LNumber) bool {
	return n >= 1 && n < lua.LNumber(lua.MaxArrayIndex) && n == lua.LNumber(int(n))
}
