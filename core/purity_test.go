package core_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// moduleRoot is where go.mod lies, seen from this folder.
const moduleRoot = ".."

// source is one Go file of the module.
type source struct {
	path string // from the module's root, with slashes
	dir  string
	test bool
	fset *token.FileSet
	file *ast.File
	size int // lines
}

// sources parses every Go file of the module. Files that do not parse are
// somebody's work in progress, and are the compiler's to report.
func sources(t *testing.T) []source {
	var all []source
	err := filepath.WalkDir(moduleRoot, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() && name != moduleRoot && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(base, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(moduleRoot, name)
		if err != nil {
			return err
		}
		s := source{path: filepath.ToSlash(rel), fset: token.NewFileSet(), test: strings.HasSuffix(base, "_test.go")}
		s.dir = path.Dir(s.path)
		s.size = strings.Count(string(text), "\n")
		if s.file, err = parser.ParseFile(s.fset, name, text, parser.ParseComments|parser.SkipObjectResolution); err != nil {
			t.Logf("%s does not parse: %v", s.path, err)
			return nil
		}
		all = append(all, s)
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all
}

func (s *source) imports() []string {
	var all []string
	for _, i := range s.file.Imports {
		p, _ := strconv.Unquote(i.Path.Value) // the parser has checked it
		all = append(all, p)
	}
	return all
}

func (s *source) at(n ast.Node) string {
	return s.path + ":" + strconv.Itoa(s.fset.Position(n.Pos()).Line)
}

// pure are the packages that core may import: none can do IO, tell the time or
// start a goroutine.
var pure = []string{
	"cmp", "crypto/sha256", "encoding/binary", "encoding/hex", "errors", "hash", "hash/fnv", "iter", "math", "math/bits",
	"math/rand/v2", "slices", "sort", "strconv", "strings",
}

// constructors are what core may call of math/rand/v2: everything else there
// draws from a global source.
var constructors = []string{"New", "NewPCG", "NewChaCha8", "NewZipf", "Rand", "PCG", "Source", "ChaCha8", "Zipf"}

func TestCoreIsPure(t *testing.T) {
	for _, s := range sources(t) {
		if s.dir != "core" || s.test {
			continue
		}
		for _, f := range impurities(&s) {
			t.Error(f)
		}
	}
}

// impurities lists what makes a file of core depend on anything but its inputs.
func impurities(s *source) []string {
	var found []string
	for _, p := range s.imports() {
		if !slices.Contains(pure, p) {
			found = append(found, s.path+" imports "+p)
		}
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			found = append(found, s.at(n)+": starts a goroutine")
		case *ast.SelectStmt:
			found = append(found, s.at(n)+": selects")
		case *ast.ChanType:
			found = append(found, s.at(n)+": has a channel")
		case *ast.SendStmt:
			found = append(found, s.at(n)+": sends on a channel")
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == "rand" && !slices.Contains(constructors, n.Sel.Name) {
				found = append(found, s.at(n)+": uses the global rand."+n.Sel.Name)
			}
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "print" || f.Name == "println") {
				found = append(found, s.at(n)+": prints")
			}
		}
		return true
	})
	return append(found, globals(s)...)
}

// globals lists package variables that could change: exported ones, those of a
// type that is shared by reference, and those that are assigned to in the file.
func globals(s *source) []string {
	var found []string
	names := map[string]bool{}
	for _, d := range s.file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, spec := range g.Specs {
			v := spec.(*ast.ValueSpec)
			for i, name := range v.Names {
				names[name.Name] = true
				if name.IsExported() {
					found = append(found, s.at(name)+": exports the variable "+name.Name)
				}
				if len(v.Values) <= i {
					found = append(found, s.at(name)+": declares the variable "+name.Name+" without a value")
				} else if shared(v.Values[i]) {
					found = append(found, s.at(name)+": shares "+name.Name+" by reference")
				}
			}
		}
	}
	changed := func(e ast.Expr) {
		for {
			switch x := e.(type) {
			case *ast.IndexExpr:
				e = x.X
				continue
			case *ast.SelectorExpr:
				e = x.X
				continue
			case *ast.Ident:
				if names[x.Name] {
					found = append(found, s.at(x)+": changes "+x.Name)
				}
			}
			return
		}
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				for _, l := range n.Lhs {
					changed(l)
				}
			}
		case *ast.IncDecStmt:
			changed(n.X)
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				changed(n.X)
			}
		}
		return true
	})
	return found
}

