package kb

import (
	"cmp"
	"embed"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"vidq/core"
)

//go:embed profiles
var embedded embed.FS

const profilesDir = "profiles"

// The files that are not services.
const (
	setFileName     = "set.toml"
	classesFileName = "classes.toml"
	codecsFileName  = "codecs.toml"
	contentFileName = "content.toml"
	clipsFileName   = "video.csv"
	framesFileName  = "frames.csv"
)

// Sets returns the names of the embedded sets, ascending.
func Sets() []string {
	entries, err := embedded.ReadDir(profilesDir)
	if err != nil {
		panic(err) // the folder is compiled in
	}
	var names []string
	for _, e := range entries { // ascending by name
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// Open returns a set by the name of an embedded one, or else by the path of a
// folder: of profiles in TOML (SERVICE.toml and, if it has them, set.toml,
// classes.toml, codecs.toml, content.toml, which add to the embedded ones), or of
// the original's .pf files. Errors name file and key. The work figures are
// changed as o says. An embedded set is read once in the life of the process and
// shared by all who open it.
func Open(name string, o Options) (*Set, error) {
	if !(o.Noise >= 0) || o.Noise > 10 {
		return nil, &Error{File: name, Key: "noise", Msg: "is " + ftoa(o.Noise) + ", must be within 0 and 10"}
	}
	if !(o.Bias > -1) || o.Bias > 1e6 {
		return nil, &Error{File: name, Key: "bias", Msg: "is " + ftoa(o.Bias) + ", must be above -1"}
	}
	s, err := open(name, nil)
	if err != nil {
		return nil, err
	}
	return s.perturbed(o), nil
}

// open loads a set, or finds it among the embedded ones that were loaded before;
// seen are the sets that wait for it as their base.
func open(name string, seen []string) (*Set, error) {
	if slices.Contains(seen, name) {
		return nil, &Error{File: name, Key: "base", Msg: "goes round in a circle: " + strings.Join(append(seen, name), ", ")}
	}
	seen = append(slices.Clip(seen), name)
	if slices.Contains(Sets(), name) {
		return openEmbedded(name, seen)
	}
	st, err := os.Stat(name)
	if err != nil {
		return nil, &Error{File: name, Msg: "there is no such set of profiles; want a folder or one of " + strings.Join(Sets(), ", ")}
	}
	if !st.IsDir() {
		return nil, &Error{File: name, Msg: "is a file, want a folder of profiles"}
	}
	l := &loader{name: name, show: name, fsys: os.DirFS(name), seen: seen}
	return l.load()
}

// loaded are the embedded sets by name, each a func() (*Set, error) that loads it
// at its first call. Reading the profiles takes longer than a short run does, and
// experiments have thousands of those.
var loaded sync.Map

func openEmbedded(name string, seen []string) (*Set, error) {
	load, _ := loaded.LoadOrStore(name, sync.OnceValues(func() (*Set, error) {
		dir := path.Join(profilesDir, name)
		sub, err := fs.Sub(embedded, dir)
		if err != nil {
			panic(err) // a name out of Sets
		}
		l := &loader{name: name, show: dir, fsys: sub, seen: seen}
		return l.load()
	}))
	return load.(func() (*Set, error))()
}

// loader reads one set.
type loader struct {
	name string
	show string // the folder as errors name it
	fsys fs.FS
	seen []string
	file setFile
	set  *Set
}

func (l *loader) load() (*Set, error) {
	l.set = &Set{
		name: l.name, services: map[string]*service{}, classes: map[string]*Class{},
		codecs: map[string]*codec{}, contents: map[string]*contentClass{},
	}
	if err := l.read(l.fsys, l.show, setFileName, &l.file); err != nil {
		return nil, err
	}
	shared, err := fs.Sub(embedded, profilesDir)
	if err != nil {
		panic(err) // compiled in
	}
	if err := l.shared(shared, profilesDir); err != nil {
		return nil, err
	}
	if err := l.shared(l.fsys, l.show); err != nil {
		return nil, err
	}
	if err := l.settings(); err != nil {
		return nil, err
	}
	if err := l.clips(); err != nil {
		return nil, err
	}
	if err := l.bases(); err != nil {
		return nil, err
	}
	if err := l.services(); err != nil {
		return nil, err
	}
	if len(l.set.services) == 0 {
		return nil, &Error{File: l.show, Msg: "holds no profile of a service"}
	}
	for _, name := range slices.Sorted(maps.Keys(l.set.services)) {
		l.set.infos = append(l.set.infos, l.set.services[name].info)
	}
	return l.set, nil
}

// read decodes a file of a folder into v, which stays as it is when there is none.
func (l *loader) read(fsys fs.FS, dir, file string, v any) error {
	show := path.Join(filepath.ToSlash(dir), file)
	f, err := openIn(fsys, file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return &Error{File: show, Msg: cause(err)}
	}
	defer f.Close()
	b, err := readAll(f, show, maxProfile)
	if err != nil {
		return err
	}
	return decode(show, b, v)
}

// shared reads what is not of one service.
func (l *loader) shared(fsys fs.FS, dir string) error {
	var classes map[string]*classFile
	var codecs map[string]*codecFile
	var contents map[string]*contentFile
	for _, t := range []struct {
		file string
		v    any
	}{{classesFileName, &classes}, {codecsFileName, &codecs}, {contentFileName, &contents}} {
		if err := l.read(fsys, dir, t.file, t.v); err != nil {
			return err
		}
	}
	show := func(file string) string { return path.Join(filepath.ToSlash(dir), file) }
	for _, name := range slices.Sorted(maps.Keys(classes)) {
		c, err := buildClass(show(classesFileName), name, classes[name])
		if err != nil {
			return err
		}
		l.set.classes[name] = c
	}
	for _, name := range slices.Sorted(maps.Keys(codecs)) {
		c, err := buildCodec(show(codecsFileName), name, codecs[name])
		if err != nil {
			return err
		}
		l.set.codecs[name] = c
	}
	for _, name := range slices.Sorted(maps.Keys(contents)) {
		c, err := buildContent(show(contentFileName), name, contents[name])
		if err != nil {
			return err
		}
		l.set.contents[name] = c
	}
	return nil
}

// defaultContent is the content class of a set that does not name one.
const defaultContent = "pedestrians"

// settings checks set.toml.
func (l *loader) settings() error {
	b := &check{file: path.Join(filepath.ToSlash(l.show), setFileName)}
	l.set.title, l.set.noEncode = l.file.Title, l.file.NoEncode
	content := cmp.Or(l.file.Content, defaultContent)
	if l.set.content = l.set.contents[content]; l.set.content == nil {
		b.fail("content", "there is no content class "+content)
	}
	return b.err
}

// bases merges the services of the sets that this one is based on, in order.
func (l *loader) bases() error {
	for _, name := range l.file.Base {
		base, err := open(name, l.seen)
		if err != nil {
			return err
		}
		for _, n := range slices.Sorted(maps.Keys(base.services)) {
			s := base.services[n]
			if mine := l.set.services[n]; mine != nil {
				s = mergeService(mine, s)
			}
			l.set.services[n] = s
		}
	}
	return nil
}

// services reads the folder's own services, which replace those of a base.
func (l *loader) services() error {
	entries, err := fs.ReadDir(l.fsys, ".")
	if err != nil {
		return &Error{File: l.show, Msg: cause(err)}
	}
	var names, tables []string
	for _, e := range entries { // ascending by name
		base, ext := strings.TrimSuffix(e.Name(), path.Ext(e.Name())), path.Ext(e.Name())
		switch {
		case e.IsDir() || e.Name() == setFileName || e.Name() == classesFileName ||
			e.Name() == codecsFileName || e.Name() == contentFileName:
		case ext == ".toml":
			names = append(names, base)
		case ext == ".pf":
			tables = append(tables, base)
		}
	}
	if len(tables) > 0 {
		if len(names) > 0 {
			return &Error{File: l.show, Msg: "holds both .toml and .pf profiles"}
		}
		return l.tables(tables)
	}
	var pending []string // those that are like another come after it
	for _, pass := range []bool{false, true} {
		if pass {
			names = pending
		}
		for _, n := range names {
			var f serviceFile
			show := path.Join(filepath.ToSlash(l.show), n+".toml")
			if err := l.read(l.fsys, l.show, n+".toml", &f); err != nil {
				return err
			}
			if f.Like != "" && !pass {
				pending = append(pending, n)
				continue
			}
			like := l.set.services[f.Like]
			if f.Like == n {
				like = nil
			}
			s, err := buildService(n, show, &f, like, l.set.classes)
			if err != nil {
				return err
			}
			l.set.services[n] = s
		}
	}
	return nil
}

func buildClass(file, name string, f *classFile) (*Class, error) {
	b := &check{file: file}
	b.source(name+".capacity", f.Capacity.figure)
	b.positive(name+".capacity.cores", f.Capacity.Cores, 1e5)
	b.number(name+".capacity.gpus", f.Capacity.GPUs, 0, 1e4)
	b.number(name+".capacity.memory_mb", f.Capacity.Memory, 0, 1e9)
	b.source(name+".power", f.Power.figure)
	b.number(name+".power.idle", f.Power.Idle, 0, 1e5)
	b.number(name+".power.per_core", f.Power.PerCore, 0, 1e4)
	b.number(name+".power.per_gpu", f.Power.PerGPU, 0, 1e4)
	b.source(name+".host", f.Host.figure)
	b.number(name+".host.call_overhead", f.Host.CallOverhead, 0, 60)
	b.positive(name+".host.encode_factor", f.Host.EncodeFactor, 1e4)
	return &Class{
		Name:         name,
		Capacity:     core.Capacity{Cores: f.Capacity.Cores, GPUs: f.Capacity.GPUs, Memory: f.Capacity.Memory * 1e6},
		Role:         b.role(name+".role", f.Role),
		Power:        Power{f.Power.Idle, f.Power.PerCore, f.Power.PerGPU},
		CallOverhead: core.FromSeconds(f.Host.CallOverhead),
		EncodeFactor: f.Host.EncodeFactor,
	}, b.err
}
