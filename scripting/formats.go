package scripting

import (
	"errors"
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/tidelock-raft/tidelock/scripting/sandbox"
	"github.com/tidelock-raft/tidelock/scripting/value"
)

// defineFormats defines json.encode and json.decode, msgpack.pack and msgpack.unpack: values as
// text or bytes and back. What is written is canonical: equal values give equal strings on every
// node.
func (s *script) defineFormats() {
	s.vm.Define("json", map[string]sandbox.Function{
		"encode": s.writes("json.encode", func(canonical []byte) ([]byte, error) {
			r := value.NewReader(canonical)
			return appendJSON(nil, &r)
		}),
		"decode": s.reads("json.decode", s.decodeJSON),
	})
	s.vm.Define("msgpack", map[string]sandbox.Function{
		"pack": s.writes("msgpack.pack", func(b []byte) ([]byte, error) { return b, nil }),
		"unpack": s.reads("msgpack.unpack", func(source string) (lua.LValue, error) {
			r := value.NewReader(raw(source))
			v, err := s.decode(&r, 0)
			if err == nil && r.More() {
				err = errors.New("there are bytes behind the value")
			}
			return v, err
		}),
	})
}

// writes makes a library function that writes its argument as a string.
func (s *script) writes(
	name string, write func(canonical []byte) ([]byte, error),
) sandbox.Function {
	return func(v *sandbox.VM) int {
		canonical, err := s.encode(s.buf[:0], v.L.Get(1), 0)
		if err != nil {
			v.L.RaiseError("%s: %s", name, err)
		}
		s.buf = canonical
		v.Charge(len(canonical)/4, 2*len(canonical))
		written, err := write(canonical)
		if err == nil && len(written) > value.MaxSize {
			err = errSize
		}
		if err != nil {
			v.L.RaiseError("%s: %s", name, err)
		}
		v.Charge(len(written)/32, 2*len(written))
		v.L.Push(lua.LString(written))
		return 1
	}
}

// reads makes a library function that reads the string that is its argument.
func (s *script) reads(name string, read func(source string) (lua.LValue, error)) sandbox.Function {
	return func(v *sandbox.VM) int {
		source, ok := v.L.Get(1).(lua.LString)
		if !ok {
			v.L.RaiseError("%s: the argument must be a string, not %s", name, v.L.Get(1).Type())
		}
		if len(source) > value.MaxSize {
			v.L.RaiseError("%s: %s", name, errSize)
		}
		v.Charge(len(source)/4, 64)
		x, err := read(string(source))
		if err != nil {
			v.L.RaiseError("%s: %s", name, err)
		}
		v.L.Push(x)
		return 1
	}
}

// errKey is why a table cannot be an object.
func errKey(n float64) error {
	return fmt.Errorf("a key is the number %s; the keys of an object are strings, and those of an "+
		"array 1 to n", sandbox.FormatNumber(n))
}
