package scripting

import (
	"bytes"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/sandbox"
	"github.com/tidelock-raft/tidelock/scripting/state"
	"github.com/tidelock-raft/tidelock/scripting/value"
)

// globals are the names that a script has besides the libraries of the sandbox.
var globals = []string{"ctx", "emit", "fail", "json", "msgpack", "state", "timer"}

// maxIterations is how many loops over collections one command may begin, writes between them.
const maxIterations = 1 << 10

// script is a loaded program: an interpreter and what the program told about itself.
type script struct {
	vm                *sandbox.VM
	name              string
	version           int
	collections       []collection
	commands, queries map[string]*lua.LFunction
	lookups           map[string]int    // of queries: see findLookups
	stores, storesAll map[string]*store // of commands: see findStores
	invariant         *lua.LFunction
	migrate, revert   *lua.LFunction // take a version; revert is called rollback by scripts

	view    *state.View  // what is read
	space   *state.Space // what is written; nil: nothing may be
	entry   *core.Entry  // the command; nil: it is a query
	effects *effects     // of the command; nil: it may have none
	loops   []*state.View
	wrote   bool // since the last of loops was made
	strings sandbox.Strings
	key     []byte
	buf     []byte
	items   []item // of the command; see storeAll
	page    []state.Pair

	single  []byte // the key under which a state.value stands
	nothing []byte // the result of a call that returns nothing
	last    []byte // the result before this one; read-only
	room    []byte // for results of lookups
}

// collection is a declared state.map or state.value.
type collection struct {
	name    string
	single  bool   // it is a state.value
	initial []byte // of a state.value; empty: nil
	place   string // file:line: of its declaration
}

// load runs a program in a new interpreter. Every error is a *ScriptError, or several.
func load(p *sandbox.Program) (*script, error) {
	s := newScript()
	result, err := s.vm.Load(p)
	if result == nil {
		return nil, err
	}
	err = sandbox.Join(append(sandbox.Problems(err), sandbox.Problems(s.define(p, result))...))
	if err == nil {
		s.findLookups()
		s.findStores()
	}
	return s, err
}

// newScript makes an interpreter that has not loaded anything.
func newScript() *script {
	s := &script{
		vm: sandbox.New(), single: state.StringKey(nil, ""), nothing: value.AppendNil(nil),
	}
	s.vm.Mark, s.vm.Rollback = s.mark, s.rollback
	s.vm.Define("", map[string]sandbox.Function{"fail": fail, "emit": s.emitted})
	s.vm.Define("timer", s.timerFunctions())
	s.vm.Define("ctx", s.context())
	s.defineFormats()
	s.vm.Define("state", s.declarations())
	return s
}

// newSpace makes the state that a cluster begins with.
func (s *script) newSpace() *state.Space {
	space := state.New(s.names())
	for i, c := range s.collections {
		space.Set(i, s.single, c.initial)
	}
	space.Commit()
	return space
}

// define reads the table that the script returned.
func (s *script) define(p *sandbox.Program, result lua.LValue) error {
	t, ok := result.(*lua.LTable)
	if !ok {
		return p.Refuse("the script returns %s; it must return a table like "+
			"{name = ..., version = 1, commands = {...}, queries = {...}}", article(result))
	}
	fields, _ := s.vm.Plain(t)
	var problems []*ScriptError
	refuse := func(err error) { problems = append(problems, sandbox.Problems(err)...) }
	for k, v := fields.Next(lua.LNil); k != lua.LNil; k, v = fields.Next(k) {
		refuse(s.field(p, k, v))
	}
	missing := func(field string) bool { return fields.RawGetString(field) == lua.LNil }
	if missing("name") {
		refuse(p.Refuse("the returned table has no name; add name = \"...\""))
	}
	if missing("version") {
		refuse(p.Refuse("the returned table has no version; add version = 1"))
	}
	if missing("commands") || s.commands != nil && len(s.commands) == 0 {
		refuse(p.Refuse("the returned table has no commands; " +
			"add commands = {name = function(...) ... end}"))
	}
	return sandbox.Join(problems)
}

func (s *script) field(p *sandbox.Program, k, v lua.LValue) (err error) {
	switch k {
	case lua.LString("name"):
		name, ok := v.(lua.LString)
		if !ok || !isName(string(name)) {
			return p.Refuse("name must be letters, digits, _ or -, at most %d", state.MaxName)
		}
		s.name = string(name)
	case lua.LString("version"):
		n, ok := v.(lua.LNumber)
		if s.version = int(n); !ok || lua.LNumber(s.version) != n || n < 1 || n > 1<<31 {
			return p.Refuse("version must be an integer from 1 on")
		}
	case lua.LString("commands"):
		s.commands, err = s.handlers(p, "commands", v)
	case lua.LString("queries"):
		s.queries, err = s.handlers(p, "queries", v)
	case lua.LString("limits"):
		err = s.setLimits(p, v)
	case lua.LString("invariant"):
		s.invariant, err = handler(p, "invariant", v)
	case lua.LString("migrate"):
		s.migrate, err = handler(p, "migrate", v)
	case lua.LString("rollback"):
		s.revert, err = handler(p, "rollback", v)
	default:
		return p.Refuse("the returned table has a field '%s'; there are name, version, commands, "+
			"queries, limits, invariant, migrate and rollback", shown(k))
	}
	return err
}

