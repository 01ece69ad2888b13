package wire

import (
	"encoding"
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// kind is how a Go type stands in JSON.
type kind uint8

const (
	kindText    kind = iota // a string, by MarshalText and UnmarshalText
	kindLoose               // Float: a number, or a string for what is no number
	kindPointer             // null or what it points to
	kindObject              // a struct
	kindDict                // a map with string keys
	kindList                // a slice
	kindTuple               // an array: a list of fixed length
	kindString
	kindBool
	kindInt
	kindUint
	kindNumber
)

// shape is what reading, writing and describing a Go type need to know of it. All
// three go by it, so that they cannot differ.
//
// A struct's fields have the tags json (name, and omitzero for a field that may
// be missing and is left out when zero; it cannot be null), doc, min, max, above (a number's bounds),
// most (elements or characters), enum (words parted by |) and unless (the field
// that may stand in its place). An embedded pointer to a struct is a group of extra
// fields, that peers of the original do not send: its fields stand among the others, and
// when one is there, those of the group without omitzero must be.
type shape struct {
	kind   kind
	typ    reflect.Type
	elem   *shape
	fields []field
	byName map[string]int
}

// field is a field of an object.
type field struct {
	name     string
	index    []int // as for reflect.Value.FieldByIndex
	group    int   // index of the embedded pointer that holds it, -1 = none
	optional bool
	unless   string
	doc      string
	limits   limits
	shape    *shape
}

// limits bound a field's value; nil = unbounded.
type limits struct {
	min, max, above *float64
	most            int // 0 = unbounded
	enum            []string
}

var (
	shapes      sync.Map // reflect.Type -> *shape
	textType    = reflect.TypeFor[encoding.TextUnmarshaler]()
	looseType   = reflect.TypeFor[Float]()
	scalarKinds = map[reflect.Kind]kind{
		reflect.String: kindString, reflect.Bool: kindBool, reflect.Float64: kindNumber,
		reflect.Int: kindInt, reflect.Int64: kindInt, reflect.Uint64: kindUint, reflect.Uint16: kindUint,
	}
)

// shapeOf returns a type's shape. It panics on a type that cannot stand in JSON
// here, which a test of all routes would see.
func shapeOf(t reflect.Type) *shape {
	if s, ok := shapes.Load(t); ok {
		return s.(*shape)
	}
	s := newShape(t)
	shapes.Store(t, s)
	return s
}

func newShape(t reflect.Type) *shape {
	s := &shape{typ: t}
	switch {
	case t == looseType:
		s.kind = kindLoose
		return s
	case reflect.PointerTo(t).Implements(textType) && t.Kind() != reflect.Pointer:
		s.kind = kindText
		return s
	}
	switch t.Kind() {
	case reflect.Pointer:
		s.kind, s.elem = kindPointer, shapeOf(t.Elem())
	case reflect.Slice:
		s.kind, s.elem = kindList, shapeOf(t.Elem())
	case reflect.Array:
		s.kind, s.elem = kindTuple, shapeOf(t.Elem())
	case reflect.Map:
		if t.Key().Kind() != reflect.String {
			panic("wire: " + t.String() + " has keys that are no strings")
		}
		s.kind, s.elem = kindDict, shapeOf(t.Elem())
	case reflect.Struct:
		s.kind = kindObject
		s.addFields(t, nil, -1)
		s.byName = make(map[string]int, len(s.fields))
		for i := range s.fields {
			if _, twice := s.byName[s.fields[i].name]; twice {
				panic("wire: " + t.String() + " has two fields " + s.fields[i].name)
			}
			s.byName[s.fields[i].name] = i
		}
		if len(s.fields) > 64 { // binder.object keeps a bit for each
			panic("wire: " + t.String() + " has too many fields")
		}
	default:
		k, ok := scalarKinds[t.Kind()]
		if !ok {
			panic("wire: " + t.String() + " has no form in JSON")
		}
		s.kind = k
	}
	return s
}

// addFields adds the fields of a struct, whose own index in the outer one is at.
func (s *shape) addFields(t reflect.Type, at []int, group int) {
	for i := range t.NumField() {
		f := t.Field(i)
		index := append(append([]int(nil), at...), i)
		if f.Anonymous && f.Type.Kind() == reflect.Pointer {
			if len(at) > 0 {
				panic("wire: " + t.String() + " has a group of extra fields in another struct")
			}
			s.addFields(f.Type.Elem(), index, i)
			continue
		}
		if f.Anonymous {
			s.addFields(f.Type, index, group)
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			panic("wire: " + t.String() + "." + f.Name + " has no name")
		}
		s.fields = append(s.fields, field{
			name: name, index: index, group: group, optional: options == "omitzero",
			unless: f.Tag.Get("unless"), doc: f.Tag.Get("doc"), limits: limitsOf(f.Tag), shape: shapeOf(f.Type),
		})
	}
}

func limitsOf(tag reflect.StructTag) limits {
	number := func(key string) *float64 {
		text := tag.Get(key)
		if text == "" {
			return nil
		}
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			panic("wire: tag " + key + ": " + err.Error())
		}
		return &x
	}
	l := limits{min: number("min"), max: number("max"), above: number("above")}
	if n := number("most"); n != nil {
		l.most = int(*n)
	}
	if e := tag.Get("enum"); e != "" {
		l.enum = strings.Split(e, "|")
	}
	return l
}

// form describes a kindText to people and in the OpenAPI text.
type form struct {
	want    string   // "an id like GLOBAL_ID_1"
	enum    []string // all words, if they are few
	pattern string   // regular expression, "" = none
}

// formed is implemented by every type that stands in JSON as text.
type formed interface{ form() form }

// want says what a value must be.
func (s *shape) want(l *limits) string {
	switch s.kind {
	case kindText:
		f := reflect.Zero(s.typ).Interface().(formed).form()
		if len(f.enum) > 0 {
			return "one of " + strings.Join(f.enum, ", ")
		}
		return f.want
	case kindLoose:
		return `a number, "NaN", "Infinity" or "-Infinity"`
	case kindPointer:
		return s.elem.want(l) + " or null"
	case kindObject, kindDict:
		return "an object"
	case kindList:
		if l.most > 0 {
			return "a list of at most " + strconv.Itoa(l.most)
		}
		return "a list"
	case kindTuple:
		return "a list of " + strconv.Itoa(s.typ.Len())
	case kindString:
		switch {
		case len(l.enum) > 0:
			return "one of " + strings.Join(l.enum, ", ")
		case l.most > 0:
			return "a string of at most " + strconv.Itoa(l.most) + " bytes"
		}
		return "a string"
	case kindBool:
		return "true or false"
	case kindInt, kindUint:
		return "an integer" + l.span(s.kind == kindUint)
	default:
		return "a number" + l.span(false)
	}
}

// span prints the bounds of a number.
func (l *limits) span(unsigned bool) string {
	text := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	switch {
	case l.above != nil:
		return " above " + text(*l.above)
	case l.min != nil && l.max != nil:
		return " from " + text(*l.min) + " to " + text(*l.max)
	case l.min != nil:
		return " of at least " + text(*l.min)
	case unsigned:
		return " of at least 0"
	}
	return ""
}

// inside reports whether a number is within the bounds.
func (l *limits) inside(x float64) bool {
	return (l.min == nil || x >= *l.min) && (l.max == nil || x <= *l.max) && (l.above == nil || x > *l.above)
}
