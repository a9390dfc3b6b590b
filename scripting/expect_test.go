package scripting

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// The files in testdata/builtins say line by line what an expression comes to:
//
//	("x"):rep(3)    --> "xxx"            here and in Lua 5.1
//	kv:get("a")     --: nil              here; plain Lua has nothing like it, or differs
//	t.x.y           --> error: index     the call fails, and says so here: parts that " ... " divides
//
// Other lines are statements, for the expectations down to the next blank line.
var expectation = regexp.MustCompile(`^(.*?)\s*--([>:]) ?(.*)$`)

// expectPrologue stands in front of the first line of every file.
const expectPrologue = `
local function show(v)
  if type(v) == "string" then
    return '"' .. v:gsub('[%z\1-\31"\\\127-\255]', function(c)
      return ("\\%d"):format(c:byte())
    end) .. '"'
  elseif type(v) == "number" and v == v and v % 1 == 0 then return ("%d"):format(v)
  elseif type(v) == "number" then
    return v ~= v and "nan" or v == 1/0 and "inf" or v == -1/0 and "-inf" or ("%.14g"):format(v)
  elseif type(v) ~= "table" then return v == nil and "nil" or v == true and "true" or
    v == false and "false" or type(v)
  end
  local parts, keys = {}, {}
  for i, x in ipairs(v) do parts[i] = show(x) end
  local n = #parts
  for k in pairs(v) do
    if type(k) ~= "number" or k < 1 or k > n then keys[#keys + 1] = k end
  end
  table.sort(keys, function(a, b) return show(a) < show(b) end)
  for _, k in ipairs(keys) do parts[#parts + 1] = "[" .. show(k) .. "] = " .. show(v[k]) end
  return "{" .. table.concat(parts, ", ") .. "}"
end
local function told(ok, ...)
  if not ok then
    local e = ...
    return "error: " .. (type(e) == "table" and e.code and e.code .. ": " .. e.message or
      type(e) == "string" and e or show(e))
  end
  local parts = {}
  for i = 1, select("#", ...) do parts[i] = show((select(i, ...))) end
  return table.concat(parts, ", ")
end `

// expected is what a line must come to.
type expected struct {
	line  int
	want  string
	plain bool // in Lua 5.1 too
}

// expectations reads a file. The program calls record(line, pcall(...)) for each; real leaves out
// what is not for Lua 5.1.
func expectations(tb testing.TB, path string, real bool) (program string, all []expected) {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	line := 0
	for _, block := range strings.SplitAfter(strings.TrimRight(string(text), "\n")+"\n", "\n\n") {
		code := strings.Split(strings.TrimSuffix(block, "\n"), "\n")
		some := false
		for i, l := range code {
			line++
			m := expectation.FindStringSubmatch(l)
			if m == nil {
				continue
			}
			plain := m[2] == ">"
			if code[i] = ""; plain || !real {
				code[i] = fmt.Sprintf("record(%d, pcall(function() return %s end))", line, m[1])
				all, some = append(all, expected{line, m[3], plain}), true
			}
		}
		if !some {
			code = make([]string, len(code))
		}
		program += " do " + strings.Join(code, "\n") + " end" + "\n"
	}
	return strings.ReplaceAll(program, "\n end\n", " end\n\n"), all
}

func expectFiles(tb testing.TB) []string {
	files, err := filepath.Glob("testdata/builtins/*.lua")
	if err != nil || len(files) < 5 {
		tb.Fatalf("files %q, error %v", files, err)
	}
	return files
}