// handlers reads a table of functions.
func (s *script) handlers(
	p *sandbox.Program, field string, v lua.LValue,
) (map[string]*lua.LFunction, error) {
	t, ok := v.(*lua.LTable)
	if !ok {
		return nil, p.Refuse("%s is %s; it must be a table of functions", field, article(v))
	}
	named, problems := map[string]*lua.LFunction{}, []*ScriptError(nil)
	fields, _ := s.vm.Plain(t)
	for k, v := fields.Next(lua.LNil); k != lua.LNil; k, v = fields.Next(k) {
		name, ok := k.(lua.LString)
		if !ok || !isName(string(name)) {
			err := p.Refuse("%s has a field '%s'; names are letters, digits, _ or -, at most %d",
				field, shown(k), state.MaxName)
			problems = append(problems, sandbox.Problems(err)...)
			continue
		}
		f, err := handler(p, field+"."+string(name), v)
		problems = append(problems, sandbox.Problems(err)...)
		named[string(name)] = f
	}
	if len(problems) > 0 {
		return nil, sandbox.Join(problems)
	}
	return named, nil
}

func handler(p *sandbox.Program, field string, v lua.LValue) (*lua.LFunction, error) {
	f, ok := v.(*lua.LFunction)
	if !ok || f.IsG {
		return nil, p.Refuse("%s is %s; it must be a function of the script", field, article(v))
	}
	return f, nil
}

// isName reports whether a machine, a command or a collection may be called so.
func isName(s string) bool {
	letters := "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
	return s != "" && len(s) <= state.MaxName && strings.Trim(s, letters) == ""
}

func article(v lua.LValue) string {
	switch v.(type) {
	case *lua.LNilType:
		return "nothing"
	case *lua.LFunction:
		return "a built-in function"
	}
	return "a " + v.Type().String()
}

// shown is a key for messages.
func shown(k lua.LValue) string {
	switch k := k.(type) {
	case lua.LString:
		return string(k[:min(len(k), state.MaxName)])
	case lua.LNumber:
		return sandbox.FormatNumber(float64(k))
	}
	return k.Type().String()
}

// context is what a command may know about its entry.
func (s *script) context() map[string]sandbox.Function {
	of := func(name string, read func(e *core.Entry) lua.LValue) sandbox.Function {
		return func(v *sandbox.VM) int {
			if s.entry == nil {
				v.L.RaiseError("ctx.%s may be used in commands only; "+
					"store it in a command, or pass it as an argument", name)
			}
			v.L.Push(read(s.entry))
			return 1
		}
	}
	return map[string]sandbox.Function{
		"index": of("index", func(e *core.Entry) lua.LValue { return lua.LNumber(e.Index) }),
		"term":  of("term", func(e *core.Entry) lua.LValue { return lua.LNumber(e.Term) }),
		"time":  of("time", func(e *core.Entry) lua.LValue { return lua.LNumber(e.Time / 1e6) }),
		"client": of("client", func(e *core.Entry) lua.LValue {
			if e.Client == 0 {
				return lua.LNil
			}
			return lua.LNumber(e.Client)
		}),
	}
}

// query answers a request from a view.
func (s *script) query(v *state.View, request []byte) core.Result {
	s.entry, s.space, s.view = nil, nil, v
	s.vm.Seed(0, false)
	c, err := openCall(request)
	return s.answer(s.queries, UnknownQuery, c, err)
}

// run calls a function without arguments as a query.
func (s *script) run(v *state.View, f *lua.LFunction) core.Result {
	s.entry, s.space, s.view = nil, nil, v
	s.vm.Seed(0, false)
	s.vm.Begin(f)
	return s.finish("invariant", 0)
}

// answer makes a call that openCall has opened, and encodes what comes of it.
func (s *script) answer(
	handlers map[string]*lua.LFunction, unknown string, c call, err error,
) core.Result {
	s.vm.Abandon() // so that a call that is not made takes nothing
	if err != nil {
		return failed(BadArguments, err.Error())
	}
	f := handlers[text(c.name)]
	switch {
	case s.commands == nil:
		return noScript()
	case f == nil:
		return failed(unknown,
			fmt.Sprintf("%s has no '%s'", s.name, clip(string(c.name), state.MaxName)))
	}
	if most := int(f.Proto.NumParameters); c.arguments > most && f.Proto.IsVarArg == 0 {
		return failed(BadArguments,
			fmt.Sprintf("%s takes %d arguments, got %d", c.name, most, c.arguments))
	}
	s.vm.Begin(f)
	for range c.arguments {
		v, err := s.decode(&c.r, 0)
		if err != nil {
			s.vm.Abandon()
			return failedBy(BadArguments, err)
		}
		s.vm.L.Push(v)
	}
	if c.r.More() {
		s.vm.Abandon()
		return failed(BadArguments, "bytes behind the call")
	}
	return s.finish(text(c.name), c.arguments)
}

// finish makes the call that was begun.
func (s *script) finish(name string, arguments int) core.Result {
	v, problem := s.vm.Run(arguments)
	if problem != nil {
		return s.failure(problem)
	}
	if v == lua.LNil {
		return core.Result{Value: s.nothing}
	}
	encoded, err := s.encode(s.buf[:0], v, 0)
	if err != nil {
		return failedBy(Error, fmt.Errorf("the result of %s: %w", name, err))
	}
	s.buf = encoded
	if !bytes.Equal(encoded, s.last) { // most results are like the one before: OK, true, null
		s.last = append([]byte(nil), encoded...)
	}
	return core.Result{Value: s.last}
}

// release ends the loops of a command.
func (s *script) release() {
	for _, v := range s.loops {
		v.Release()
	}
	clear(s.loops)
	s.loops, s.wrote = s.loops[:0], false
}
