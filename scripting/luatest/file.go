// Package luatest runs tests of Lua machines that are written in Lua: NAME_test.lua, beside the
// machine NAME.lua, returns a table of tests and, if its author likes, a workload.
//
//	return {
//	  tests = {
//	    ["a value comes back"] = function(t)
//	      t.call("put", "x", "1")
//	      t.equal(t.query("get", "x"), "1")
//	      t.fails("conflict", "cas", "x", "0", "2")
//	    end,
//	  },
//	  workload = function(random) return { "put", random { "a", "b" }, random(9) } end,
//	}
//
// Every test drives a fresh machine from an interpreter of its own, so no test can see another. The
// machine's invariant is checked after every command. A workload makes random commands: Random
// looks for a sequence of them that breaks the invariant, or that makes a machine that was restored
// from a snapshot differ from one that was not. docs/lua.md is what authors read.
package luatest

import (
	"fmt"
	"path/filepath"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/tidelock-raft/tidelock/scripting"
	"github.com/tidelock-raft/tidelock/scripting/sandbox"
)

// Suffix ends the names of test files.
const Suffix = "_test.lua"

// MaxTests is how many tests a file may have.
const MaxTests = 10_000

// maxName is how long the name of a test may be, in bytes.
const maxName = 256

// What one test may use, or one call of a workload, besides what the machine does.
const (
	maxSteps = 10_000_000
	maxBytes = 128 << 20
)

// File is a test file together with the machine that it is about, both judged. It may be used from
// several goroutines.
type File struct {
	Path    string           // of the test file, as messages name it
	Machine scripting.Source // what is tested
	Tests   []Test           // as the file lists them

	program  *sandbox.Program
	workload bool
}

// Test is one test of a File.
type Test struct {
	Name string
	Line int // where its function begins
}

// Beside returns where the tests of a script are: bank_test.lua for bank.lua. A path that is one of
// a test file already stays as it is.
func Beside(script string) string {
	if strings.HasSuffix(script, Suffix) {
		return script
	}
	return strings.TrimSuffix(script, ".lua") + Suffix
}

// Load reads a test file, the machine beside it, and all that they require. Errors are those of the
// file system, or as those of New.
func Load(path string) (*File, error) {
	test, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("load tests: %w", err)
	}
	machine, err := read(strings.TrimSuffix(path, Suffix) + ".lua")
	if err != nil {
		return nil, fmt.Errorf("load the machine of %s: %w", path, err)
	}
	return New(machine, test)
}

// read is ReadSource with messages that name the path.
func read(path string) (scripting.Source, error) {
	src, err := scripting.ReadSource(path)
	src.Name = filepath.ToSlash(path)
	return src, err
}

// New judges a machine and its tests. Every error is a *scripting.ScriptError, or several.
func New(machine, test scripting.Source) (*File, error) {
	m, err := scripting.New(machine, scripting.Config{Readers: 1})
	if err != nil {
		return nil, err
	}
	defer m.Close()
	f := &File{Path: test.Name, Machine: machine}
	globals := append([]string{"print"}, scripting.ExtendedGlobals...)
	if f.program, err = sandbox.Compile(test.Name, test.Text, globals...); err != nil {
		return nil, err
	}
	s, err := f.open()
	if err != nil {
		return nil, err
	}
	f.Tests, f.workload = s.listed, s.workload != nil
	return f, nil
}

// suite is a loaded test file.
type suite struct {
	vm       *sandbox.VM
	codec    *scripting.Codec
	listed   []Test
	tests    map[string]*lua.LFunction
	workload *lua.LFunction
	print    func(line string) // what the file prints; nil: it is dropped
}

// open loads the file into an interpreter of its own.
func (f *File) open() (*suite, error) {
	s := &suite{vm: sandbox.New(), tests: map[string]*lua.LFunction{}}
	s.codec = scripting.Extend(s.vm)
	s.vm.Define("", map[string]sandbox.Function{"print": s.printed})
	result, err := s.vm.Load(f.program)
	if err != nil {
		return nil, err
	}
	s.vm.Limit(sandbox.Limits{Steps: maxSteps, Bytes: maxBytes})
	table, ok := result.(*lua.LTable)
	if !ok {
		return nil, f.program.Refuse("the file returns a %s; it must return a table like "+
			"{tests = {[\"name\"] = function(t) ... end}, workload = function(random) ... end}",
			result.Type())
	}
	var problems []*scripting.ScriptError
	fields, _ := s.vm.Plain(table)
	for k, v := fields.Next(lua.LNil); k != lua.LNil; k, v = fields.Next(k) {
		problems = append(problems, sandbox.Problems(s.field(f.program, k, v))...)
	}
	if len(problems) == 0 && len(s.listed) == 0 && s.workload == nil {
		return nil, f.program.Refuse("the returned table has neither tests nor a workload")
	}
	return s, sandbox.Join(problems)
}

// field reads a field of the table that the file returned.
func (s *suite) field(p *sandbox.Program, k, v lua.LValue) error {
	switch k {
	case lua.LString("workload"):
		f, ok := v.(*lua.LFunction)
		if !ok || f.IsG {
			return p.Refuse("workload is a %s; it must be a function of the file", v.Type())
		}
		s.workload = f
	case lua.LString("tests"):
		t, ok := v.(*lua.LTable)
		if !ok {
			return p.Refuse("tests is a %s; it must be a table of functions", v.Type())
		}
		fields, _ := s.vm.Plain(t)
		for k, v := fields.Next(lua.LNil); k != lua.LNil; k, v = fields.Next(k) {
			if err := s.test(p, k, v); err != nil {
				return err
			}
		}
	default:
		return p.Refuse("the returned table has a field %s; there are tests and workload", s.shown(k))
	}
	return nil
}

// test reads one of the tests.
func (s *suite) test(p *sandbox.Program, k, v lua.LValue) error {
	name, ok := k.(lua.LString)
	if !ok || name == "" || len(name) > maxName || strings.ContainsAny(string(name), "\r\n") {
		return p.Refuse("the name of a test must be one line of at most %d bytes, got %s", maxName,
			s.shown(k))
	}
	f, ok := v.(*lua.LFunction)
	if !ok || f.IsG {
		return p.Refuse("the test '%s' is a %s; it must be a function of the file", name, v.Type())
	}
	if len(s.listed) == MaxTests {
		return p.Refuse("the file has more than %d tests", MaxTests)
	}
	s.tests[string(name)] = f
	s.listed = append(s.listed, Test{string(name), f.Proto.LineDefined})
	return nil
}

// printed is the global function print, which the machine itself does not have.
func (s *suite) printed(v *sandbox.VM) int {
	line := ""
	for i := range v.L.GetTop() {
		if i > 0 {
			line += "\t"
		}
		if text, ok := v.L.Get(i + 1).(lua.LString); ok {
			line += string(text)
		} else {
			line += s.shown(v.L.Get(i + 1))
		}
	}
	v.Charge(len(line)/8, len(line))
	if s.print != nil {
		s.print(line)
	}
	return 0
}
