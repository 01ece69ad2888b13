package core_test

import (
	"go/ast"
	"strconv"
	"testing"
)

// Bounds of the house style, for code that is not a test.
const (
	maxFunctionLines = 70
	maxFileLines     = 400
	maxMethods       = 7
)

// TestHouse holds the bounds of the house style in the whole module.
func TestHouse(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		if s.size > maxFileLines {
			t.Errorf("%s has %d lines, more than %d", s.path, s.size, maxFileLines)
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if lines := s.lines(n); lines > maxFunctionLines {
					t.Errorf("%s: %s has %d lines, more than %d", s.at(n), n.Name.Name, lines, maxFunctionLines)
				}
				if n.Name.IsExported() && n.Doc == nil && exportedReceiver(n) && s.dir != "bench" {
					t.Errorf("%s: %s has no doc comment", s.at(n), n.Name.Name)
				}
			case *ast.TypeSpec:
				if i, ok := n.Type.(*ast.InterfaceType); ok && i.Methods.NumFields() > maxMethods {
					t.Errorf("%s: the interface %s has %s methods, more than %d", s.at(n), n.Name.Name, strconv.Itoa(i.Methods.NumFields()), maxMethods)
				}
			}
			return true
		})
	}
}

// exportedReceiver reports whether a function, or the type of a method, is seen
// from outside.
func exportedReceiver(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return true
	}
	e := f.Recv.List[0].Type
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}

// lines returns how many lines a function has, from its signature to its brace.
func (s *source) lines(n ast.Node) int {
	return s.fset.Position(n.End()).Line - s.fset.Position(n.Pos()).Line + 1
}
