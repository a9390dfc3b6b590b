package tidy

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// constantCalls are functions whose result is as good as a constant: errors and tables.
var constantCalls = []string{
	"errors.New", "fmt.Errorf", "regexp.MustCompile", "crc32.MakeTable", "crc64.MakeTable",
	"strings.NewReplacer", "reflect.TypeFor",
}

// constants are variables of the standard library that never change, and may have a shorter name.
var constants = []string{"binary.LittleEndian", "binary.BigEndian"}

// checkVariables is rule 28 but for init. Tests may have what variables they like.
func checkVariables(p *Package, report Report) {
	for _, f := range p.code() {
		for _, d := range f.Syntax.Decls {
			group, ok := d.(*ast.GenDecl)
			if !ok || group.Tok != token.VAR || embeds(group.Doc) {
				continue
			}
			for _, s := range group.Specs {
				v := s.(*ast.ValueSpec)
				for i, name := range v.Names {
					if !embeds(v.Doc) && !p.allowed(group, v, i) {
						report(name.Pos(), "%s is neither error, registry nor table", name.Name)
					}
				}
			}
		}
	}
}

// allowed decides on one variable: a compile-time check, an error, a registry, a table, or what
// the linker sets.
func (p *Package) allowed(group *ast.GenDecl, v *ast.ValueSpec, i int) bool {
	name := v.Names[i].Name
	switch {
	case name == "_",
		strings.HasSuffix(strings.ToLower(name), "registry"),
		group.Doc != nil && strings.Contains(group.Doc.Text(), "-ldflags"),
		v.Type != nil && p.table(v.Type):
		return true
	case i >= len(v.Values):
		return false
	}
	return p.constant(v.Values[i])
}

// constant reports whether a value is an error or a table.
func (p *Package) constant(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.UnaryExpr:
		return p.constant(e.X)
	case *ast.CompositeLit:
		return p.table(e.Type)
	case *ast.SelectorExpr:
		return slices.Contains(constants, name(e))
	case *ast.CallExpr:
		if callee := name(e.Fun); slices.Contains(constantCalls, callee) {
			return true
		}
		if literal, ok := e.Fun.(*ast.FuncLit); ok {
			return p.returnsTable(literal.Type)
		}
		if p.table(e.Fun) { // a conversion
			return true
		}
		called, ok := e.Fun.(*ast.Ident)
		if !ok {
			return false
		}
		if called.Name == "make" {
			return p.table(e.Args[0])
		}
		function, ok := p.find(called.Name).(*ast.FuncDecl)
		return ok && p.returnsTable(function.Type)
	}
	return false
}

func (p *Package) returnsTable(f *ast.FuncType) bool {
	return f.Results != nil && len(f.Results.List) == 1 && p.table(f.Results.List[0].Type)
}

// table reports whether a type is a map, a slice, an array, or a name for one. A channel, that is
// closed for good, counts too.
func (p *Package) table(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.MapType, *ast.ArrayType, *ast.ChanType:
		return true
	case *ast.StarExpr:
		return p.table(e.X)
	case *ast.Ident:
		named, ok := p.find(e.Name).(*ast.TypeSpec)
		return ok && p.table(named.Type)
	}
	return false
}

// find returns the function or type of that name at the top of the package.
func (p *Package) find(name string) ast.Node {
	for _, f := range p.code() {
		for _, d := range f.Syntax.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.Name == name {
					return d
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if t, ok := s.(*ast.TypeSpec); ok && t.Name.Name == name {
						return t
					}
				}
			}
		}
	}
	return nil
}

func embeds(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool {
		return strings.HasPrefix(c.Text, "//go:embed ")
	})
}

// name prints what is called: f, or x.f.
func name(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return name(e.X) + "." + e.Sel.Name
	case *ast.IndexExpr:
		return name(e.X)
	case *ast.IndexListExpr:
		return name(e.X)
	}
	return ""
}

// checkInit is the other half of rule 28: each statement of init calls a Register function.
func checkInit(p *Package, report Report) {
	for _, f := range p.code() {
		for _, d := range f.Syntax.Decls {
			function, ok := d.(*ast.FuncDecl)
			if !ok || function.Recv != nil || function.Name.Name != "init" {
				continue
			}
			for _, s := range function.Body.List {
				if !registers(s) {
					report(s.Pos(), "init does more than to register")
				}
			}
		}
	}
}

func registers(s ast.Stmt) bool {
	expression, ok := s.(*ast.ExprStmt)
	if !ok {
		return false
	}
	call, ok := expression.X.(*ast.CallExpr)
	if !ok {
		return false
	}
	called := name(call.Fun)
	called = called[strings.LastIndex(called, ".")+1:]
	return strings.HasPrefix(strings.ToLower(called), "register")
}
