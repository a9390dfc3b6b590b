// Package sandbox runs Lua so that it can be replicated: the same calls on the same state come to
// the same results, the same errors at the same line, and the same end of patience on every node.
//
// A Program is source that was judged and compiled: its size and nesting are bounded, what the
// compiler of gopher-lua gets wrong is rewritten (Normalize), and names that a machine must not
// use are refused with advice. A VM runs it, with libraries that depend on nothing but their
// arguments, and a meter that ends every call after a fixed number of steps. When the VM has loaded
// a Program, everything reachable from it is frozen: a call can change nothing that outlives it but
// what the host's own functions let it change.
//
// The package knows nothing of replicated state; package scripting adds that. Any change here that
// can change what a script computes needs a new Version.
package sandbox

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"
)

// Version names the language as a whole: VM, compiler, libraries, limits. Replicas of different
// Versions may disagree.
const Version = 5

// The bounds of a source, checked before it is compiled.
const (
	MaxSource   = 256 << 10 // bytes
	MaxNesting  = 100       // brackets, blocks and operators within each other
	MaxLiterals = 8 << 10   // different names, numbers and strings
	maxCode     = 1 << 16   // instructions in one function: jumps stay within their field
)

// ScriptError is why a script is refused: what is wrong at which line, and what to do instead.
type ScriptError struct {
	File    string
	Line    int // zero: it is the script as a whole
	Message string
}

// Error reads file:line: message.
func (e *ScriptError) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message)
}

// Refusals is the error of a script with more than one thing wrong with it.
type Refusals []*ScriptError

