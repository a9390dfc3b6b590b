package tidy

import (
	"go/ast"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of rules 22 and 23.
const (
	maxFileLines     = 600
	maxFunctionLines = 70
	maxColumns       = 100
)

// checkPackageComment is rule 8. The comment of a command may begin as it likes, that of any other
// package begins with its name.
func checkPackageComment(p *Package, report Report) {
	files := p.code()
	for _, f := range files {
		if f.Syntax.Doc == nil {
			continue
		}
		name := f.Syntax.Name.Name
		if name != "main" && !strings.HasPrefix(f.Syntax.Doc.Text(), "Package "+name+" ") {
			report(f.Syntax.Doc.Pos(), "the comment does not begin with Package %s", name)
		}
		return
	}
	if len(files) > 0 {
		report(files[0].Syntax.Package, "no package comment")
	}
}

// mark is what rule 15 forbids; it is spelt so as not to find itself.
var mark = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)

// checkMarks is rule 15.
func checkMarks(p *Package, report Report) {
	for _, f := range p.Files {
		for _, group := range f.Syntax.Comments {
			for _, c := range group.List {
				if found := mark.FindString(c.Text); found != "" {
					report(c.Pos(), "%s", found)
				}
			}
		}
	}
}

// checkLengths is rule 22. The lines of a function are counted from func to its closing brace.
func checkLengths(p *Package, report Report) {
	for _, f := range p.Files {
		if n := strings.Count(string(f.Source), "\n"); n > maxFileLines {
			report(f.Syntax.Package, "the file has %d lines", n)
		}
		for _, d := range f.Syntax.Decls {
			function, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			n := p.Fset.Position(function.End()).Line - p.Fset.Position(function.Pos()).Line + 1
			if n > maxFunctionLines {
				report(function.Pos(), "%s has %d lines", function.Name.Name, n)
			}
		}
	}
}

// checkColumns is rule 23. A tab counts as one column.
func checkColumns(p *Package, report Report) {
	for _, f := range p.Files {
		file := p.Fset.File(f.Syntax.Package)
		for i, line := range strings.Split(string(f.Source), "\n") {
			if n := utf8.RuneCountInString(line); n > maxColumns {
				report(file.LineStart(i+1), "the line has %d columns", n)
			}
		}
	}
}

// checkExported is rule 9.
func checkExported(p *Package, report Report) {
	for _, f := range p.code() {
		for _, d := range f.Syntax.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && exportedReceiver(d) {
					checkComment(d.Name, d.Doc, report)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					checkSpec(d, s, report)
				}
			}
		}
	}
}

// exportedReceiver reports whether a function is to be seen from outside: a method of an
// unexported type is not.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	exported := false
	ast.Inspect(d.Recv.List[0].Type, func(n ast.Node) bool {
		name, ok := n.(*ast.Ident)
		exported = exported || ok && name.IsExported()
		return !ok
	})
	return exported
}

// checkSpec looks at one type, or one line of constants or variables. Those in parentheses may
// share the comment of the group, or have theirs at the end of the line.
func checkSpec(d *ast.GenDecl, s ast.Spec, report Report) {
	switch s := s.(type) {
	case *ast.TypeSpec:
		doc := s.Doc
		if doc == nil && !d.Lparen.IsValid() {
			doc = d.Doc
		}
		if s.Name.IsExported() {
			checkComment(s.Name, doc, report)
		}
	case *ast.ValueSpec:
		i := slices.IndexFunc(s.Names, (*ast.Ident).IsExported)
		switch {
		case i < 0:
		case s.Doc != nil:
			checkComment(s.Names[i], s.Doc, report)
		case s.Comment != nil, d.Lparen.IsValid() && d.Doc != nil:
		default:
			checkComment(s.Names[i], d.Doc, report)
		}
	}
}

func checkComment(name *ast.Ident, doc *ast.CommentGroup, report Report) {
	if doc == nil {
		report(name.Pos(), "%s has no comment", name.Name)
		return
	}
	first, _, _ := strings.Cut(strings.TrimSpace(doc.Text()), " ")
	first, _, _ = strings.Cut(first, "\n")
	if strings.TrimRight(first, ".,:;") != name.Name {
		report(name.Pos(), "the comment of %s begins with %q", name.Name, first)
	}
}

// inspect calls visit for every node of every file that is no test, or for the tests.
func (p *Package) inspect(tests bool, visit func(ast.Node)) {
	for _, f := range p.Files {
		if f.Test != tests {
			continue
		}
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			if n != nil {
				visit(n)
			}
			return true
		})
	}
}
