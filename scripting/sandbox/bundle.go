package sandbox

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
)

// The bounds of what a script requires. All its files together are a source of at most MaxSource.
const (
	MaxModules    = 256
	MaxModuleName = 64
)

// File is one of the files that make a program.
type File struct {
	Module string // what require calls it; empty: it is the script itself
	Text   []byte
}

// bundleMagic begins a source that is more than one file:
//
//	-- tidelock bundle 1
//	-- main LENGTH
//	the script, LENGTH bytes, and a line feed
//	-- module NAME LENGTH         as often as there are modules, by ascending name
//	its text, and a line feed
//
// The same files make the same bytes, and nothing else reads as them.
const bundleMagic = "-- tidelock bundle 1\n"

// Bundle makes one source of a script, which comes first, and the modules that it requires. A
// script without modules is its own source.
func Bundle(files []File) []byte {
	if len(files) == 1 && !bytes.HasPrefix(files[0].Text, []byte(bundleMagic)) {
		return files[0].Text
	}
	modules := slices.SortedFunc(slices.Values(files[1:]), func(a, b File) int {
		return strings.Compare(a.Module, b.Module)
	})
	b := fmt.Appendf([]byte(bundleMagic), "-- main %d\n%s\n", len(files[0].Text), files[0].Text)
	for _, m := range modules {
		b = fmt.Appendf(b, "-- module %s %d\n%s\n", m.Module, len(m.Text), m.Text)
	}
	return b
}

// Unbundle is the inverse of Bundle: the script, and then its modules by ascending name, which
// share the memory of text. The error says what is wrong, for people.
func Unbundle(text []byte) ([]File, error) {
	if !bytes.HasPrefix(text, []byte(bundleMagic)) {
		return []File{{Text: text}}, nil
	}
	var files []File
	for rest := text[len(bundleMagic):]; len(rest) > 0; {
		head, body, _ := bytes.Cut(rest, []byte("\n"))
		words := strings.Split(string(head[:min(len(head), 2*MaxModuleName)]), " ")
		size, err := strconv.Atoi(words[len(words)-1])
		if err != nil || size < 0 || size >= len(body) || len(files) > MaxModules {
			return nil, fmt.Errorf("the bundle is damaged at byte %d", len(text)-len(rest))
		}
		f := File{Text: body[:size]}
		if len(words) == 4 {
			f.Module = words[2]
		}
		if (len(files) == 0) != (f.Module == "") || f.Module != "" && !IsModule(f.Module) ||
			len(files) > 1 && f.Module <= files[len(files)-1].Module {
			return nil, fmt.Errorf("the bundle has no business with '%s' at byte %d", f.Module,
				len(text)-len(rest))
		}
		files, rest = append(files, f), body[size+1:]
	}
	if len(files) == 0 || !bytes.Equal(Bundle(files), text) {
		return nil, fmt.Errorf("the bundle is not in its canonical form")
	}
	return files, nil
}

// IsModule reports whether a script may require a module of this name: names of small letters,
// digits and _, with slashes between them.
func IsModule(name string) bool {
	if len(name) > MaxModuleName {
		return false
	}
	for _, part := range strings.Split(name, "/") {
		if part == "" || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			return false
		}
	}
	return true
}

// Requires lists the names that a file requires, in no special order. Of a file that does not
// parse it lists none: Compile will say why.
func Requires(file string, text []byte) []string {
	p := &Program{file: file}
	if bytes.HasPrefix(text, []byte(bundleMagic)) || scan(file, text) != nil {
		return nil
	}
	if _, err := p.parse(text); err != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(p.requires))
}

// judgeRequire notes what is required where. All names must be seen without running the script.
func (p *Program) judgeRequire(node ast.PositionHolder) error {
	switch n := node.(type) {
	case *ast.FuncCallExpr:
		callee, ok := n.Func.(*ast.IdentExpr)
		if !ok || callee.Value != "require" {
			return nil
		}
		name, ok := (*ast.StringExpr)(nil), false
		if len(n.Args) == 1 {
			name, ok = n.Args[0].(*ast.StringExpr)
		}
		if !ok || !IsModule(name.Value) {
			return p.refuse(callee.Line(), "require takes one name in quotes: small letters, digits and _, "+
				"and / between folders, at most %d", MaxModuleName)
		}
		if p.requires == nil {
			p.requires, p.callees = map[string]int{}, map[*ast.IdentExpr]bool{}
		}
		if at, known := p.requires[name.Value]; !known || callee.Line() < at {
			p.requires[name.Value] = callee.Line()
		}
		p.callees[callee] = true
	case *ast.IdentExpr:
		if n.Value == "require" && !p.callees[n] {
			return p.refuse(n.Line(), "require can only be called, as in local x = require \"x\"")
		}
	}
	return nil
}

// checkModules refuses modules that are not there, and those that require each other in a circle.
func (p *Program) checkModules() (problems []*ScriptError) {
	done := map[*Program]bool{}
	var visit func(u *Program, chain []string)
	visit = func(u *Program, chain []string) {
		for _, name := range slices.Sorted(maps.Keys(u.requires)) {
			m, at := p.modules[name], u.requires[name]
			switch from := slices.Index(chain, name); {
			case m == nil:
				problems = append(problems, u.refuse(at,
					"there is no module '%s'; it would be the file %s.lua beside the script", name, name))
			case from >= 0:
				problems = append(problems, u.refuse(at, "modules require each other in a circle: %s",
					strings.Join(append(slices.Clone(chain[from:]), name), " -> ")))
			case !done[m]:
				visit(m, append(slices.Clone(chain), name))
			}
		}
		done[u] = true
	}
	visit(p, nil)
	if slices.ContainsFunc(p.units(), func(u *Program) bool { return u.proto == nil }) {
		return problems // what does not parse may require anything
	}
	for _, name := range slices.Sorted(maps.Keys(p.modules)) {
		if !done[p.modules[name]] {
			problems = append(problems, p.refuse(0, "nothing requires the module '%s' of the bundle", name))
		}
	}
	return problems
}

// require is the global function: the value of a module, which runs when it is first required.
func require(v *VM) int {
	name := v.text(1)
	if !v.loading {
		v.L.RaiseError("require may be used only while the script loads; keep what it returns in a local")
	}
	value, begun := v.required[name]
	if !begun {
		m := v.program.modules[name]
		if m == nil {
			v.L.RaiseError("there is no module '%s'", name)
		}
		v.required[name] = nil
		v.L.Push(v.L.NewFunctionFromProto(m.proto))
		v.L.Call(0, 1)
		if value = v.L.Get(-1); value == lua.LNil {
			value = lua.LTrue
		}
		v.required[name] = value
	}
	if value == nil {
		v.L.RaiseError("the module '%s' has not been loaded to its end", name)
	}
	return v.give(value)
}
