package luatest

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/tidelock-raft/tidelock/scripting"
	"github.com/tidelock-raft/tidelock/scripting/value"
)

// ErrNoWorkload is the error of a file that has tests only.
var ErrNoWorkload = errors.New("luatest: the file has no workload")

// Call is a command with its arguments, as scripting.EncodeCall takes them.
type Call struct {
	Command string
	Args    []any
}

// String shows the call as a test would write it.
func (c Call) String() string { return "t.call" + showCall(c.Command, c.Args) }

// Encode makes the command of the call.
func (c Call) Encode() ([]byte, error) { return scripting.EncodeCall(c.Command, c.Args...) }

// Workload draws commands. One goroutine uses it at a time.
type Workload struct {
	file   *File
	suite  *suite
	random *lua.LFunction
	rng    *rand.Rand
}

// HasWorkload reports whether the file says what random commands may be.
func (f *File) HasWorkload() bool { return f.workload }

// Workload returns the workload of the file, which draws from source and from nothing else: equal
// sources give equal calls. The error is ErrNoWorkload if there is none.
func (f *File) Workload(source rand.Source) (*Workload, error) {
	if !f.workload {
		return nil, ErrNoWorkload
	}
	s, err := f.open()
	if err != nil {
		return nil, err
	}
	w := &Workload{file: f, suite: s, rng: rand.New(source)}
	w.random = s.vm.L.NewFunction(w.draw)
	return w, nil
}

// Next draws a call that is to be made at a time of the log, in milliseconds. The error is a
// *Failure: the workload raised it, or returned no call.
func (w *Workload) Next(now int64) (Call, error) {
	vm, f := w.suite.vm, w.suite.workload
	vm.Begin(f)
	vm.L.Push(w.random)
	vm.L.Push(lua.LNumber(now))
	result, problem := vm.Run(2)
	if problem != nil {
		return Call{}, w.suite.failure(w.file, problem, f.Proto.LineDefined)
	}
	call, err := w.suite.toCall(result)
	if err == nil {
		_, err = call.Encode()
	}
	if err != nil {
		return Call{}, &Failure{fmt.Sprintf("%s:%d", w.file.Path, f.Proto.LineDefined),
			fmt.Sprintf("the workload returned %s: %v", w.suite.shown(result), err)}
	}
	return call, nil
}

// toCall reads {command, arguments...}, of which some may be nil.
func (s *suite) toCall(v lua.LValue) (Call, error) {
	t, ok := v.(*lua.LTable)
	if !ok {
		return Call{}, errors.New("a call is a table of a command and its arguments")
	}
	fields, _ := s.vm.Plain(t)
	name, ok := fields.RawGetInt(1).(lua.LString)
	if !ok || strings.HasPrefix(string(name), "@") {
		return Call{}, errors.New("a call begins with the name of a command")
	}
	c := Call{Command: string(name)}
	for k, v := fields.Next(lua.LNil); k != lua.LNil; k, v = fields.Next(k) {
		n, _ := k.(lua.LNumber)
		place, whole := value.Integer(float64(n))
		if !whole || place < 1 || place > 1+scripting.MaxArguments {
			return Call{}, fmt.Errorf("a call has no place %s", s.shown(k))
		}
		if place == 1 {
			continue
		}
		if missing := int(place) - 1 - len(c.Args); missing > 0 {
			c.Args = append(c.Args, make([]any, missing)...)
		}
		var err error
		if c.Args[place-2], err = s.toGo(v); err != nil {
			return Call{}, err
		}
	}
	return c, nil
}

// toGo makes what value.FromAny takes of a Lua value that could be stored.
func (s *suite) toGo(v lua.LValue) (any, error) {
	b, err := s.codec.Encode(v)
	if err != nil {
		return nil, err
	}
	return value.ToAny(b)
}

// draw is the function random that a workload gets: random() is from 0 up to 1, random(n) an
// integer from 1 to n, random(lo, hi) one from lo to hi, and random(list) an element.
func (w *Workload) draw(L *lua.LState) int {
	if L.GetTop() == 0 {
		L.Push(lua.LNumber(w.rng.Float64()))
		return 1
	}
	if t, ok := L.Get(1).(*lua.LTable); ok {
		list, _ := w.suite.vm.Plain(t)
		n := list.Len()
		if n == 0 {
			L.RaiseError("random: the list is empty")
		}
		L.Push(list.RawGetInt(1 + w.rng.IntN(n)))
		return 1
	}
	bounds := [2]int64{1, 1}
	for i := range L.GetTop() {
		number, ok := L.Get(i + 1).(lua.LNumber)
		n, whole := value.Integer(float64(number))
		if !ok || !whole || i > 1 {
			L.RaiseError("random: argument %d must be an integer; there are random(), random(n), "+
				"random(lo, hi) and random(list)", i+1)
		}
		bounds[i] = n
	}
	lo, hi := bounds[0], bounds[1]
	if L.GetTop() == 1 {
		lo, hi = 1, lo
	}
	if hi < lo {
		L.RaiseError("random: there is no integer from %d to %d", lo, hi)
	}
	L.Push(lua.LNumber(math.Min(float64(lo+w.rng.Int64N(hi-lo+1)), value.MaxInteger)))
	return 1
}
