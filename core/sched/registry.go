package sched

import (
	"errors"
	"reflect"
	"slices"
	"sort"

	"vidq/core"
)

// Deps is what a scheduler is built with besides its parameters.
type Deps struct {
	Seed  uint64 // of everything that it draws
	Offer *Offer // what its parameters may name; nil = anything
}

// Option changes how a scheduler is registered.
type Option func(*entry)

// NeedsTruth gives the scheduler View.Truth, what the world really does. It is
// for an upper bound only.
func NeedsTruth() Option { return func(e *entry) { e.truth = true } }

// Fixed says that the parameters are what the scheduler is asked to do, not constants that
// could be chosen better or worse: there is nothing to tune.
func Fixed() Option { return func(e *entry) { e.fixed = true } }

// Info describes a scheduler to people and to tools.
type Info struct {
	Name       string
	Doc        string // one sentence
	NeedsTruth bool
	Fixed      bool    // there is nothing to tune
	Params     []Param // in the order of the struct's fields
}

// Param describes one parameter.
type Param struct {
	Key     string
	Type    string   // string, bool, int, float, duration ("250ms") or list (of strings)
	Default any      // as a TOML decoder would give it; a duration is a string
	Choices []string // the values that a string may have; nil = any
	Min     *float64 // inclusive bounds of a number, or of a duration in seconds; nil = none
	Max     *float64
	Knob    string // what of a scenario a given value must be among, see Register; "" = nothing
	Search  string // the tag; see Range
	Doc     string
}

// entry is a registered scheduler.
type entry struct {
	name, doc string
	truth     bool
	fixed     bool
	params    []field
	defaults  reflect.Value
	build     func(c reflect.Value, d Deps) (core.Scheduler, error)
}

// registry holds every scheduler of the program, ascending by name. It is
// written by init functions only.
var registry []entry

// Register makes a scheduler known under name; it is meant for init functions.
// C is a struct whose exported fields are the parameters. Their tags are
//
//	toml:"key"           the parameter's name (required)
//	doc:"what it does"   with its unit (required)
//	choices:"a|b"        the values that a string may have
//	min:"0" max:"1"      inclusive bounds of a number, or of a duration in seconds; a
//	                     duration without min has 0
//	knob:"fps"           a given value must be one that the scenario has (see Offer): fps,
//	                     resolution, encoder, quality, model or place
//	search:"..."         what a search over it tries; see Param.Range
//
// Their types are string, bool, int, float64, core.Time and []string. build gets
// the defaults overlaid with what the user gave, within the bounds that the tags
// state; it returns an error for what they cannot. Misuse panics.
func Register[C any](name, doc string, defaults C, build func(C, Deps) (core.Scheduler, error), opts ...Option) {
	if name == "" || doc == "" || build == nil {
		panic("sched: Register needs a name, a doc and a build function")
	}
	e := entry{
		name:     name,
		doc:      doc,
		params:   fields(reflect.TypeFor[C](), name),
		defaults: reflect.ValueOf(defaults),
		build:    func(c reflect.Value, d Deps) (core.Scheduler, error) { return build(c.Interface().(C), d) },
	}
	for _, o := range opts {
		o(&e)
	}
	i, found := find(name)
	if found {
		panic("sched: " + name + " is registered twice")
	}
	registry = slices.Insert(registry, i, e)
}

func find(name string) (int, bool) {
	return sort.Find(len(registry), func(i int) int {
		switch n := registry[i].name; {
		case name < n:
			return -1
		case name > n:
			return 1
		}
		return 0
	})
}

// Names returns the registered schedulers, ascending.
func Names() []string {
	names := make([]string, len(registry))
	for i := range registry {
		names[i] = registry[i].name
	}
	return names
}

// Describe tells what the named scheduler is; the zero Info for an unknown one.
func Describe(name string) Info {
	i, found := find(name)
	if !found {
		return Info{}
	}
	e := &registry[i]
	info := Info{Name: e.name, Doc: e.doc, NeedsTruth: e.truth, Fixed: e.fixed}
	for k := range e.params {
		f := &e.params[k]
		p := f.Param
		p.Default = f.plain(e.defaults.Field(f.index))
		info.Params = append(info.Params, p)
	}
	return info
}

// New builds a scheduler. It is strict: an unknown name or parameter and a value
// of the wrong type, out of its bounds or not of the scenario's are errors of type
// *Error, which name the nearest known word.
func New(s Spec, d Deps) (core.Scheduler, error) {
	i, found := find(s.Name)
	if !found {
		return nil, &Error{Msg: "unknown scheduler " + quote(s.Name), Hint: nearest(s.Name, Names())}
	}
	e := &registry[i]
	c := reflect.New(e.defaults.Type()).Elem()
	c.Set(e.defaults)
	keys := make([]string, 0, len(s.Params))
	for k := range s.Params {
		keys = append(keys, k)
	}
	slices.Sort(keys) // the first error must not depend on map order
	for _, k := range keys {
		f := e.field(k)
		if f == nil {
			return nil, &Error{Scheduler: s.Name, Key: k, Msg: "unknown parameter", Hint: nearest(k, e.keys())}
		}
		if err := f.set(c.Field(f.index), s.Params[k]); err != nil {
			err.Scheduler, err.Key = s.Name, k
			return nil, err
		}
	}
	if d.Offer != nil {
		if err := d.Offer.check(e, c, keys); err != nil {
			return nil, err
		}
	}
	sch, err := e.build(c, d)
	if err != nil {
		if own := (*Error)(nil); errors.As(err, &own) {
			own.Scheduler = s.Name
			return nil, own
		}
		return nil, &Error{Scheduler: s.Name, Msg: err.Error()}
	}
	return sch, nil
}

func (e *entry) field(key string) *field {
	for i := range e.params {
		if e.params[i].Key == key {
			return &e.params[i]
		}
	}
	return nil
}

func (e *entry) keys() []string {
	keys := make([]string, len(e.params))
	for i := range e.params {
		keys[i] = e.params[i].Key
	}
	return keys
}