// shared reports whether a value can be changed through a copy of it.
func shared(e ast.Expr) bool {
	switch x := e.(type) {
	case *ast.UnaryExpr:
		return x.Op == token.AND
	case *ast.CallExpr:
		f, ok := x.Fun.(*ast.Ident)
		return ok && (f.Name == "make" || f.Name == "new")
	case *ast.CompositeLit:
		switch a := x.Type.(type) {
		case *ast.MapType:
			return true
		case *ast.ArrayType:
			return a.Len == nil
		}
	}
	return false
}

func TestPurityTestSeesWhatIsImpure(t *testing.T) {
	for text, want := range map[string]string{
		`import "time"`:                               "imports time",
		`func f() { go f() }`:                         "goroutine",
		`func f() { select {} }`:                      "selects",
		`type t struct{ c chan int }`:                 "channel",
		`import "math/rand/v2"; var _ = rand.IntN(3)`: "global rand.IntN",
		`var X = 1`:                                   "exports",
		`var x int`:                                   "without a value",
		`var x = map[int]int{}`:                       "by reference",
		`var x = []int{1}`:                            "by reference",
		`var x = &t{}`:                                "by reference",
		`var x = [2]int{}; func f() { x[0] = 1 }`:     "changes x",
		`var x = 1; func f() { x++ }`:                 "changes x",
		`var x = 1; func f() *int { return &x }`:      "changes x",
		`func f() { println() }`:                      "prints",
	} {
		s := source{path: "core/x.go", fset: token.NewFileSet()}
		var err error
		s.file, err = parser.ParseFile(s.fset, "x.go", "package core; "+text, parser.SkipObjectResolution)
		require.NoError(t, err, text)
		assert.Contains(t, strings.Join(impurities(&s), "\n"), want, text)
	}
	s := source{path: "core/x.go", fset: token.NewFileSet()}
	var err error
	s.file, err = parser.ParseFile(s.fset, "x.go", `package core; import "math/rand/v2"; var x = [1]int{1}; func f() int { return x[0] + rand.New(rand.NewPCG(1, 2)).IntN(3) }`, parser.SkipObjectResolution)
	require.NoError(t, err)
	assert.Empty(t, impurities(&s))
}

// layer says what of the project a package may import.
type layer struct {
	dir     string   // with everything below that has no layer of its own
	imports []string // packages of the project, "*" = everything below cmd
	other   []string // prefixes of modules beside the standard library
}

// layers are the directions of imports; the first whose dir fits counts. A
// package without a layer must be given one.
var layers = []layer{
	{"core/sched", []string{"core", "core/sched"}, []string{"gonum.org/v1/gonum"}},
	{"core/result", []string{"core"}, []string{"gonum.org/v1/gonum/stat"}},
	{"core/metrics", []string{"core"}, []string{"github.com/prometheus"}},
	{"core/coretest", []string{"core"}, nil},
	{"core", nil, nil},
	{"kb/world", []string{"core", "kb"}, nil},
	{"kb", []string{"core", "kb"}, []string{"github.com/BurntSushi/toml", "gonum.org/v1/gonum"}},
	{"scenarios/testbed", []string{"core", "core/result", "kb", "kb/world", "scenarios"}, nil},
	{"scenarios", []string{"core", "core/sched", "kb", "scenarios"}, []string{"github.com/BurntSushi/toml"}},
	{"sim", []string{"core", "core/sched", "core/result", "core/metrics", "core/coretest", "kb", "kb/world", "scenarios", "scenarios/testbed", "sim"}, nil},
	{"live/wire", []string{"core"}, nil},
	{"live", []string{"core", "core/sched", "core/result", "core/metrics", "kb", "kb/world", "scenarios", "scenarios/testbed", "live", "live/wire"}, []string{""}},
	{"bench", []string{"*"}, []string{""}},
	{"cmd", []string{"*"}, []string{""}},
	{"internal", []string{"*"}, []string{""}},
	{".", []string{"*"}, []string{""}},
}

