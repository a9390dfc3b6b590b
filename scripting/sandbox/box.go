package sandbox

import (
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// stringsAtOnce is how many strings share an allocation, and are kept while one of them is.
const stringsAtOnce = 16

// Strings makes strings of Lua. Each is a Go string behind an interface, and would cost an
// allocation of its own for that.
type Strings struct{ room []lua.LString }

// Make returns text as a string of Lua.
func (s *Strings) Make(text string) lua.LValue {
	if len(s.room) == 0 {
		s.room = make([]lua.LString, stringsAtOnce)
	}
	place := &s.room[0]
	s.room = s.room[1:]
	*place = lua.LString(text)
	var v lua.LValue = lua.LString("")
	(*[2]unsafe.Pointer)(unsafe.Pointer(&v))[1] = unsafe.Pointer(place) // type, and where it is
	return v
}
