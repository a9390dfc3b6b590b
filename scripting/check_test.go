package scripting

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestCheckFindsEverythingAtOnce(t *testing.T) {
	for _, c := range []struct{ what, script, want string }{
		{"nothing", string(Default().Text), ""},
		{"a syntax error hides the rest", "x = = os", "1 syntax error near '='"},
		{"every kind of refusal", `local a = state.map("a")
local n = 0
local function helper() g = 1 end
return { name = "x y", version = 0, extra = 1,
  commands = { f = function() n = n + 1 helper() end, g = 1, h = print,
    i = function() return os.time(), a:get(1) end },
}`, `3 assignment to the global variable 'g' in a function
4 commands.g is a number
4 name must be
4 the returned table has a field 'extra'
4 version must be
5 assignment to 'n'
5 print is not available
6 os.time is not available`},
		{"what follows from a refusal is not told", "local t = os.time()\nlocal u = nope.x\nreturn 1",
			"1 os.time is not available\n2 undefined variable 'nope'"},
		{"every kind of warning", `local a, unused, n = state.map("a"),
  state.map("unused"), state.value("n")
local all = {n = n}
return { name = "x", version = 1, commands = { both = function() return all.n:get() end },
  queries = {
    both = function() return 1 end,
    write = function() a:set(1, 2) end,
    inner = function() return pcall(function() a:delete(1) end) end,
    clock = function() return ctx.time() end,
    dice = function() return math.random(6) end,
    tell = function() emit("t", 1) end,
    wait = function() timer.at(1, "both") end,
    many = function(t) a:set_all(t) end,
  }}`, `2 warning: no command or query uses the collection 'unused'
6 warning: 'both' is a query and a command
7 warning: the query write must not write
8 warning: the query inner must not write
9 warning: the query clock must not use ctx
10 warning: the query dice must not use math.random
11 warning: the query tell must not emit
12 warning: the query wait must not use timer
13 warning: the query many must not write`},
		{"what is fine in a query", `local a, n = state.map("a"), state.value("n")
return { name = "x", version = 1, commands = { f = function() a:set(1, 2) end },
  queries = { f2 = function(t) t = {set = function() end} t:set(1) n:get() return a:get(1),
    math.floor(1), function() local b = {} b:delete() end end },
}`, ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			var got []string
			for _, f := range Check(Source{Name: "x.lua", Text: []byte(c.script)}) {
				line := fmt.Sprintf("%d %s", f.Line, f.Message)
				if f.Warning {
					line = fmt.Sprintf("%d warning: %s", f.Line, f.Message)
				}
				got = append(got, line)
			}
			want := strings.Split(c.want, "\n")
			if !slices.EqualFunc(got, slices.DeleteFunc(want, func(s string) bool { return s == "" }),
				strings.HasPrefix) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), c.want)
			}
		})
	}
}

// TestCheckAgreesWithNew: what has no refusals is not refused, and the other way round.
func TestCheckAgreesWithNew(t *testing.T) {
	for _, c := range chunksOf(t, "testdata/refused.lua") {
		src := Source{Name: "x.lua", Text: []byte(c.script)}
		refused := slices.ContainsFunc(Check(src), func(f Finding) bool { return !f.Warning })
		if _, err := New(src, Config{}); refused != (err != nil) {
			t.Errorf("line %d: refused %t, New says %v", c.line, refused, err)
		}
	}
}
