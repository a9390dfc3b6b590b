package luatest

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
	"github.com/tidelock-raft/tidelock/scripting/sandbox"
	"github.com/tidelock-raft/tidelock/scripting/value"
)

// Failure is why a test failed, or a workload.
type Failure struct {
	Place   string // file:line
	Message string
}

// Error reads file:line: message.
func (f *Failure) Error() string { return f.Place + ": " + f.Message }

// placed finds the place at the front of a message of the interpreter.
var placed = regexp.MustCompile(`^([^\s:]+\.lua:\d+):? ((?s:.*))$`)

// failure makes a Failure of what ended a call of a function that begins at a line.
func (s *suite) failure(f *File, p *sandbox.Problem, line int) *Failure {
	text := s.codec.Failure(p)
	rest, ok := strings.CutPrefix(text, f.Path) // which may have blanks
	if parts := placed.FindStringSubmatch("_test.lua" + rest); ok && parts != nil {
		return &Failure{f.Path + strings.TrimPrefix(parts[1], "_test.lua"), parts[2]}
	}
	if parts := placed.FindStringSubmatch(text); parts != nil {
		return &Failure{parts[1], parts[2]}
	}
	return &Failure{fmt.Sprintf("%s:%d", f.Path, line), text}
}

// run is a test under way.
type run struct {
	*suite
	*world
	t        *lua.LUserData
	commands []string
}

// Run runs a test of the file, with a fresh machine; a test that fails is a *Failure. What it
// prints goes to print, line by line, unless that is nil.
func (f *File) Run(test Test, print func(line string)) error {
	s, err := f.open()
	if err != nil {
		return err
	}
	function := s.tests[test.Name]
	if function == nil {
		return fmt.Errorf("%s has no test '%s'", f.Path, test.Name)
	}
	w, err := newWorld(f.Machine)
	if err != nil {
		return err
	}
	s.print = print
	r := &run{suite: s, world: w, commands: w.machine.Commands()}
	defer func() { r.close() }()
	r.t = &lua.LUserData{Metatable: s.vm.Methods(r.methods()), Env: s.vm.L.Env}
	s.vm.Begin(function)
	s.vm.Seed(1, true)
	s.vm.L.Push(r.t)
	if _, problem := s.vm.Run(1); problem != nil {
		return s.failure(f, problem, test.Line)
	}
	return nil
}

// What the work of a machine costs a test, in steps of its own.
const (
	entrySteps   = 100
	restoreSteps = 10_000
)

// methods are what a test has in its t. They may be called with a dot or with a colon.
func (r *run) methods() map[string]sandbox.Function {
	methods := map[string]sandbox.Function{}
	for name, f := range map[string]func() int{
		"call": r.call, "query": r.query, "fails": r.fails,
		"equal": r.equal, "check": r.check, "as": r.as,
		"advance": r.advances, "time": r.time, "events": r.listEvents, "restore": r.restores,
	} {
		methods[name] = func(v *sandbox.VM) int {
			if v.L.Get(1) == r.t {
				v.L.Remove(1)
			}
			v.Charge(entrySteps, 0)
			return f()
		}
	}
	return methods
}

func (r *run) raise(format string, args ...any) { r.vm.L.RaiseError(format, args...) }

// call is t.call(command, ...), which returns what the command returns.
func (r *run) call() int {
	name, args := r.request(1)
	return r.answer(name, args, r.command(name, args))
}

// query is t.query(name, ...), which returns what the query returns.
func (r *run) query() int {
	name, args := r.request(1)
	return r.answer(name, args, r.ask(name, args))
}

// fails is t.fails(code, name, ...) of a command or else a query; it returns the message.
func (r *run) fails() int {
	code, ok := r.vm.L.Get(1).(lua.LString)
	if !ok {
		r.raise("t.fails: the code must be a string, got %s", r.shown(r.vm.L.Get(1)))
	}
	name, args := r.request(2)
	do := r.ask
	if strings.HasPrefix(name, "@") || slices.Contains(r.commands, name) {
		do = r.command
	}
	result := do(name, args)
	switch f := result.Failure; {
	case f == nil:
		r.raise("%s: got %s, want the failure %s", showCall(name, args), show(result.Value), code)
	case f.Code != string(code):
		r.raise("%s: got the failure %s, want %s", showCall(name, args), f, code)
	}
	r.vm.L.Push(lua.LString(result.Failure.Message))
	return 1
}

// request reads a name and arguments, from argument i on.
func (r *run) request(i int) (name string, args []any) {
	text, ok := r.vm.L.Get(i).(lua.LString)
	if !ok {
		r.raise("the name of a command or query must be a string, got %s", r.shown(r.vm.L.Get(i)))
	}
	for i++; i <= r.vm.L.GetTop(); i++ {
		arg, err := r.toGo(r.vm.L.Get(i))
		if err != nil {
			r.raise("argument %d of %s: %s", len(args)+1, string(text), err)
		}
		args = append(args, arg)
	}
	return string(text), args
}

