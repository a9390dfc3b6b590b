package sandbox

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
)

const golden = "-- tidelock bundle 1\n" +
	"-- main 33\nlocal b = require 'b' return {b}\n\n" +
	"-- module a/x 8\nreturn 1\n" +
	"-- module b 21\nreturn require\"a/x\"+1\n"

func goldenFiles() []File {
	return []File{
		{"", []byte("local b = require 'b' return {b}\n")},
		{"b", []byte("return require\"a/x\"+1")}, {"a/x", []byte("return 1")},
	}
}

func TestBundleHasOneForm(t *testing.T) {
	if got := string(Bundle(goldenFiles())); got != golden {
		t.Errorf("got  %q\nwant %q", got, golden)
	}
	files, err := Unbundle([]byte(golden))
	want := goldenFiles()
	want[1], want[2] = want[2], want[1]
	if err != nil || !reflect.DeepEqual(files, want) {
		t.Errorf("got %q, %v\nwant %q", files, err, want)
	}
	alone := []byte("return 1")
	if files, err := Unbundle(alone); err != nil || len(files) != 1 ||
		!bytes.Equal(Bundle(files), alone) {
		t.Errorf("a script without modules: got %q, %v", files, err)
	}
}

func TestDamagedBundlesAreRefused(t *testing.T) {
	for what, change := range map[string][2]string{
		"only a head":     {golden[len(bundleMagic):], ""},
		"no main":         {"-- main 33\nlocal b = require 'b' return {b}\n\n", ""},
		"two mains":       {"-- module a/x 8", "-- main 8"},
		"wrong order":     {"-- module a/x 8", "-- module c/x 8"},
		"same name":       {"-- module a/x 8", "-- module b 8"},
		"leads out":       {"-- module a/x 8", "-- module ../x 8"},
		"cut":             {"+1\n", "+"},
		"bytes behind":    {"+1\n", "+1\nx"},
		"no number":       {"a/x 8", "a/x eight"},
		"less than none":  {"a/x 8", "a/x -8"},
		"a leading zero":  {"a/x 8", "a/x 08"},
		"a plus":          {"a/x 8", "a/x +8"},
		"a short length":  {"a/x 8", "a/x 7"},
		"a long length":   {"a/x 8", "a/x 800000000"},
		"no line feed":    {"return 1\n", "return 1;"},
		"another keyword": {"-- module b", "-- modula b"},
	} {
		damaged := strings.Replace(golden, change[0], change[1], 1)
		if damaged == golden {
			t.Fatalf("%s: nothing is damaged", what)
		}
		if _, err := Compile("x.lua", []byte(damaged)); err == nil ||
			!strings.HasPrefix(err.Error(), "x.lua: the bundle ") {
			t.Errorf("%s: got error %v", what, err)
		}
	}
}

// FuzzUnbundle: whatever can be read is what Bundle writes.
func FuzzUnbundle(f *testing.F) {
	f.Add([]byte(golden))
	f.Add([]byte("return 1"))
	f.Add([]byte(bundleMagic))
	f.Add([]byte(strings.Replace(golden, "a/x 8", "a/x 9", 1)))
	f.Fuzz(func(t *testing.T, text []byte) {
		files, err := Unbundle(text)
		if err == nil && !bytes.Equal(Bundle(files), text) {
			t.Errorf("%q is not canonical", text)
		}
	})
}

func TestModuleNamesStayBelowTheScript(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, "a_1/b2": true, strings.Repeat("a", MaxModuleName): true, "": false, "a.b": false,
		"..": false, "a/../b": false, "/a": false, "a/": false, "a//b": false, "A": false, "a b": false,
		"ä": false, "a\\b": false, strings.Repeat("a", MaxModuleName+1): false,
	} {
		if IsModule(name) != want {
			t.Errorf("%q: got %t, want %t", name, !want, want)
		}
	}
}

// TestRefusals names everything that is wrong with a bundle at once, each where it is.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		what  string
		files []File
		want  string
	}{
		{"missing", []File{{"", []byte("\nrequire 'b'")}, {"b", []byte("\n\nrequire 'c'")}},
			"b.lua:3: there is no module 'c'; it would be the file c.lua beside the script"},
		{"circle", []File{{"", []byte("require 'a'")}, {"a", []byte("require 'b'")},
			{"b", []byte("\nrequire 'c'")}, {"c", []byte("require 'b' require 'd'")}, {"d", nil}},
			"c.lua:1: modules require each other in a circle: b -> c -> b"},
		{"itself", []File{{"", []byte("require 'a'")}, {"a", []byte("require 'a'")}},
			"a.lua:1: modules require each other in a circle: a -> a"},
		{"unused", []File{{"", nil}, {"a", nil}},
			"x.lua: nothing requires the module 'a' of the bundle"},
		{"all files", []File{{"", []byte("require 'a' local function f() g = 1 end\nreturn os")},
			{"a", []byte("return valeu, io")}},
			"x.lua:2: os is not available: " + adviceOS + "\n" +
				"x.lua:1: assignment to the global variable 'g' in a function; use 'local', or " +
				"state.map for what must last\n" +
				"a.lua:1: undefined variable 'valeu'; define it with 'local' before its use\n" +
				"a.lua:1: io is not available: " + adviceFiles},
		{"a file that does not parse hides only what it may define",
			[]File{{"", []byte("require 'a' return defined_in_a, os")}, {"a", []byte("=")}},
			"a.lua:1: syntax error near '='\nx.lua:1: os is not available: " + adviceOS},
	} {
		_, err := Compile("x.lua", Bundle(c.files))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: got  %v\nwant %s", c.what, err, c.want)
		}
		var first *ScriptError
		if problems := Problems(err); !errors.As(err, &first) || first != problems[0] {
			t.Errorf("%s: errors.As finds %v", c.what, first)
		}
	}
}

func TestRequireRunsAModuleOnce(t *testing.T) {
	program, err := Compile("x.lua", Bundle([]File{
		{"", []byte("times = 0 local a, b = require 'a', require('a') require 'none'\n" +
			"return function() return times, a == b, a.n, require 'none' end")},
		{"a", []byte("times = times + 1 return {n = 7}")}, {"none", []byte("times = times + 1")},
	}))
	if err != nil {
		t.Fatal(err)
	}
	v := New()
	f, err := v.Load(program)
	if err != nil {
		t.Fatal(err)
	}
	v.L.Push(f)
	_, problem := v.Run(0)
	if problem == nil || !strings.Contains(problem.Text(), "require may be used only while the "+
		"script loads") || !strings.HasPrefix(problem.Text(), "x.lua:2:") {
		t.Errorf("require after the load: got %v", problem)
	}
	if got := v.globals.RawGetString("times").String(); got != "2" {
		t.Errorf("modules ran %s times", got)
	}
}
