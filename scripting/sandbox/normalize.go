package sandbox

import (
	"fmt"

	"github.com/yuin/gopher-lua/ast"
)

// The names of functions that stand for operators. No script can write them.
const (
	concatName = "(concat)"
	powName    = "(pow)"
)

// maxConcat is how many operands one call of concat gets: registers are few.
const maxConcat = 40

// Normalize rewrites a syntax tree into one that means the same and that gopher-lua v1.1.2 compiles
// correctly. The rules, each with what is compiled wrongly otherwise:
//
//	a, b = b, a             temporaries for every part           the result is 2, 2
//	x = f() and g()         through a fresh local                x keeps its old value
//	x = (f(y))              the brackets go, where they are idle y is read after it was overwritten
//	if true then …          a comparison of constants            jumps that never end
//	for … do break end      a local before the break             jumps anywhere
//	1 and x, nil or x, …    the operand that counts              wrong jumps
//
// Two operators become calls, because as instructions they cannot be metered (a .. b) or depend on
// the processor (a ^ b).
func Normalize(chunk []ast.Stmt) []ast.Stmt {
	z := &normalizer{}
	return z.block(chunk)
}

type normalizer struct{ temporaries int }

// at gives a made node the place of the one that it stands for.
func at[T ast.PositionHolder](place ast.PositionHolder, node T) T {
	node.SetLine(place.Line())
	node.SetLastLine(max(place.Line(), place.LastLine()))
	return node
}

// fresh makes a name that no script can write.
func (z *normalizer) fresh() string {
	z.temporaries++
	return fmt.Sprintf("(%d)", z.temporaries)
}

func (z *normalizer) block(in []ast.Stmt) []ast.Stmt {
	for i, s := range in {
		in[i] = z.stmt(s)
	}
	return in
}

func (z *normalizer) stmt(s ast.Stmt) ast.Stmt {
	switch x := s.(type) {
	case *ast.AssignStmt:
		return z.assign(x)
	case *ast.LocalAssignStmt:
		z.exprs(x.Exprs)
		if len(x.Names) == len(x.Exprs) {
			adjust(x.Exprs[len(x.Exprs)-1], false)
		}
	case *ast.FuncCallStmt:
		z.expr(&x.Expr)
	case *ast.DoBlockStmt:
		z.block(x.Stmts)
	case *ast.WhileStmt:
		z.condition(&x.Condition)
		z.block(x.Stmts)
	case *ast.RepeatStmt:
		z.condition(&x.Condition)
		x.Stmts = z.loop(x.Stmts)
	case *ast.IfStmt:
		z.condition(&x.Condition)
		z.block(x.Then)
		z.block(x.Else)
	case *ast.NumberForStmt:
		z.expr(&x.Init)
		z.expr(&x.Limit)
		z.expr(&x.Step)
		z.block(x.Stmts)
	case *ast.GenericForStmt:
		z.exprs(x.Exprs)
		x.Stmts = z.loop(x.Stmts)
	case *ast.FuncDefStmt:
		z.expr(&x.Name.Func)
		z.expr(&x.Name.Receiver)
		z.block(x.Func.Stmts)
	case *ast.ReturnStmt:
		z.exprs(x.Exprs)
	}
	return s
}

// loop sees to it that the body of a loop does not begin with a jump: when the compiler shortens
// the jump back to it, it takes for a label what is a distance already.
func (z *normalizer) loop(body []ast.Stmt) []ast.Stmt {
	if !beginsWithBreak(z.block(body)) {
		return body
	}
	first := at(body[0], &ast.LocalAssignStmt{Names: []string{z.fresh()}})
	return append([]ast.Stmt{first}, body...)
}

func beginsWithBreak(body []ast.Stmt) bool {
	for _, s := range body {
		switch x := s.(type) {
		case *ast.BreakStmt:
			return true
		case *ast.DoBlockStmt:
			if beginsWithBreak(x.Stmts) {
				return true
			}
			if !isEmpty(x.Stmts) {
				return false
			}
		default:
			return false
		}
	}
	return false
}

// isEmpty reports whether a block holds nothing but empty blocks.
func isEmpty(body []ast.Stmt) bool {
	for _, s := range body {
		if x, ok := s.(*ast.DoBlockStmt); !ok || !isEmpty(x.Stmts) {
			return false
		}
	}
	return true
}

