package scripting

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/sandbox"
	"github.com/tidelock-raft/tidelock/scripting/value"
)

// The bounds of what a lookup is done for: within them no limit of a script can be passed.
const (
	maxLookup = 8 << 10 // bytes of the value
	roomBytes = 4 << 10 // of the blocks that small values share
)

// findLookups finds the queries whose whole work is return collection:get(key). As they say so
// themselves, on views they need no interpreter: see lookup.
func (s *script) findLookups() {
	s.lookups = map[string]int{}
	for name, f := range s.queries {
		object, method := sandbox.Passes(f)
		if number, ok := s.mapOf(object); ok && method == "get" {
			s.lookups[name] = number
		}
	}
}

// mapOf is the number of the state.map that a value is, if it is one.
func (s *script) mapOf(v lua.LValue) (number int, ok bool) {
	u, ok := v.(*lua.LUserData)
	if !ok {
		return 0, false
	}
	h, ok := u.Value.(handle)
	return h.number, ok && !s.collections[h.number].single
}

// lookup takes a query apart that findLookups has found. It leaves to the interpreter whatever is
// not the usual: a key that is no short string, or a call that does not fit.
func (s *script) lookup(request []byte) (number int, key []byte, ok bool) {
	c, err := openCall(request)
	if err != nil || c.arguments != 1 {
		return 0, nil, false
	}
	if number, ok = s.lookups[string(c.name)]; ok {
		key, ok = c.r.Text()
	}
	return number, key, ok && !c.r.More()
}

// found is what the query answers when this is what stands there. It leaves tables to the
// interpreter, and long values.
func (s *script) found(val string) (core.Result, bool) {
	if val == "" {
		return core.Result{Value: s.nothing}, true
	}
	r := value.NewReader(raw(val))
	if t, err := r.Next(); err != nil || t.Kind > value.String || len(val) > maxLookup {
		return core.Result{}, false
	}
	return core.Result{Value: s.keep(val)}, true
}

// keep copies bytes to where they stay. Small ones share blocks, which stay as long as any of them.
func (s *script) keep(val string) []byte {
	if len(val) > roomBytes/8 {
		return []byte(val)
	}
	if len(val) > cap(s.room)-len(s.room) {
		s.room = make([]byte, 0, roomBytes)
	}
	from := len(s.room)
	s.room = append(s.room, val...)
	return s.room[from:len(s.room):len(s.room)]
}
