package scripting

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/tidelock-raft/tidelock/scripting/sandbox"
)

// Spent returns how many steps, and how many bytes of memory, the last command or query took that
// was not asked of a view.
func (m *Machine) Spent() (steps, bytes int64) { return m.spent.Steps, m.spent.Bytes }

// setLimits reads what the script says about its calls: limits = {steps = ..., bytes = ...}, of
// which either may be left out. Limits decide which commands fail. They come with the script, so
// that every node has the same.
func (s *script) setLimits(p *sandbox.Program, v lua.LValue) error {
	t, ok := v.(*lua.LTable)
	if !ok {
		return p.Refuse("limits is %s; it must be a table like {steps = %d, bytes = %d}", article(v),
			int64(sandbox.DefaultSteps), int64(sandbox.DefaultBytes))
	}
	limits := sandbox.Defaults()
	fields, _ := s.vm.Plain(t)
	for k, v := fields.Next(lua.LNil); k != lua.LNil; k, v = fields.Next(k) {
		field := map[lua.LValue]*int64{
			lua.LString("steps"): &limits.Steps, lua.LString("bytes"): &limits.Bytes,
		}[k]
		n, ok := v.(lua.LNumber)
		if field == nil || !ok || n != lua.LNumber(int64(n)) {
			return p.Refuse("limits.%s must be an integer; there are steps and bytes", shown(k))
		}
		*field = int64(n)
	}
	if err := limits.Validate(); err != nil {
		return p.Refuse("limits: %v", err)
	}
	s.vm.Limit(limits)
	return nil
}