// command makes an entry of a call.
func (r *run) command(name string, args []any) core.Result {
	_, result, err := r.append(r.encode(name, args))
	if err == nil {
		err = r.invariant()
	}
	if err != nil {
		r.raise("after %s: %s", showCall(name, args), err)
	}
	return result
}

// ask makes a query of a call.
func (r *run) ask(name string, args []any) core.Result {
	return r.machine.Query(r.encode(name, args))
}

func (r *run) encode(name string, args []any) []byte {
	data, err := scripting.EncodeCall(name, args...)
	if err != nil {
		r.raise("%s", err)
	}
	return data
}

// answer returns a result to the test, which it ends if it is a failure.
func (r *run) answer(name string, args []any, result core.Result) int {
	if result.Failure != nil {
		r.raise("%s: %s", showCall(name, args), result.Failure)
	}
	r.vm.L.Push(r.decoded(result.Value))
	return 1
}

// decoded is a canonical value as one of the test.
func (r *run) decoded(canonical []byte) lua.LValue {
	v, err := r.codec.Decode(canonical)
	if err != nil {
		r.raise("%s", err)
	}
	return v
}

// equal is t.equal(got, want, what): tables are equal if what is in them is.
func (r *run) equal() int {
	var sides [2][]byte
	for i := range sides {
		var err error
		if sides[i], err = r.codec.Encode(r.vm.L.Get(i + 1)); err != nil {
			r.raise("t.equal: %s", err)
		}
	}
	if !bytes.Equal(sides[0], sides[1]) {
		r.raise("%sgot %s, want %s", r.what(3), show(sides[0]), show(sides[1]))
	}
	return 0
}

// what is an optional argument that says what this is about.
func (r *run) what(i int) string {
	if text := lua.LVAsString(r.vm.L.Get(i)); text != "" {
		return text + ": "
	}
	return ""
}

// check is t.check(condition, what), which returns the condition.
func (r *run) check() int {
	if lua.LVIsFalse(r.vm.L.Get(1)) {
		r.raise("%sgot %s, want neither false nor nil", r.what(2), r.shown(r.vm.L.Get(1)))
	}
	r.vm.L.SetTop(1)
	return r.vm.L.GetTop()
}

// maxAdvance is how much time may pass at once, in milliseconds: a thousand years.
const maxAdvance = 1000 * 365 * 24 * 3600 * 1000

// advances is t.advance(ms), which returns how many timers have fired.
func (r *run) advances() int {
	number, _ := r.vm.L.Get(1).(lua.LNumber)
	ms, whole := value.Integer(float64(number))
	if !whole || ms < 0 || ms > maxAdvance || r.vm.L.GetTop() == 0 {
		r.raise("t.advance: the milliseconds must be an integer from 0 on, got %s",
			r.shown(r.vm.L.Get(1)))
	}
	fired := lua.LNumber(0)
	err := r.advance(r.now+ms, func(_ core.Entry, result core.Result) error {
		n, _ := r.decoded(result.Value).(lua.LNumber)
		fired += n
		r.vm.Charge(entrySteps, 0)
		return r.invariant()
	})
	if err != nil {
		r.raise("t.advance: %s", err)
	}
	r.vm.L.Push(fired)
	return 1
}

// time is t.time(): what ctx.time() gives to the next command.
func (r *run) time() int {
	r.vm.L.Push(lua.LNumber(r.now))
	return 1
}

// as is t.as(client): what ctx.client() gives to the commands that follow.
func (r *run) as() int {
	switch n, ok := r.vm.L.Get(1).(lua.LNumber); {
	case r.vm.L.Get(1) == lua.LNil:
		r.client = 0
	case ok && n == lua.LNumber(uint64(n)) && n >= 1 && n < 1<<53:
		r.client = uint64(n)
	default:
		r.raise("t.as: the client must be an integer from 1 on or nil, got %s",
			r.shown(r.vm.L.Get(1)))
	}
	return 0
}

// listEvents is t.events(topic): what was emitted, as {topic, value}, of any topic without one.
func (r *run) listEvents() int {
	topic, some := r.vm.L.Get(1).(lua.LString)
	list := r.vm.L.NewTable()
	for _, e := range r.events {
		if !some || e.Topic == string(topic) {
			pair := r.vm.L.NewTable()
			r.vm.Store(pair, lua.LNumber(1), lua.LString(e.Topic))
			r.vm.Store(pair, lua.LNumber(2), r.decoded(e.Value))
			r.vm.Store(list, lua.LNumber(list.Len()+1), pair)
		}
	}
	r.vm.L.Push(list)
	return 1
}

// restores is t.restore(): the test goes on with a machine made from a snapshot.
func (r *run) restores() int {
	r.vm.Charge(restoreSteps, 0)
	if err := r.restore(); err != nil {
		r.raise("t.restore: %s", err)
	}
	return 0
}
