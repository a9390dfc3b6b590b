package scripting

import (
	"errors"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/sandbox"
)

// The codes of failures that are not the script's own. A script may use BadArguments too.
const (
	UnknownCommand = "unknown_command" // the script has no such command
	UnknownQuery   = "unknown_query"   // the script has no such query
	BadArguments   = "bad_arguments"   // the call cannot be read, or has too many arguments
	Error          = "error"           // an error in the script, with file and line
	Limit          = "limit"           // too many steps, too much memory, or too deep
)

// The bounds of a failure.
const (
	maxCode    = 32
	maxMessage = 1 << 10
)

// errLimit marks errors that are failures of the code Limit.
var errLimit = errors.New("scripting: more than a call may use")

// failed copies what it is told, for it may be part of what the state holds now.
func failed(code, message string) core.Result {
	return core.Result{Failure: &core.Failure{
		Code: strings.Clone(code), Message: strings.Clone(clip(message, maxMessage)),
	}}
}

// failedBy is failed, unless a limit is what failed.
func failedBy(code string, err error) core.Result {
	if errors.Is(err, errLimit) {
		code = Limit
	}
	return failed(code, err.Error())
}

func clip(s string, n int) string { return s[:min(len(s), n)] }

// failure is what a problem of the VM looks like from outside. An error that is a table with a code
// and a message, as fail raises, is the script's own.
func (s *script) failure(p *sandbox.Problem) core.Result {
	if t, ok := p.Object.(*lua.LTable); ok && p.Kind == sandbox.Raised {
		fields, _ := s.vm.Plain(t)
		code, ok1 := fields.RawGetString("code").(lua.LString)
		message, ok2 := fields.RawGetString("message").(lua.LString)
		if ok1 && ok2 && isCode(string(code)) {
			return failed(string(code), string(message))
		}
	}
	if p.Kind == sandbox.Limit {
		return failed(Limit, p.Text())
	}
	return failed(Error, p.Text())
}

// fail is the global function: fail(code, message).
func fail(v *sandbox.VM) int {
	code, ok := v.L.Get(1).(lua.LString)
	if !ok || !isCode(string(code)) {
		v.L.RaiseError("fail: the code must be a name like not_found, of at most %d small letters, "+
			"digits and _, and none of those that Tidelock uses itself", maxCode)
	}
	message, ok := v.L.Get(2).(lua.LString)
	if !ok && v.L.Get(2) != lua.LNil {
		v.L.RaiseError("fail: the message must be a string")
	}
	t := v.L.CreateTable(0, 2)
	t.RawSetString("code", code)
	t.RawSetString("message", message)
	v.L.Error(t, 1)
	return 0
}

// isCode reports whether a script may fail with this code.
func isCode(s string) bool {
	if s == "" || len(s) > maxCode {
		return false
	}
	if s == Error || s == Limit || s == UnknownCommand || s == UnknownQuery {
		return false
	}
	for i, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return true
}
