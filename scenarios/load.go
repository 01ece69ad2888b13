package scenarios

import (
	"cmp"
	"embed"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"vidq/kb"
)

//go:embed *.toml suite/*.toml
var shipped embed.FS

//go:embed traces/*.csv
var shippedTraces embed.FS

// MaxFile is the size in bytes above which a scenario file is refused unread.
const MaxFile = 1 << 20

// Names returns the names of the shipped scenarios, ascending.
func Names() []string { return embedded(shipped, ".", ".toml") }

// Suite returns the names of the scenarios that schedulers are ranked over, each
// suite/NAME, ascending.
func Suite() []string {
	names := embedded(shipped, "suite", ".toml")
	for i := range names {
		names[i] = "suite/" + names[i]
	}
	return names
}

// Traces returns the names of the shipped link traces, ascending.
func Traces() []string { return embedded(shippedTraces, "traces", ".csv") }

func embedded(files embed.FS, dir, ext string) []string {
	entries, _ := fs.ReadDir(files, dir) // it is there, or the program would not have been built
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ext); ok {
			names = append(names, name)
		}
	}
	return names
}

// Load reads a scenario: a file, or the name of a shipped one or of one of the
// suite (face, face.toml and scenarios/face.toml all mean the shipped one where
// there is no such file; the bare name always does; suite/overload likewise), or
// random/SEED, the scenario that Random makes of a seed. set are the texts of --set,
// KEY=VALUE each, applied in order before anything is checked. What is wrong comes back
// as one *Error, the first in the order of the file.
func Load(name string, set []string) (*Scenario, error) {
	text, where, err := read(name)
	if err != nil {
		return nil, err
	}
	s, err := parse(text, where, set)
	return s, inFile(err, name)
}

// Parse reads a scenario from its text. name is what errors call it; files that it
// names are relative to the working directory.
func Parse(name string, text []byte, set []string) (*Scenario, error) {
	dir, _ := filepath.Abs(".") // else file names stay relative
	s, err := parse(string(text), origin{file: name, dir: dir}, set)
	return s, inFile(err, name)
}

// inFile adds the file's name to an error that is not about a --set.
func inFile(err error, name string) error {
	var e *Error
	if errors.As(err, &e) && e.Set == "" && e.File == "" {
		e.File = name
	}
	return err
}

// origin is where a text comes from.
type origin struct {
	file     string // as named
	dir      string // absolute, of the file
	embedded bool
	shipped  string // name of the embedded scenario, if it is one
}

// read returns the text of a file or of a shipped scenario.
func read(name string) (string, origin, error) {
	dir, _ := filepath.Abs(filepath.Dir(name)) // else file names stay relative
	where := origin{file: name, dir: dir}
	if seed, ok := randomSeed(name); ok {
		where.embedded = true
		return string(Random(seed)), where, nil
	}
	data, err := readFile(name)
	if base := shippedName(name); base != "" && (name == base || errors.Is(err, fs.ErrNotExist)) {
		data, err = shipped.ReadFile(base + ".toml")
		where.embedded, where.shipped = true, base
	}
	var own *Error
	switch {
	case errors.As(err, &own):
		own.File = name
		return "", where, own
	case errors.Is(err, fs.ErrNotExist) && name == "-":
		return "", where, &Error{File: name, Msg: "a scenario is not read from stdin; name its file"}
	case errors.Is(err, fs.ErrNotExist) && (name == "random" || strings.HasPrefix(name, "random/")):
		return "", where, &Error{File: name, Msg: "want random/SEED with a whole number from 0 to 18446744073709551615, such as random/7"}
	case errors.Is(err, fs.ErrNotExist):
		return "", where, &Error{File: name, Hint: nearestScenario(name), Msg: "there is no such file, nor a shipped scenario of that name; shipped: " + strings.Join(Names(), ", ")}
	case err != nil:
		return "", where, &Error{File: name, Msg: cause(err)}
	case !slices.ContainsFunc(strings.Split(string(data), "\n"), func(l string) bool {
		l = strings.TrimSpace(l)
		return l != "" && l[0] != '#'
	}):
		return "", where, &Error{File: name, Msg: "is empty: a scenario needs at least duration, [kb], [scheduler] and one [[node]]"}
	}
	return string(data), where, nil
}

// randomSeed returns the seed of a random scenario that is called random/SEED.
func randomSeed(name string) (uint64, bool) {
	number, ok := strings.CutPrefix(name, "random/")
	seed, err := strconv.ParseUint(number, 10, 64)
	return seed, ok && err == nil
}

// shippedName returns the embedded scenario that a path may stand for, or "".
func shippedName(name string) string {
	base := strings.TrimSuffix(path.Clean(filepath.ToSlash(name)), ".toml")
	base = strings.TrimPrefix(base, "scenarios/")
	if slices.Contains(Names(), base) || slices.Contains(Suite(), base) {
		return base
	}
	return ""
}

