package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strconv"

	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"
)

// scan bounds what the parser and the compiler will see, token by token: both recurse, and search
// their constants one by one.
func scan(file string, text []byte) error {
	if len(text) > MaxSource {
		return &ScriptError{file, 0, fmt.Sprintf("the script has %d bytes, at most %d are allowed",
			len(text), MaxSource)}
	}
	s, lexer := parse.NewScanner(bytes.NewReader(text), file), &parse.Lexer{}
	depth, literals := 0, map[string]bool{}
	for {
		tok, err := s.Scan(lexer)
		var bad *parse.Error
		if errors.As(err, &bad) {
			return &ScriptError{file, max(0, bad.Pos.Line),
				fmt.Sprintf("%s near '%s'", bad.Message, bad.Token)}
		}
		lexer.PrevTokenType = tok.Type
		switch tok.Type {
		case parse.EOF:
			return nil
		case parse.TGoto, parse.T2Colon:
			return &ScriptError{file, tok.Pos.Line, "goto is not in Lua 5.1; use a loop or a function"}
		case '(', '[', '{', parse.TFunction, parse.TDo, parse.TThen, parse.TRepeat:
			depth++
		case ')', ']', '}', parse.TEnd, parse.TUntil, parse.TElseIf:
			depth--
		case parse.TIdent, parse.TNumber, parse.TString:
			literals[tok.Str] = true
		}
		if depth > MaxNesting {
			return errNesting(file, tok.Pos.Line)
		}
		if len(literals) > MaxLiterals {
			return &ScriptError{file, tok.Pos.Line, fmt.Sprintf(
				"more than %d different names, numbers and strings; keep data in state.map", MaxLiterals)}
		}
	}
}

func errNesting(file string, line int) error {
	return &ScriptError{file, line, fmt.Sprintf(
		"more than %d levels of nesting; split the expression or the function", MaxNesting)}
}

// judgeTree bounds the depth of the syntax tree, which chains of operators, calls and elseif make
// deep without any brackets, and refuses constants that would not mean the same everywhere. It
// walks with a stack of its own.
func judgeTree(p *Program, chunk []ast.Stmt) error {
	type place struct {
		at          reflect.Value
		depth, line int
	}
	for open := []place{{reflect.ValueOf(chunk), 0, 1}}; len(open) > 0; {
		next := open[len(open)-1]
		open = open[:len(open)-1]
		if next.depth > 4*MaxNesting { // a level of the source makes up to four of the tree
			return errNesting(p.file, next.line)
		}
		switch v := next.at; v.Kind() {
		case reflect.Interface:
			if node, ok := v.Interface().(ast.PositionHolder); ok {
				if err := judgeNode(p, node); err != nil {
					return err
				}
				open = append(open, place{v.Elem(), next.depth + 1, max(node.Line(), next.line)})
			}
		case reflect.Pointer:
			if !v.IsNil() {
				open = append(open, place{v.Elem(), next.depth, next.line})
			}
		case reflect.Struct:
			for i := range v.NumField() {
				open = append(open, place{v.Field(i), next.depth, next.line})
			}
		case reflect.Slice:
			for i := range v.Len() {
				open = append(open, place{v.Index(i), next.depth, next.line})
			}
		}
	}
	return nil
}

func judgeNode(p *Program, node ast.PositionHolder) error {
	n, ok := node.(*ast.NumberExpr)
	if !ok {
		return p.judgeRequire(node)
	}
	if _, err := strconv.ParseFloat(n.Value, 64); err == nil {
		return nil
	}
	if _, err := strconv.ParseInt(n.Value, 0, 64); err == nil {
		return nil
	}
	return p.refuse(n.Line(), "malformed number near '%s'", n.Value)
}
