package tidy

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// Load parses every package below root, tests and files for other systems included. It looks into
// no testdata, no hidden directory and no module of its own. The pure packages get types too.
func Load(root string) ([]*Package, error) {
	var packages []*Package
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(dir string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		if dir != root && foreign(dir, entry.Name()) {
			return fs.SkipDir
		}
		p, err := loadDir(fset, root, dir)
		if p != nil {
			packages = append(packages, p)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return packages, addTypes(root, packages)
}

func foreign(dir, name string) bool {
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" {
		return true
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func loadDir(fset *token.FileSet, root, dir string) (*Package, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(names) == 0 {
		return nil, err
	}
	relative, err := filepath.Rel(root, dir)
	if err != nil {
		return nil, err
	}
	p := &Package{Path: filepath.ToSlash(relative), Fset: fset}
	for _, name := range names {
		source, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // an editor's temporary file that is gone again
		}
		if err != nil {
			return nil, err
		}
		if err := p.add(path.Join(p.Path, filepath.Base(name)), source); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// add parses one file into the package.
func (p *Package) add(name string, source []byte) error {
	syntax, err := parser.ParseFile(p.Fset, name, source, parser.ParseComments)
	if err != nil {
		return err
	}
	if ast.IsGenerated(syntax) {
		return nil // its style is its generator's
	}
	test := strings.HasSuffix(name, "_test.go")
	p.Files = append(p.Files, &File{Name: name, Test: test, Syntax: syntax, Source: source})
	return nil
}

// addTypes gives the pure packages their types. The compiler's export data, which go list knows
// where to find, stands in for the packages that they import.
func addTypes(root string, packages []*Package) error {
	var pure []*Package
	arguments := []string{"list", "-export", "-deps", "-json=ImportPath,Export"}
	for _, p := range packages {
		if isPure(p.Path) && len(p.code()) > 0 {
			pure = append(pure, p)
			arguments = append(arguments, "./"+p.Path)
		}
	}
	if len(pure) == 0 {
		return nil
	}
	export, err := exportData(root, arguments)
	if err != nil {
		return err
	}
	compiled := importer.ForCompiler(pure[0].Fset, "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(export[path])
	})
	for _, p := range pure {
		if err := p.check(compiled); err != nil {
			return err
		}
	}
	return nil
}

func exportData(root string, arguments []string) (map[string]string, error) {
	var message strings.Builder
	list := exec.Command("go", arguments...)
	list.Dir, list.Stderr = root, &message
	output, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, message.String())
	}
	export := make(map[string]string)
	for decoder := json.NewDecoder(strings.NewReader(string(output))); ; {
		var p struct{ ImportPath, Export string }
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return export, nil
		} else if err != nil {
			return nil, fmt.Errorf("read go list: %w", err)
		}
		export[p.ImportPath] = p.Export
	}
}

// check finds the types of the package's code.
func (p *Package) check(imports types.Importer) error {
	var files []*ast.File
	for _, f := range p.code() {
		files = append(files, f.Syntax)
	}
	p.Info = &types.Info{Types: make(map[ast.Expr]types.TypeAndValue)}
	_, err := (&types.Config{Importer: imports}).Check(p.Path, p.Fset, files, p.Info)
	return err
}
