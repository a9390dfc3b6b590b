package tidy

import (
	"fmt"
	"go/token"
	"go/types"
	"strings"
	"testing"
)

// TestModule runs every rule over every package of the module.
func TestModule(t *testing.T) {
	packages, err := Load("../../..")
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) < 2 {
		t.Fatalf("only %d packages found", len(packages))
	}
	for _, r := range Rules {
		t.Run(fmt.Sprintf("%02d %s", r.Number, r.Says), func(t *testing.T) {
			for _, p := range packages {
				for _, found := range r.Findings(p) {
					t.Error(found)
				}
			}
		})
	}
}

// snippet makes a package of one file.
func snippet(t *testing.T, name, source string) *Package {
	t.Helper()
	dir := name[:strings.LastIndex(name, "/")]
	p := &Package{Path: dir, Fset: token.NewFileSet()}
	if err := p.add(name, []byte(source)); err != nil {
		t.Fatal(err)
	}
	if isPure(dir) && len(p.code()) > 0 {
		if err := p.check(noImports{}); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// noImports stands in for packages whose content does not matter.
type noImports struct{}

func (noImports) Import(path string) (*types.Package, error) {
	return types.NewPackage(path, path[strings.LastIndex(path, "/")+1:]), nil
}

// TestRuleFindsBadSource proves each rule: the number of findings, and what the first one says.
func TestRuleFindsBadSource(t *testing.T) {
	for _, c := range badSources {
		t.Run(fmt.Sprintf("%02d %s", c.rule, c.name), func(t *testing.T) {
			file := c.file
			if file == "" {
				file = "core/x/x.go"
			}
			p := snippet(t, file, c.source)
			var found []string
			for _, r := range Rules {
				if r.Number == c.rule {
					found = append(found, r.Findings(p)...)
				}
			}
			if len(found) != c.count {
				t.Fatalf("%d findings, want %d:\n%s", len(found), c.count, strings.Join(found, "\n"))
			}
			if c.count > 0 && !strings.HasPrefix(found[0], file+":"+c.first) {
				t.Errorf("got %s\nwant %s:%s…", found[0], file, c.first)
			}
		})
	}
}