// assign evaluates everything on both sides into locals first, unless there is one of each.
func (z *normalizer) assign(x *ast.AssignStmt) ast.Stmt {
	z.exprs(x.Lhs)
	z.exprs(x.Rhs)
	if len(x.Lhs) == 1 && len(x.Rhs) == 1 {
		_, logical := x.Rhs[0].(*ast.LogicalOpExpr)
		if _, field := x.Lhs[0].(*ast.AttrGetExpr); field || !logical {
			adjust(x.Rhs[0], false)
			return x
		}
	}
	var body []ast.Stmt
	local := func(e ast.Expr) ast.Expr {
		if _, constant := e.(*ast.StringExpr); constant {
			return e
		}
		name := z.fresh()
		adjust(e, false)
		body = append(body, at(x, &ast.LocalAssignStmt{Names: []string{name}, Exprs: []ast.Expr{e}}))
		return at(x, &ast.IdentExpr{Value: name})
	}
	for i, l := range x.Lhs {
		if a, ok := l.(*ast.AttrGetExpr); ok {
			x.Lhs[i] = at(l, &ast.AttrGetExpr{Object: local(a.Object), Key: local(a.Key)})
		}
	}
	names := make([]string, len(x.Lhs))
	for i := range names {
		names[i] = z.fresh()
	}
	if len(names) == len(x.Rhs) {
		adjust(x.Rhs[len(x.Rhs)-1], false)
	}
	body = append(body, at(x, &ast.LocalAssignStmt{Names: names, Exprs: x.Rhs}))
	for i := len(x.Lhs) - 1; i >= 0; i-- {
		value := at(x, &ast.IdentExpr{Value: names[i]})
		body = append(body, at(x, &ast.AssignStmt{Lhs: x.Lhs[i : i+1], Rhs: []ast.Expr{value}}))
	}
	return at(x, &ast.DoBlockStmt{Stmts: body})
}

// adjust says whether a call or ... is cut to exactly one value.
func adjust(e ast.Expr, one bool) {
	switch x := e.(type) {
	case *ast.FuncCallExpr:
		x.AdjustRet = one
	case *ast.Comma3Expr:
		x.AdjustRet = one
	}
}

// condition hides a constant from the compiler: what it leaves out it still jumps to.
func (z *normalizer) condition(e *ast.Expr) {
	z.expr(e)
	if truth := constant(*e); truth != unknown {
		zero := func() ast.Expr { return at(*e, &ast.NumberExpr{Value: "0"}) }
		operator := "=="
		if truth == falsy {
			operator = "~="
		}
		*e = at(*e, &ast.RelationalOpExpr{Operator: operator, Lhs: zero(), Rhs: zero()})
	}
}

type truth int

const (
	unknown truth = iota
	truthy
	falsy
)

// constant tells whether e is known to count as true or as false.
func constant(e ast.Expr) truth {
	switch x := e.(type) {
	case *ast.UnaryNotOpExpr:
		return map[truth]truth{truthy: falsy, falsy: truthy}[constant(x.Expr)]
	case *ast.TrueExpr, *ast.NumberExpr, *ast.StringExpr, *ast.FunctionExpr:
		return truthy
	case *ast.FalseExpr, *ast.NilExpr:
		return falsy
	}
	return unknown
}

func (z *normalizer) exprs(list []ast.Expr) {
	for i := range list {
		z.expr(&list[i])
	}
}

func (z *normalizer) expr(e *ast.Expr) {
	switch x := (*e).(type) {
	case *ast.AttrGetExpr:
		z.expr(&x.Object)
		z.expr(&x.Key)
	case *ast.TableExpr:
		for _, f := range x.Fields {
			z.expr(&f.Key)
			z.expr(&f.Value)
		}
	case *ast.FuncCallExpr:
		z.expr(&x.Func)
		z.expr(&x.Receiver)
		z.exprs(x.Args)
	case *ast.LogicalOpExpr:
		z.expr(&x.Lhs)
		z.expr(&x.Rhs)
		z.fold(e, x)
	case *ast.RelationalOpExpr:
		z.expr(&x.Lhs)
		z.expr(&x.Rhs)
	case *ast.StringConcatOpExpr:
		*e = z.concat(x)
	case *ast.ArithmeticOpExpr:
		z.expr(&x.Lhs)
		z.expr(&x.Rhs)
		if x.Operator == "^" {
			*e = call(x, powName, x.Lhs, x.Rhs)
		}
	case *ast.UnaryMinusOpExpr:
		z.expr(&x.Expr)
	case *ast.UnaryNotOpExpr:
		z.expr(&x.Expr)
	case *ast.UnaryLenOpExpr:
		z.expr(&x.Expr)
	case *ast.FunctionExpr:
		z.block(x.Stmts)
	}
}

// fold takes a constant left operand away from and/or.
func (z *normalizer) fold(e *ast.Expr, x *ast.LogicalOpExpr) {
	t := constant(x.Lhs)
	switch {
	case t == unknown:
	case (t == truthy) == (x.Operator == "or"):
		*e = x.Lhs
	default:
		adjust(x.Rhs, true) // within and/or a call gives one value; it still must
		*e = x.Rhs
	}
}

// concat makes calls of a chain of concatenations, which associate to the right.
func (z *normalizer) concat(x *ast.StringConcatOpExpr) ast.Expr {
	parts := []ast.Expr{x.Lhs}
	rest := x.Rhs
	for {
		next, ok := rest.(*ast.StringConcatOpExpr)
		if !ok {
			break
		}
		parts, rest = append(parts, next.Lhs), next.Rhs
	}
	parts = append(parts, rest)
	z.exprs(parts)
	for len(parts) > maxConcat {
		first := len(parts) - maxConcat
		parts = append(parts[:first:first], call(x, concatName, parts[first:]...))
	}
	return call(x, concatName, parts...)
}

// call makes a call that gives one value, of arguments that do.
func call(place ast.Expr, name string, args ...ast.Expr) ast.Expr {
	adjust(args[len(args)-1], true)
	return at(place, &ast.FuncCallExpr{
		Func: at(place, &ast.IdentExpr{Value: name}), Args: args, AdjustRet: true,
	})
}
