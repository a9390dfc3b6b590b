package scripting

import (
	"fmt"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/sandbox"
	"github.com/tidelock-raft/tidelock/scripting/state"
	"github.com/tidelock-raft/tidelock/scripting/value"
)

// store is a command whose whole work is collection:set(key, value), or collection:set_all(items).
type store struct {
	number int    // of the collection
	steps  int    // without those of the method
	result []byte // encoded
}

// findStores finds the commands that do nothing but set, or set_all, and return a constant, unless
// the last argument is nil. As they say so themselves, they need no interpreter: see store and
// storeAll. That they come to the same, at the same price, is tested.
func (s *script) findStores() {
	s.stores, s.storesAll = map[string]store{}, map[string]store{}
	methods := map[string]map[string]store{"set 2": s.stores, "set_all 1": s.storesAll}
	for name, f := range s.commands {
		c := sandbox.Stores(f)
		number, ok := s.mapOf(c.Object)
		stores := methods[fmt.Sprint(c.Method, " ", c.Parameters)]
		if !ok || stores == nil {
			continue
		}
		result := s.nothing
		if c.Result != lua.LNil {
			encoded, err := s.encode(nil, c.Result, 0)
			if err != nil {
				continue
			}
			result = encoded
		}
		stores[name] = store{number, c.Steps, result}
	}
}

// store carries out a command that findStores has found. It leaves to the interpreter whatever is
// not the usual: a key that is no short string, a value that is none or long, and a call that does
// not fit.
func (s *script) store(data []byte) (core.Result, bool) {
	c, err := openCall(data)
	if err != nil || c.arguments != 2 {
		return core.Result{}, false
	}
	st, ok := s.stores[text(c.name)]
	if !ok {
		return core.Result{}, false
	}
	key, ok := c.r.Text()
	val := data[c.r.Pos():]
	if !ok || len(val) > maxLookup || !isString(val) {
		return core.Result{}, false
	}
	s.vm.Abandon() // what the call before has used does not count
	s.vm.Take(st.steps+setSteps(len(key), len(val)), len(val))
	s.key = state.StringKey(s.key[:0], key)
	s.write(st.number, s.key, val)
	return core.Result{Value: slices.Clip(st.result)}, true
}

// isString reports whether bytes are one string in its canonical form.
func isString(val []byte) bool {
	r := value.NewReader(val)
	t, err := r.Next()
	return err == nil && t.Kind == value.String && value.Check(val) == nil
}