func layerOf(dir string) *layer {
	for i := range layers {
		if l := &layers[i]; dir == l.dir || strings.HasPrefix(dir, l.dir+"/") {
			return l
		}
	}
	return nil
}

// misdirected returns what is wrong with a file's imports. Tests may import any
// package that does not import theirs (the compiler sees to that).
func misdirected(s *source) []string {
	l := layerOf(s.dir)
	if l == nil {
		return []string{s.path + ": the package " + s.dir + " has no layer; give it one in this test"}
	}
	var found []string
	for _, p := range s.imports() {
		first, _, _ := strings.Cut(p, "/")
		switch {
		case first == "vidq":
			p = strings.TrimPrefix(p, "vidq/")
			ok := slices.ContainsFunc(l.imports, func(a string) bool {
				return a == "*" && !strings.HasPrefix(p, "cmd") || a == p || a == l.dir && layerOf(p) == l
			})
			ok = ok || s.test && !strings.HasPrefix(p, "cmd/")
			if !ok {
				found = append(found, s.path+" imports vidq/"+p)
			}
		case strings.Contains(first, "."):
			ok := slices.ContainsFunc(l.other, func(a string) bool { return strings.HasPrefix(p, a) })
			if !ok && !s.test {
				found = append(found, s.path+" imports "+p)
			}
		}
	}
	return found
}

func TestImportsRunOneWay(t *testing.T) {
	for _, s := range sources(t) {
		for _, f := range misdirected(&s) {
			t.Error(f)
		}
	}
}

func TestImportTestSeesTheWrongWay(t *testing.T) {
	for _, c := range []struct{ dir, imports, want string }{
		{"core", "vidq/kb", "imports vidq/kb"},
		{"core/sched", "vidq/kb", "imports vidq/kb"},
		{"core/result", "github.com/prometheus/client_golang/prometheus", "imports github.com"},
		{"core/metrics", "github.com/prometheus/client_golang/prometheus", ""},
		{"kb", "vidq/kb/world", "imports vidq/kb/world"},
		{"kb/world", "vidq/kb", ""},
		{"sim", "vidq/live", "imports vidq/live"},
		{"live", "vidq/sim", "imports vidq/sim"},
		{"live/store", "vidq/live", ""},
		{"live/wire", "vidq/core", ""},
		{"live/wire", "vidq/live", "imports vidq/live"},
		{"live/wire", "vidq/kb", "imports vidq/kb"},
		{"live/wire", "github.com/prometheus/client_golang/prometheus", "imports github.com"},
		{"live", "vidq/live/wire", ""},
		{"bench/kernel", "vidq/cmd/vidq-sim", "imports vidq/cmd"},
		{"scenarios", "vidq/sim", "imports vidq/sim"},
		{"elsewhere", "fmt", "has no layer"},
	} {
		s := source{path: c.dir + "/x.go", dir: c.dir, fset: token.NewFileSet()}
		var err error
		s.file, err = parser.ParseFile(s.fset, "x.go", "package x; import _ "+strconv.Quote(c.imports), 0)
		require.NoError(t, err)
		got := strings.Join(misdirected(&s), "\n")
		if c.want == "" {
			assert.Empty(t, got)
		} else {
			assert.Contains(t, got, c.want)
		}
	}
}
