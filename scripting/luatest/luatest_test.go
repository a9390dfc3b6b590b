package luatest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/scripting"
)

func Example() {
	f, err := Load("../../examples/bank/bank_test.lua")
	if err != nil {
		panic(err)
	}
	for _, test := range f.Tests[:2] {
		fmt.Println(test.Name, f.Run(test, nil) == nil)
	}
	tally, err := f.Random(100, 7)
	fmt.Println(tally["ok"] > 0, err)
	// Output:
	// a transfer moves money true
	// a transfer that fails leaves no trace true
	// true <nil>
}

// machines are all that this repository has.
func machines(tb testing.TB) (files []*File) {
	tb.Helper()
	paths, err := filepath.Glob("../../examples/*/*" + Suffix)
	if err != nil || len(paths) < 5 {
		tb.Fatalf("found %q, error %v", paths, err)
	}
	for _, path := range append(paths, "../machines/kv_test.lua", "testdata/everything_test.lua") {
		f, err := Load(path)
		if err != nil {
			tb.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

// TestDefaultMachinePassesItsTests leaves those of the examples to their own package.
func TestDefaultMachinePassesItsTests(t *testing.T) {
	text, err := os.ReadFile("../machines/kv_test.lua")
	if err != nil {
		t.Fatal(err)
	}
	f, err := New(scripting.Default(), scripting.Source{Name: "kv_test.lua", Text: text})
	if err != nil || !f.HasWorkload() || len(f.Tests) == 0 {
		t.Fatalf("got %+v, %v", f, err)
	}
	for _, test := range f.Tests {
		if err := f.Run(test, nil); err != nil {
			t.Errorf("%s: %v", test.Name, err)
		}
	}
}

func source(name, text string) scripting.Source {
	return scripting.Source{Name: name, Text: []byte(text)}
}

// counter is a machine with something for every method of a test.
const counter = `
local n = state.value("n", 0)
return { name = "counter", version = 1,
  commands = {
    add = function(by) n:set(n:get() + by) emit("added", by) return n:get() end,
    later = function(ms, by) return timer.at(ctx.time() + ms, "add", by) end,
    tick = function(ms) timer.at(ctx.time() + ms, "tock") end,
    tock = function() emit("tock", ctx.time()) end,
    echo = function(...) return {...} end,
    now = function() return ctx.time() end,
    who = function() return ctx.client() end,
    again = function() timer.at(ctx.time(), "again") end,
    refuse = function() fail("refused", "it is " .. n:get()) end,
  },
  queries = { get = function() return n:get() end, bad = function() fail("bad", "always") end },
  invariant = function() assert(n:get() < 100, "too much") end,
}`

func suiteOf(tb testing.TB, machine, test string) *File {
	tb.Helper()
	f, err := New(source("dir/counter.lua", machine), source("dir/counter_test.lua", test))
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

// TestMethods runs small tests, each against what must come of it; empty: it passes.
func TestMethods(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{`t.equal(t.call("add", 2), 2) t.equal(t.query("get"), 2)`, ""},
		{`t:equal(t:call("add", 2), 2) t:check(t:query("get") == 2)`, ""},
		{`t.call("refuse")`, `1: ("refuse"): refused: it is 0`},
		{"\n\nt.call('nope', 1, {x = true})",
			`3: ("nope", 1, {x = true}): unknown_command: counter has no 'nope'`},
		{`t.query("bad")`, `1: ("bad"): bad: always`},
		{`t.query(1)`, "1: the name of a command or query must be a string, got 1"},
		{`t.call("echo", print)`, "1: argument 1 of echo: a function cannot be stored or returned"},
		{`t.call("no blanks")`, "1: scripting: not a call: 'no blanks' with 0 arguments"},
		{`t.call("echo", ("x"):rep(1e6), ("x"):rep(1e6), ("x"):rep(1e6), ("x"):rep(1e6), ("x"):rep(1e6))`,
			"1: scripting: not a call: "},
		{`t.equal(t.fails("refused", "refuse"), "it is 0") t.fails("bad", "bad")`, ""},
		{`t.fails("unknown_query", "add_") t.fails("unknown_command", "@nope")`, ""},
		{`t.fails("refused", "add", 1)`, `1: ("add", 1): got 1, want the failure refused`},
		{`t.fails("other", "refuse")`, `1: ("refuse"): got the failure refused: it is 0, want other`},
		{`t.fails()`, "1: t.fails: the code must be a string, got nil"},
		{`t.equal({1, {x = 2}}, {1, {x = 2}}) t.equal(0/0, -(0/0)) t.equal(nil, nil)`, ""},
		{`t.equal(t.call("echo", nil, 1), {[2] = 1})`, ""},
		{`t.equal({a = 1, "b"}, {a = 1})`, `1: got {[1] = "b", a = 1}, want {a = 1}`},
		{`t.equal(1, "1", "text")`, `1: text: got 1, want "1"`},
		{`t.equal(("x"):rep(600), 1)`, `1: got "` + strings.Repeat("x", 499) + "..., want 1"},
		{`t.equal({["a b"] = true, [3] = {}}, nil)`, `1: got {[3] = {}, ["a b"] = true}, want nil`},
		{`t.equal(1, function() end)`, "1: t.equal: a function cannot be stored or returned"},
		{`t.check(1 == 2, "sums")`, "1: sums: got false, want neither false nor nil"},
		{`t.equal(t.check("x"), "x") t.check()`, "1: got nil, want neither false nor nil"},
		{`local at = t.time() t.equal(t.advance(5), 0) t.equal(t.time(), at + 5)
		  t.equal(t.call("now"), at + 5)`, ""},
		{`t.call("later", 10, 1) t.equal(t.advance(9), 0) t.equal(t.query("get"), 0)
		  t.equal(t.advance(1), 1) t.equal(t.query("get"), 1)`, ""},
		{`local at = t.time() t.call("tick", 7) t.call("tick", 3) t.advance(10)
		  t.equal(t.events("tock"), {{"tock", at + 3}, {"tock", at + 7}})`, ""},
		{`t.equal(t.call("who"), nil) t.as(7) t.equal(t.call("who"), 7) t.as(nil)
		  t.equal(t.call("who"), nil)`, ""},
		{`t.as(0.5)`, "1: t.as: the client must be an integer from 1 on or nil, got 0.5"},
		{`t.as("x")`, "1: t.as: the client must be an integer"},
		{`t.as(2^53)`, "1: t.as: the client must be an integer"}, {`t.as(-1)`, "1: t.as: the client"},
		{`t.advance(-1)`, "1: t.advance: the milliseconds must be an integer from 0 on, got -1"},
		{`t.advance()`, "1: t.advance: the milliseconds must be an integer from 0 on, got nil"},
		{`t.advance(2^53)`, "1: t.advance: the milliseconds must be"},
		{`t.call("again") t.advance(0)`,
			"1: t.advance: timers fire at 1767225600000 ms and set new ones, without end"},
		{`t.call("add", 1) t.call("add", 2) t.equal(t.events("added"), {{"added", 1}, {"added", 2}})
		  t.equal(t.events(), t.events("added")) t.equal(t.events("other"), {})`, ""},
		{`t.call("add", 1) t.call("later", 5, 1) t.restore() t.equal(t.query("get"), 1)
		  t.equal(t.advance(5), 1) t.equal(#t.events(), 2)`, ""},
		{`t.call("add", 100)`,
			`1: after ("add", 100): the invariant does not hold: error: too much`},
		{`t.call("later", 1, 100) t.advance(1)`, "1: t.advance: the invariant does not hold: error: "},
		{`error("own")`, "1: own"}, {`error("own", 0)`, "1: own"}, {`fail("own", "x")`, "1: own: x"},
		{`error({})`, "1: an error that is a table"},
		{`t.nope()`, "1: there is no method 'nope'"}, {`t.x = 1`, "1: "},
		{`while true do end`, "1: more than 10000000 steps"},
		{`while true do t.time() end`, "1: more than 10000000 steps"},
		{`t.equal(json.decode(json.encode({1})), msgpack.unpack(msgpack.pack({1})))`, ""},
	} {
		f := suiteOf(t, counter, "return { tests = { x = function(t) "+c.body+"\nend } }")
		err := f.Run(f.Tests[0], nil)
		if c.want == "" && err != nil {
			t.Errorf("%s: %v", c.body, err)
		} else if c.want != "" && (err == nil ||
			!strings.HasPrefix(err.Error(), "dir/counter_test.lua:"+c.want)) {
			t.Errorf("%s:\ngot  %v\nwant %s", c.body, err, c.want)
		}
	}
}

// TestTestsShareNothing runs tests twice and in another order.
func TestTestsShareNothing(t *testing.T) {
	f := suiteOf(t, counter, `return { tests = {
  first = function(t) t.equal(t.query("get"), 0) t.call("add", 1) t.check(math.random() > 0) end,
  second = function(t) t.equal(t.query("get"), 0) t.call("add", 2) print(math.random(), {}) end,
} }`)
	if len(f.Tests) != 2 || f.Tests[0] != (Test{"first", 2}) || f.Tests[1] != (Test{"second", 3}) {
		t.Fatalf("got %v", f.Tests)
	}
	var printed []string
	for _, i := range []int{1, 0, 1} {
		err := f.Run(f.Tests[i], func(line string) { printed = append(printed, line) })
		if err != nil {
			t.Error(err)
		}
	}
	if err := f.Run(Test{Name: "third"}, nil); err == nil {
		t.Error("a test that is not there passed")
	}
	if len(printed) != 2 || printed[0] != printed[1] || !strings.HasSuffix(printed[0], "\t{}") {
		t.Errorf("printed %q", printed)
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct{ machine, test, want string }{
		{"return 1", "return {tests = {}}", "dir/counter.lua:1: the script returns a number"},
		{counter, "return 1", "dir/counter_test.lua:1: the file returns a number"},
		{counter, "return {}", "dir/counter_test.lua:1: the returned table has neither"},
		{counter, "return {tests = {}}", "dir/counter_test.lua:1: the returned table has neither"},
		{counter, "return {tests = 1}", "dir/counter_test.lua:1: tests is a number"},
		{counter, "return {tests = {x = print}}",
			"dir/counter_test.lua:1: the test 'x' is a function; it must be a function of the file"},
		{counter, "return {tests = {function() end}}",
			"dir/counter_test.lua:1: the name of a test must be one line of at most 256 bytes, got 1"},
		{counter, "return {tests = {['a\\nb'] = function() end}}", "dir/counter_test.lua:1: the name"},
		{counter, "return {workload = 1}", "dir/counter_test.lua:1: workload is a number"},
		{counter, "return {workload = function() end, test = {}}",
			`dir/counter_test.lua:1: the returned table has a field "test"; there are`},
		{counter, "local n = 0 return {tests = {x = function() n = n + 1 end}}",
			"dir/counter_test.lua:1: assignment to 'n'"},
		{counter, "return {tests = {x = function(t) os.exit() end}}",
			"dir/counter_test.lua:1: os is not available"},
		{counter, "return {tests = ", "dir/counter_test.lua:1: "},
	} {
		_, err := New(source("dir/counter.lua", c.machine), source("dir/counter_test.lua", c.test))
		var refused *scripting.ScriptError
		if !errors.As(err, &refused) || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s:\ngot  %v\nwant %s", c.test, err, c.want)
		}
	}
	for _, path := range []string{"testdata/none_test.lua", "luatest_test.go"} {
		if _, err := Load(path); err == nil {
			t.Errorf("loaded %s", path)
		}
	}
	if got := Beside("a/b.lua") + Beside("b_test.lua"); got != "a/b_test.luab_test.lua" {
		t.Errorf("got %s", got)
	}
}

// FuzzNew reads any text as a test file: it is refused with a *ScriptError, or its tests and its
// workload come to an end.
func FuzzNew(f *testing.F) {
	for _, file := range machines(f) {
		text, err := os.ReadFile(file.Path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(`return { tests = { x = function(t) t:equal(t.events, t) end }, workload = print }`)
	f.Add(`return { workload = function(r, now) return { "add", r { r, now, {} }, [9] = r(3) } end }`)
	f.Fuzz(func(t *testing.T, text string) {
		file, err := New(source("counter.lua", counter), source("counter_test.lua", text))
		if err != nil {
			if refused := (*scripting.ScriptError)(nil); !errors.As(err, &refused) {
				t.Fatalf("%v is no ScriptError", err)
			}
			return
		}
		var failure *Failure
		for _, test := range file.Tests[:min(len(file.Tests), 3)] {
			if err := file.Run(test, nil); err != nil && !errors.As(err, &failure) {
				t.Fatal(err)
			}
		}
		if w, err := file.Workload(rand.NewPCG(1, 2)); err == nil {
			if _, err := w.Next(1); err != nil && !errors.As(err, &failure) {
				t.Fatal(err)
			}
		}
	})
}