// answers runs the program of a file as a command.
func answers(t *testing.T, program string) map[int]string {
	t.Helper()
	text := strings.ReplaceAll(expectPrologue, "\n", " ") + `local kv, other = state.map("kv"), ` +
		`state.map("other") local seven = state.value("seven", 7) ` +
		`return { name = "test", version = 1, commands = { note = function(...) end, ` +
		`run = function() local out = {} local function record(line, ...) ` +
		`out[#out + 1] = line .. " " .. told(...) end ` + program + ` return out end } }`
	m, err := New(Source{Name: "test.lua", Text: []byte(text)}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	r := apply(t, m, []core.Entry{commandEntry(7, encode(t, "run"))})[0]
	if r.Failure != nil {
		t.Fatal(r.Failure)
	}
	v, err := DecodeValue(r.Value)
	if err != nil {
		t.Fatal(err)
	}
	told := map[int]string{}
	for _, answer := range v.([]any) {
		note(t, told, answer.(string))
	}
	return told
}

func note(t *testing.T, told map[int]string, answer string) {
	t.Helper()
	number, text, _ := strings.Cut(answer, " ")
	line, err := strconv.Atoi(number)
	if err != nil {
		t.Fatalf("%q: %v", answer, err)
	}
	told[line] = text
}

// TestBuiltins checks every expectation.
func TestBuiltins(t *testing.T) {
	total := 0
	for _, path := range expectFiles(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			program, all := expectations(t, path, false)
			total += len(all)
			told := answers(t, program)
			for _, e := range all {
				got, ok := told[e.line]
				same := got == e.want
				if strings.HasPrefix(e.want, "error: ") {
					same = matches(got, e.want)
				}
				if !ok || !same {
					t.Errorf("%s:%d: got %s, want %s", path, e.line, got, e.want)
				}
			}
		})
	}
	if total < 300 {
		t.Errorf("only %d expectations", total)
	}
}

// TestBuiltinsAreThoseOfLua asks real Lua 5.1, where there is one, for the same.
func TestBuiltinsAreThoseOfLua(t *testing.T) {
	lua, err := exec.LookPath("lua5.1")
	if err != nil {
		t.Log("there is no lua5.1 on this machine")
		return
	}
	for _, path := range expectFiles(t) {
		program, all := expectations(t, path, true)
		program = strings.ReplaceAll(expectPrologue, "\n", " ") +
			`local function record(line, ...) io.write(line, " ", (told(...):gsub("\n", " ")), "\n") end ` +
			program
		c := exec.CommandContext(t.Context(), lua, "-")
		c.Stdin = strings.NewReader(program)
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", path, err, out)
		}
		told := map[int]string{}
		for line := range bytes.Lines(out) {
			note(t, told, strings.TrimSuffix(string(line), "\n"))
		}
		for _, e := range all {
			got, ok := told[e.line]
			same := got == e.want
			if strings.HasPrefix(e.want, "error: ") {
				same = strings.HasPrefix(got, "error: ")
			}
			if !ok || !same {
				t.Errorf("%s:%d: Lua 5.1 has %s, want %s", path, e.line, got, e.want)
			}
		}
	}
}

// TestEveryBuiltinIsExpected holds that no function of the libraries goes without an expectation.
func TestEveryBuiltinIsExpected(t *testing.T) {
	var text strings.Builder
	for _, path := range expectFiles(t) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(b) {
			if m := expectation.FindSubmatch(bytes.TrimSpace(line)); m != nil {
				text.Write(append(m[1], '\n'))
			}
		}
	}
	m := one(t, `return { name = "names", version = 1, commands = { run = function()
  local all = {}
  for library, names in pairs { string = string, table = table, math = math, json = json,
    msgpack = msgpack, ctx = ctx, timer = timer } do
    for name in pairs(names) do all[#all + 1] = library .. "%." .. name end
  end
  return all
end } }`)
	v, err := DecodeValue(apply(t, m, []core.Entry{commandEntry(1, encode(t, "run"))})[0].Value)
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Fields("assert error getmetatable ipairs next pairs pcall rawequal rawget " +
		"rawset select setmetatable tonumber tostring type unpack fail emit " +
		"kv:get kv:set kv:delete kv:has kv:len kv:first kv:last kv:range kv:keys kv:pairs " +
		"seven:get seven:set")
	for _, name := range v.([]any) {
		names = append(names, strings.ReplaceAll(name.(string), "%.", "."))
	}
	if len(names) < 70 {
		t.Errorf("found only %d functions: %q", len(names), names)
	}
	for _, name := range names {
		found, err := regexp.MatchString(`\b`+regexp.QuoteMeta(name)+`\b`, text.String())
		if err != nil || !found {
			t.Errorf("nothing is expected of %s", name)
		}
	}
}
