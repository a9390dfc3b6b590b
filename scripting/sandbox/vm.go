package sandbox

import (
	"regexp"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// The stacks of a VM. How deep a call may go does not depend on what ran before it: there are as
// many registers as some call has needed so far, but the limit is the same for all.
const (
	callDepth      = 180
	registers      = 24 << 10
	firstRegisters = 1 << 10
)

// VM runs one Program. One goroutine uses it at a time.
type VM struct {
	L *lua.LState

	// Mark and Rollback, if set, bracket every pcall of a script: what a failed one did to the
	// host's state is undone.
	Mark     func() int
	Rollback func(mark int)

	meter   meter
	loading bool
	broken  bool
	globals *lua.LTable
	guard   *lua.LFunction // calls its first argument, in pcall
	program *Program
	handles []*lua.LUserData // of the host, that functions of the script can reach
	random  uint64
	seeded  bool
	strings *lua.LTable // the library
	open    **lua.Upvalue

	next, nextIndex lua.LValue // the iterators of pairs and ipairs

	required map[string]lua.LValue // by module; nil: it is being loaded

	frozen map[*lua.LTable]*frozen     // by what scripts hold
	shells map[*lua.LTable]*lua.LTable // what scripts hold, by its contents
}

// Function is a library function: arguments from VM.L, results pushed there, their number returned.
type Function func(v *VM) int

// New returns a VM with the libraries of the sandbox.
func New() *VM {
	v := &VM{
		L: lua.NewState(lua.Options{
			SkipOpenLibs: true, CallStackSize: callDepth,
			RegistrySize: firstRegisters, RegistryMaxSize: registers, RegistryGrowStep: firstRegisters,
		}),
		loading: true,
		frozen:  map[*lua.LTable]*frozen{},
		shells:  map[*lua.LTable]*lua.LTable{},
	}
	v.meter = meter{vm: v, frame: currentFrame(v.L), limits: Defaults()}
	v.open = openUpvalues(v.L)
	v.meter.reset()
	v.L.SetContext(&v.meter)
	v.globals = v.L.Get(lua.GlobalsIndex).(*lua.LTable)
	v.guard = v.L.NewFunction(guarded)
	v.openLibraries()
	return v
}

// guarded calls its first argument such that errors build no traceback.
func guarded(L *lua.LState) int {
	L.Panic = raise
	L.Call(L.GetTop()-1, lua.MultRet)
	return L.GetTop()
}

func raise(L *lua.LState) {
	panic(&lua.ApiError{Type: lua.ApiErrorRun, Object: L.Get(-1), StackTrace: "-"})
}

// Loading reports whether the script is being loaded: collections are declared, and nothing runs.
func (v *VM) Loading() bool { return v.loading }

// Define adds a table of functions, or a function if the name of the table is empty, to the
// globals. It is called before Load.
func (v *VM) Define(library string, functions map[string]Function) {
	v.define(v.globals, library, functions)
}

// Methods makes the metatable of a userdata with these methods.
func (v *VM) Methods(functions map[string]Function) *lua.LTable {
	meta := v.L.CreateTable(0, 2)
	v.define(meta, "__index", functions)
	meta.RawSetString("__metatable", lua.LFalse)
	return meta
}

// Load runs the script and returns its value. Afterwards everything reachable is frozen and calls
// may be made. The error is as that of Compile; with it the value is nil unless the script ran to
// its end.
func (v *VM) Load(p *Program) (lua.LValue, error) {
	v.program, v.required = p, map[string]lua.LValue{}
	v.L.Push(v.L.NewFunctionFromProto(p.proto))
	result, problem := v.Run(0)
	if problem != nil {
		return nil, problem.scriptError(p)
	}
	if err := v.freeze(result); err != nil {
		return result, err
	}
	v.loading = false
	return result, nil
}

// Begin starts a call of f with new limits. Arguments are pushed to L next, then comes Run.
func (v *VM) Begin(f *lua.LFunction) {
	v.meter.reset()
	v.L.Push(f)
}

// Abandon ends what Begin began without calling, as if nothing had begun.
func (v *VM) Abandon() {
	v.meter.reset()
	v.L.SetTop(0)
}

// Seed makes math.random start anew; without it random numbers are refused.
func (v *VM) Seed(seed uint64, ok bool) { v.random, v.seeded = seed, ok }

// Broken reports whether the VM must be replaced: its stacks were stretched, or it panicked, and
// what it does next might depend on that.
func (v *VM) Broken() bool { return v.broken }

// Problem is why a call failed.
type Problem struct {
	Kind   ProblemKind
	Object lua.LValue // what was raised: for Raised any value, otherwise a string
}

// ProblemKind tells apart what a call can fail from.
type ProblemKind uint8

// The kinds of Problem.
const (
	Raised   ProblemKind = iota // an error of the script, or one that it ran into
	Limit                       // too many steps, too much memory, too deep
	Internal                    // the VM itself gave up
)

// Run calls what Begin began with the arguments pushed since, and returns its first result. It
// never panics.
func (v *VM) Run(arguments int) (result lua.LValue, problem *Problem) {
	defer func() {
		if recover() != nil {
			v.broken = true
			problem = v.internal()
		}
	}()
	err := v.L.PCall(arguments, 1, nil)
	if err == nil && v.meter.spent == "" {
		if result = v.L.Get(-1); result == nil {
			result = lua.LNil
		}
		v.L.SetTop(0)
		return result, nil
	}
	v.L.SetTop(0)
	return nil, v.problem(err)
}

func (v *VM) problem(err error) *Problem {
	if v.meter.spent != "" { // also when the script swallowed it
		v.broken = true
		return &Problem{Limit, lua.LString(v.meter.spent)}
	}
	raised, ok := err.(*lua.ApiError)
	if !ok || raised.Type == lua.ApiErrorPanic || raised.Object == nil {
		v.broken = true
		return v.internal()
	}
	if text, ok := raised.Object.(lua.LString); ok {
		if overflowed(string(text)) {
			v.broken = true
			return &Problem{Limit, text}
		}
		return &Problem{Raised, lua.LString(withoutAddresses(string(text)))}
	}
	return &Problem{Raised, raised.Object}
}

func (v *VM) internal() *Problem {
	return &Problem{Internal, lua.LString("the Lua VM gave up on this call")}
}

// overflowed recognises the errors of a VM whose stacks are full.
func overflowed(text string) bool {
	return strings.HasSuffix(text, "registry overflow") || strings.HasSuffix(text, "stack overflow")
}

var address = regexp.MustCompile(`(table|function|userdata|thread|channel): 0x[0-9a-f]+`)

// withoutAddresses removes what differs between processes from a message.
func withoutAddresses(text string) string {
	if !strings.Contains(text, ": 0x") {
		return text
	}
	return address.ReplaceAllString(text, "$1")
}

// Text is the message of the problem.
func (p *Problem) Text() string {
	switch x := p.Object.(type) {
	case lua.LString:
		return string(x)
	case lua.LNumber:
		return FormatNumber(float64(x))
	}
	return "an error that is a " + p.Object.Type().String()
}

// scriptError takes file and line from the front of the message.
func (p *Problem) scriptError(program *Program) error {
	for _, unit := range program.units() {
		rest, ok := strings.CutPrefix(p.Text(), unit.file+":")
		head, tail, _ := strings.Cut(rest, ":")
		if line, err := strconv.Atoi(head); ok && err == nil {
			return &ScriptError{unit.file, line, strings.TrimSpace(tail)}
		}
	}
	return &ScriptError{program.file, 0, p.Text()}
}
