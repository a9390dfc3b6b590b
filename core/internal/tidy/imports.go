package tidy

import (
	"go/ast"
	"go/types"
	"path"
	"slices"
	"strconv"
	"strings"
)

// pure are the trees under rule 30.
var pure = []string{"core/raft", "core/engine", "core/quorum"}

// impure are the trees of the standard library that the pure core must not import: clocks,
// chance, concurrency, input and output, and maps, whose iterators come in any order.
var impure = []string{
	"time", "sync", "math/rand", "crypto/rand", "log", "os", "net", "io", "syscall", "runtime",
	"context", "maps", "unsafe",
}

// isPure reports whether rule 30 holds for the package.
func isPure(dir string) bool {
	return slices.ContainsFunc(pure, func(tree string) bool { return within(dir, tree) })
}

// checkPure is rule 30.
func checkPure(p *Package, report Report) {
	if !isPure(p.Path) {
		return
	}
	p.inspect(false, func(n ast.Node) {
		switch n := n.(type) {
		case *ast.GoStmt:
			report(n.Pos(), "go statement")
		case *ast.ImportSpec:
			if imported := importPath(n); slices.ContainsFunc(impure, func(tree string) bool {
				return within(imported, tree)
			}) {
				report(n.Pos(), "import of %s", imported)
			}
		case *ast.RangeStmt:
			if t := p.Info.TypeOf(n.X); t != nil && isMap(t) {
				report(n.Pos(), "range over a map")
			}
		}
	})
}

// isMap reports whether t is a map, or may be one by a type parameter.
func isMap(t types.Type) bool {
	if _, ok := t.Underlying().(*types.Map); ok {
		return true
	}
	union, ok := t.Underlying().(*types.Interface)
	if !ok {
		return false
	}
	for embedded := range union.EmbeddedTypes() {
		if either, ok := embedded.(*types.Union); ok {
			for term := range either.Terms() {
				if isMap(term.Type()) {
					return true
				}
			}
		} else if isMap(embedded) {
			return true
		}
	}
	return false
}

// arrow says what the packages of a tree may import of this module, beside their own tree, and
// whether they may import other modules. The first arrow whose tree holds the package counts.
type arrow struct {
	from    string
	to      []string
	foreign bool
}

var arrows = []arrow{
	{"core/internal", []string{"core/internal"}, false},
	{"core/quorum", []string{"core!", "core/internal"}, false},
	{"core/raft", []string{"core!", "core/quorum", "core/internal"}, false},
	{"core/engine", []string{"core!", "core/raft", "core/quorum", "core/internal"}, false},
	{"core/raftscript", []string{"core"}, false},
	{"core/session", []string{"core!"}, false},
	{"core/machinetest", []string{"core!"}, false},
	{"core/node", []string{"core!", "core/engine", "core/raft", "core/session", "core/internal"},
		false},
	{"core/sim", []string{"core", "transport", "persist", "scripting"}, true},
	{"core", nil, false},
	{"plugins/standard", []string{"plugins", "transport", "persist", "scripting"}, false},
	{"plugins/minimal", []string{"plugins", "transport", "persist", "scripting"}, false},
	{"plugins", []string{"core!", "persist/vfs!"}, false},
	{"transport/client", []string{"core!", "core/session", "transport"}, true},
	{"transport", []string{"core!"}, true},
	{"persist", []string{"core!"}, true},
	{"scripting", []string{"core!"}, true},
	{"cli", []string{"core", "plugins", "transport", "persist", "scripting"}, true},
	{"examples", []string{"core", "plugins", "transport", "persist", "scripting"}, true},
}

// checkArrows is rule 31. Tests may import what they like.
func checkArrows(p *Package, report Report) {
	i := slices.IndexFunc(arrows, func(a arrow) bool { return within(p.Path, a.from) })
	p.inspect(false, func(n ast.Node) {
		spec, ok := n.(*ast.ImportSpec)
		if !ok {
			return
		}
		file := path.Base(p.Fset.Position(spec.Pos()).Filename)
		switch imported := importPath(spec); {
		case i < 0:
			report(spec.Pos(), "no arrow says what %s may import", p.Path)
		case !arrows[i].allows(file, imported):
			report(spec.Pos(), "%s must not import %s", p.Path, imported)
		}
	})
}

// allows decides on one import. An arrow to core! is one to that package and none below it. The
// plugins are for the file of that name alone, which makes a plugin of the package.
func (a arrow) allows(file, imported string) bool {
	imported, inside := strings.CutPrefix(imported, Module+"/")
	if !inside {
		return a.foreign || !strings.Contains(strings.Split(imported, "/")[0], ".")
	}
	if imported == "plugins" && file == "plugin.go" {
		return a.foreign
	}
	return a.from != "core" && within(imported, a.from) ||
		slices.ContainsFunc(a.to, func(to string) bool {
			exact, only := strings.CutSuffix(to, "!")
			return imported == exact || !only && within(imported, to)
		})
}

func importPath(s *ast.ImportSpec) string {
	unquoted, err := strconv.Unquote(s.Path.Value)
	if err != nil {
		return s.Path.Value
	}
	return unquoted
}

// skips are the methods by which a test would not run.
var skips = []string{"Skip", "Skipf", "SkipNow"}

// checkTests is rule 39.
func checkTests(p *Package, report Report) {
	p.inspect(true, func(n ast.Node) {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return
		}
		called, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return
		}
		if name(called) == "time.Sleep" || slices.Contains(skips, called.Sel.Name) {
			report(call.Pos(), "call of %s", name(called))
		}
	})
}