// nearestScenario is the embedded scenario whose name is most like that of a path.
func nearestScenario(name string) string {
	base := strings.TrimSuffix(filepath.ToSlash(name), ".toml")
	if path.Base(path.Dir(base)) == "suite" {
		return nearest("suite/"+path.Base(base), Suite())
	}
	if near := nearest(path.Base(base), Names()); near != "" {
		return near
	}
	var bare []string
	for _, name := range Suite() {
		bare = append(bare, path.Base(name))
	}
	if near := nearest(path.Base(base), bare); near != "" {
		return "suite/" + near
	}
	return ""
}

// readFile reads a scenario file but not what is no file (a pipe may never say
// anything) or too large.
func readFile(name string) ([]byte, error) {
	st, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case st.IsDir():
		return nil, &Error{Msg: "is a directory; want a scenario file"}
	case !st.Mode().IsRegular():
		return nil, &Error{Msg: "is a pipe or a device; want a scenario file"}
	case st.Size() > MaxFile:
		return nil, tooLarge(st.Size())
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // read only: nothing is lost
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err == nil && len(data) > MaxFile { // it grew, or does not tell its size as those of /proc
		return nil, tooLarge(int64(len(data)))
	}
	return data, err
}

func tooLarge(n int64) *Error {
	return &Error{Msg: "has " + strconv.FormatInt(n, 10) + " bytes; a scenario has at most " + strconv.Itoa(MaxFile) + " (traces belong in files of their own)"}
}

// cause is an error without the operation and path that os puts before it.
func cause(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

// parse makes a scenario of a text.
func parse(text string, where origin, set []string) (*Scenario, error) {
	root, err := parseTree(text)
	if err != nil {
		return nil, err
	}
	settings, err := parseSettings(set)
	if err != nil {
		return nil, err
	}
	later, err := applyWritten(root.table(), settings)
	if err != nil {
		return nil, err
	}
	x, err := expand(root.table())
	if err != nil {
		return nil, err
	}
	if err := x.applyMade(later); err != nil {
		return nil, err
	}
	b := &builder{
		binder:   newBinder(),
		s:        &Scenario{File: where.file, Shipped: where.shipped},
		dir:      where.dir,
		embedded: where.embedded,
		ids:      x.elementIDs(),
		traces:   map[string]*kb.Rate{},
	}
	var f fileScenario
	b.table(root.table(), pos{line: 1}, reflect.ValueOf(&f).Elem(), "")
	if err := b.first(); err != nil {
		return nil, x.asWritten(err)
	}
	if f.Name == "" {
		f.Name = strings.TrimSuffix(filepath.Base(where.file), filepath.Ext(where.file))
	}
	b.build(&f)
	b.hosts()
	if err := b.first(); err != nil {
		return nil, x.asWritten(err)
	}
	if err := b.s.Validate(); err != nil {
		return nil, x.asWritten(b.locate(err))
	}
	b.s.Text = x.text(b)
	return b.s, nil
}

// first returns the first error in the order of the file, then of --set.
func (b *binder) first() error {
	if len(b.errs) == 0 {
		return nil
	}
	return slices.MinFunc(b.errs, func(p, q *Error) int {
		if (p.Set == "") != (q.Set == "") {
			return cmp.Compare(len(p.Set), len(q.Set))
		}
		return cmp.Compare(p.Line, q.Line)
	})
}

// locate adds to an error of Validate where its key was written, or the nearest
// key above it.
func (b *binder) locate(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	p := b.at(e.Key)
	e.Line, e.Set = p.line, p.set
	return e
}

// asWritten adds to an error about an element that a count or a pattern made what the
// element is called in the file.
func (x *expansion) asWritten(err error) error {
	var e *Error
	if !errors.As(err, &e) || e.Set != "" {
		return err
	}
	list, rest, _ := strings.Cut(e.Key, ".")
	id, _, _ := strings.Cut(rest, ".")
	for i, g := range x.groups[list] {
		t := g.written.table()
		if t == nil || elementID(list, t, i) == id {
			continue
		}
		for _, m := range g.made {
			if elementID(list, m.table(), -1) == id {
				e.Msg += "; " + id + " stands in the file as " + list + " " + elementID(list, t, i)
				return err
			}
		}
	}
	return err
}

// elementIDs returns the ids of all elements by list.
func (x *expansion) elementIDs() map[string][]string {
	ids := map[string][]string{}
	for list := range identified {
		for i, e := range x.root.get(list).list() {
			ids[list] = append(ids[list], elementID(list, e.table(), i))
		}
	}
	return ids
}

// openShippedTrace reads a shipped link trace by name.
func openShippedTrace(name string) (*kb.Rate, error) {
	file := "traces/" + name + ".csv"
	data, err := shippedTraces.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return kb.ReadRate(data, file)
}
