package scripting

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/tidelock-raft/tidelock/scripting/sandbox"
	"github.com/tidelock-raft/tidelock/scripting/value"
)

// Codec reads and writes the values of a VM that is no Machine's, such as one that runs tests.
type Codec struct{ s *script }

// ExtendedGlobals are the names that Extend defines.
var ExtendedGlobals = []string{"fail", "json", "msgpack"}

// Extend gives a VM what a Machine's has besides the sandbox and needs no state or log for: fail,
// json and msgpack. It is called before Load.
func Extend(vm *sandbox.VM) *Codec {
	s := &script{vm: vm}
	vm.Define("", map[string]sandbox.Function{"fail": fail})
	s.defineFormats()
	return &Codec{s}
}

// Encode is the canonical form of a value, of package value. An error says why it has none.
func (c *Codec) Encode(v lua.LValue) ([]byte, error) { return c.s.encode(nil, v, 0) }

// Decode makes a value of a canonical form, with which it may share memory.
func (c *Codec) Decode(canonical []byte) (lua.LValue, error) {
	r := value.NewReader(canonical)
	return c.s.decode(&r, 0)
}

// Failure is what a call failed with, as a Machine would report it.
func (c *Codec) Failure(p *sandbox.Problem) string {
	f := c.s.failure(p).Failure
	if f.Code == Error || f.Code == Limit {
		return f.Message
	}
	return f.Error()
}