// Error has a line for each.
func (r Refusals) Error() string {
	lines := make([]string, len(r))
	for i, e := range r {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lists them: errors.As finds the first.
func (r Refusals) Unwrap() []error {
	list := make([]error, len(r))
	for i, e := range r {
		list[i] = e
	}
	return list
}

// Problems lists what an error of Compile or Load says; none for nil.
func Problems(err error) []*ScriptError {
	var one *ScriptError
	var many Refusals
	switch {
	case errors.As(err, &many):
		return many
	case errors.As(err, &one):
		return []*ScriptError{one}
	}
	return nil
}

// Join makes one error of problems, without those that come twice; nil of none.
func Join(problems []*ScriptError) error {
	seen := map[ScriptError]bool{}
	problems = slices.DeleteFunc(problems, func(e *ScriptError) bool {
		twice := seen[*e]
		seen[*e] = true
		return twice
	})
	switch len(problems) {
	case 0:
		return nil
	case 1:
		return problems[0]
	}
	return Refusals(problems)
}

// Program is a script that has been judged and compiled. It may be loaded by many VMs at once.
type Program struct {
	file     string
	proto    *lua.FunctionProto
	modules  map[string]*Program     // of the script itself: all that is required, by name
	requires map[string]int          // the line of the first require, by name
	callees  map[*ast.IdentExpr]bool // the word require in its calls
}

// Compile judges and compiles a script, or what Bundle made. The file is for messages; globals are
// names that the host will Define besides the libraries of the sandbox. The error is a
// *ScriptError, or Refusals if there are more than one. A Program that comes with an error may be
// loaded to find more of them, and for nothing else.
func Compile(file string, text []byte, globals ...string) (*Program, error) {
	p := &Program{file: file, modules: map[string]*Program{}}
	if len(text) > MaxSource {
		return nil, p.refuse(0, "the script has %d bytes, at most %d are allowed", len(text), MaxSource)
	}
	files, err := Unbundle(text)
	if err != nil {
		return nil, p.refuse(0, "%v", err)
	}
	var problems []*ScriptError
	for i, f := range files {
		unit := p
		if i > 0 {
			unit = &Program{file: f.Module + ".lua"}
			p.modules[f.Module] = unit
		}
		problems = append(problems, Problems(unit.build(f.Text))...)
	}
	problems = append(problems, p.checkModules()...)
	problems = append(problems, p.check(globals)...)
	if slices.ContainsFunc(p.units(), func(u *Program) bool { return u.proto == nil }) {
		p = nil
	}
	return p, Join(problems)
}

// units are the script and its modules, in an order that is always the same.
func (p *Program) units() []*Program {
	all := []*Program{p}
	for _, name := range slices.Sorted(maps.Keys(p.modules)) {
		all = append(all, p.modules[name])
	}
	return all
}

// build judges and compiles one file.
func (p *Program) build(text []byte) error {
	if err := scan(p.file, text); err != nil {
		return err
	}
	chunk, err := p.parse(text)
	if err != nil {
		return err
	}
	proto, err := p.compile(chunk)
	if err != nil {
		return err
	}
	var problems []*ScriptError
	eachFunction(proto, func(f *lua.FunctionProto) {
		trim(f)
		if len(f.Code) > maxCode {
			problems = append(problems, p.refuse(f.LineDefined, "the function is too large; split it"))
		}
	})
	if len(problems) == 0 {
		p.proto = proto
	}
	return Join(problems)
}

// trim gives back what the compiler has made room for, which is ten times what most functions need.
func trim(f *lua.FunctionProto) {
	f.Code, f.DbgSourcePositions = slices.Clone(f.Code), slices.Clone(f.DbgSourcePositions)
	f.Constants, f.DbgCalls = slices.Clone(f.Constants), slices.Clone(f.DbgCalls)
	f.DbgLocals, f.DbgUpvalues = slices.Clone(f.DbgLocals), slices.Clone(f.DbgUpvalues)
	f.FunctionPrototypes = slices.Clone(f.FunctionPrototypes)
}

// Rename makes messages at run time speak of another file: the same on every node, wherever it
// keeps the script. It must not run beside any VM.
func (p *Program) Rename(file string) {
	eachFunction(p.proto, func(f *lua.FunctionProto) { f.SourceName = file })
}

// Refuse makes the *ScriptError that says what is wrong with the value of the script.
func (p *Program) Refuse(format string, args ...any) error {
	line, last := 0, 0
	eachInstruction(p.proto, func(pc int, inst uint32) {
		if opcode(inst) == lua.OP_RETURN {
			line, last = last, p.proto.DbgSourcePositions[pc]
		}
	})
	return p.refuse(cmp.Or(line, last), format, args...) // the last one stands for the end
}

func eachFunction(f *lua.FunctionProto, do func(*lua.FunctionProto)) {
	do(f)
	for _, inner := range f.FunctionPrototypes {
		eachFunction(inner, do)
	}
}

func (p *Program) refuse(line int, format string, args ...any) *ScriptError {
	return &ScriptError{p.file, max(0, line), fmt.Sprintf(format, args...)}
}

func (p *Program) parse(text []byte) (chunk []ast.Stmt, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = p.refuse(0, "the parser gave up on this script")
		}
	}()
	chunk, err = parse.Parse(bytes.NewReader(text), p.file)
	var bad *parse.Error
	switch {
	case errors.As(err, &bad) && bad.Pos.Line == parse.EOF:
		lines := 1 + bytes.Count(bytes.TrimRight(text, "\n"), []byte("\n"))
		return nil, p.refuse(lines, "%s at the end of the script", bad.Message)
	case errors.As(err, &bad):
		return nil, p.refuse(bad.Pos.Line, "%s near '%s'", bad.Message, bad.Token)
	case err != nil:
		return nil, p.refuse(0, "%v", err)
	}
	return chunk, judgeTree(p, chunk)
}

func (p *Program) compile(chunk []ast.Stmt) (proto *lua.FunctionProto, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = p.refuse(0, "the compiler gave up on this script")
		}
	}()
	proto, err = lua.Compile(Normalize(chunk), p.file)
	var bad *lua.CompileError
	switch {
	case errors.As(err, &bad):
		return nil, p.refuse(bad.Line, "%s", strings.TrimSpace(bad.Message))
	case err != nil:
		return nil, p.refuse(0, "%v", err)
	}
	return proto, nil
}
