// Package tidy holds the style sheet's machine-checkable rules, as a test over the whole module.
//
// Each rule is one function over a parsed package and one entry of Rules. The test in this package
// loads every package below the module's root and runs every rule over it; each rule is proved by
// a bad snippet that it must find. It judges form only: what a comment says, a reader must judge.
//
// Read next: Rules for the list, Load for what is looked at.
package tidy

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// Module is the path that every import of this module begins with.
const Module = "github.com/tidelock-raft/tidelock"

// Package is one directory of Go files, parsed.
type Package struct {
	Path  string // below the module's root, such as core/raft
	Fset  *token.FileSet
	Files []*File
	Info  *types.Info // of the files that are no tests; only where a rule needs types
}

// File is one Go file of a package.
type File struct {
	Name   string // below the module's root
	Test   bool   // the name ends in _test.go
	Syntax *ast.File
	Source []byte
}

// Rule is one rule of the style sheet.
type Rule struct {
	Number int
	Says   string
	Check  func(p *Package, report Report)
}

// Report takes a finding: the place, and what is wrong there.
type Report func(at token.Pos, format string, args ...any)

// Rules are all rules that a machine can check, by their number in the style sheet.
var Rules = []Rule{
	{8, "every package has a package comment, touching package", checkPackageComment},
	{9, "every exported name has a comment that begins with the name", checkExported},
	{15, "no to-do marks", checkMarks},
	{22, "a file has at most 600 lines, a function at most 70", checkLengths},
	{23, "a line has at most 100 columns", checkColumns},
	{28, "no package-level variables but errors, registries and tables", checkVariables},
	{28, "init only registers", checkInit},
	{30, "the pure core starts no goroutine, imports nothing impure, ranges over no map", checkPure},
	{31, "imports follow the arrows of core/doc.go", checkArrows},
	{39, "tests neither sleep nor skip", checkTests},
}

// Findings runs one rule over one package. A finding names the rule and file:line.
func (r Rule) Findings(p *Package) []string {
	var found []string
	r.Check(p, func(at token.Pos, format string, args ...any) {
		place := p.Fset.Position(at)
		found = append(found, fmt.Sprintf("%s:%d: %s (rule %d: %s)",
			place.Filename, place.Line, fmt.Sprintf(format, args...), r.Number, r.Says))
	})
	return found
}

// within reports whether path is tree or lies below it.
func within(path, tree string) bool {
	return path == tree || strings.HasPrefix(path, tree+"/")
}

// code returns the files that are no tests.
func (p *Package) code() []*File {
	var files []*File
	for _, f := range p.Files {
		if !f.Test {
			files = append(files, f)
		}
	}
	return files
}
