package scenarios

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// custom is a type of a key that reads itself. A *unitError's hint is passed on.
type custom interface {
	// read takes a value; key is its address. Errors of the value itself are
	// returned, those of what is in it go to b.
	read(b *binder, v *value, key string) error
	// schema describes the type for the JSON Schema and, in words, for people.
	schema() (js map[string]any, words string)
}

var customType = reflect.TypeFor[custom]()

// binder fills the structs of the file with a tree's values. It gathers errors
// and remembers where every key was written.
type binder struct {
	errs     []*Error
	pos      map[string]pos // of the keys that are there
	defaults map[defaultKey]*value
}

type defaultKey struct {
	text string
	typ  reflect.Type
}

func newBinder() *binder {
	return &binder{pos: map[string]pos{}, defaults: map[defaultKey]*value{}}
}

func (b *binder) fail(e *Error) { b.errs = append(b.errs, e) }

// at returns where a key was written, or else the nearest key above it.
func (b *binder) at(key string) pos {
	for {
		if p, ok := b.pos[key]; ok {
			return p
		}
		i := strings.LastIndexAny(key, ".[")
		if i < 0 {
			return pos{line: 1}
		}
		key = key[:i]
	}
}

// bind puts v into dst, which is settable.
func (b *binder) bind(v *value, dst reflect.Value, key string, tag reflect.StructTag) {
	b.pos[key] = v.pos
	b.fill(v, dst, key, tag)
}

func (b *binder) fill(v *value, dst reflect.Value, key string, tag reflect.StructTag) {
	if dst.Kind() == reflect.Pointer {
		dst.Set(reflect.New(dst.Type().Elem()))
		dst = dst.Elem()
	}
	if dst.Addr().Type().Implements(customType) {
		b.custom(v, dst, key, tag)
		return
	}
	switch dst.Kind() {
	case reflect.Struct:
		t := v.table()
		if t == nil {
			b.wrong(v, key, "a table")
			return
		}
		b.table(t, v.pos, dst, key)
	case reflect.Slice:
		b.slice(v, dst, key, tag)
	default:
		b.scalar(v, dst, key, tag)
	}
}

func (b *binder) wrong(v *value, key, want string) {
	b.fail(v.pos.err(key, "", "want %s, got %s", want, v.kind()))
}

func (b *binder) custom(v *value, dst reflect.Value, key string, tag reflect.StructTag) {
	err := dst.Addr().Interface().(custom).read(b, v, key)
	if err != nil {
		hint := ""
		var ue *unitError
		if errors.As(err, &ue) {
			hint = ue.hint
		}
		b.fail(v.pos.err(key, hint, "%s", err))
		return
	}
	switch dst := dst.Addr().Interface().(type) {
	case *duration:
		if low, err := parseTime(tag.Get("min")); err == nil && *dst < duration(low) {
			b.fail(v.pos.err(key, "", "must be at least %s", tag.Get("min")))
		}
	case *rate:
		if tag.Get("above") != "" && *dst <= 0 {
			b.fail(v.pos.err(key, "", "must be above 0"))
		}
	}
}

func (b *binder) slice(v *value, dst reflect.Value, key string, tag reflect.StructTag) {
	elem := dst.Type().Elem()
	l, ok := v.v.([]*value)
	if !ok {
		if elem.Kind() == reflect.Struct {
			b.wrong(v, key, "a list of tables, [["+key+"]]")
		} else {
			b.wrong(v, key, "a list")
		}
		return
	}
	dst.Set(reflect.MakeSlice(dst.Type(), len(l), len(l)))
	for i, e := range l {
		k := key + "[" + strconv.Itoa(i+1) + "]"
		if t := e.table(); t != nil && identified[key] {
			k = key + "." + elementID(key, t, i)
		}
		b.bind(e, dst.Index(i), k, tag)
	}
}

// identified are the lists whose elements --set addresses by id.
var identified = map[string]bool{"node": true, "link": true, "camera": true, "query": true, "fault": true}

// elementID is the id by which the i-th element of a list is addressed.
func elementID(list string, t *table, i int) string {
	if list == "link" {
		if from, to, ok := ends(t); ok {
			return strings.Join(from, "+") + "-" + strings.Join(to, "+")
		}
	}
	if id := t.str("id"); id != "" && list != "link" {
		return id
	}
	return strconv.Itoa(i + 1)
}

// table binds a table's keys to a struct's fields.
func (b *binder) table(t *table, at pos, dst reflect.Value, key string) {
	typ := dst.Type()
	var known []string
	meant := map[string]bool{} // keys that a misspelled one stands for
	rest := -1                 // the field that takes all other keys
	for i := range typ.NumField() {
		switch k := typ.Field(i).Tag.Get("toml"); k {
		case "*":
			rest = i
		default:
			known = append(known, k)
		}
	}
	var unknown []string
	for _, k := range t.keys {
		if !contains(known, k) && (rest < 0 || t.m[k].table() == nil) {
			unknown = append(unknown, k)
			meant[nearest(k, known)] = true
		}
	}
	for i := range typ.NumField() {
		f := typ.Field(i)
		k := f.Tag.Get("toml")
		if k == "*" {
			continue
		}
		if meant[k] && f.Tag.Get("required") != "" && t.get(k) == nil {
			continue // the misspelled key is the mistake, not that this one is missing
		}
		if v := t.get(k); v != nil {
			b.bind(v, dst.Field(i), address(key, k), f.Tag)
			continue
		}
		b.absent(at, dst.Field(i), address(key, k), f.Tag)
	}
	for _, k := range t.keys {
		v := t.m[k]
		if !contains(known, k) && !contains(unknown, k) {
			b.bind(v, dst.Field(rest), address(key, k), typ.Field(rest).Tag)
		}
	}
	for _, k := range unknown {
		v := t.m[k]
		b.fail(v.pos.err(address(key, k), nearest(k, known), "unknown key; known here: %s", strings.Join(known, ", ")))
	}
}

// absent gives a field its default.
func (b *binder) absent(at pos, dst reflect.Value, key string, tag reflect.StructTag) {
	text := tag.Get("default")
	switch {
	case tag.Get("required") != "":
		b.fail(at.err(key, "", "is missing"))
	case text != "":
		k := defaultKey{text, dst.Type()}
		v := b.defaults[k]
		if v == nil {
			v = defaultValue(text, dst.Type())
			b.defaults[k] = v
		}
		if v.v != nil && reflect.TypeOf(v.v) == dst.Type() { // the same as fill, but quick
			dst.Set(reflect.ValueOf(v.v))
			return
		}
		b.fill(v, dst, key, tag)
	case dst.Kind() == reflect.Struct && !dst.Addr().Type().Implements(customType):
		b.table(newTable(), at, dst, key)
	}
}

// defaultValue is a default tag as a value. A tag that is wrong shows in every
// test, so that is a panic.
func defaultValue(text string, t reflect.Type) *value {
	v, err := typed(text, t)
	if err != nil {
		panic("scenarios: default " + text + ": " + err.Error())
	}
	return v
}

func (b *binder) scalar(v *value, dst reflect.Value, key string, tag reflect.StructTag) {
	switch dst.Kind() {
	case reflect.String:
		s, ok := v.v.(string)
		if !ok {
			b.wrong(v, key, "a string")
			return
		}
		dst.SetString(s)
		if allowed := enumOf(tag); allowed != nil && !contains(allowed, s) {
			b.fail(v.pos.err(key, nearest(s, allowed), "%q is not one of %s", s, strings.Join(allowed, ", ")))
		}
	case reflect.Bool:
		x, ok := v.v.(bool)
		if !ok {
			b.wrong(v, key, "true or false")
			return
		}
		dst.SetBool(x)
	case reflect.Int, reflect.Uint64:
		n, ok := v.v.(int64)
		if !ok {
			b.wrong(v, key, "an integer")
			return
		}
		if dst.Kind() == reflect.Uint64 {
			if n < 0 {
				b.fail(v.pos.err(key, "", "must not be negative"))
				return
			}
			dst.SetUint(uint64(n))
			return
		}
		dst.SetInt(n)
		b.bounds(float64(n), v, key, tag)
	case reflect.Float64:
		x, ok := v.v.(float64)
		if n, isInt := v.v.(int64); isInt {
			x, ok = float64(n), true
		}
		if !ok {
			b.wrong(v, key, "a number")
			return
		}
		dst.SetFloat(x)
		b.bounds(x, v, key, tag)
	default:
		panic("scenarios: a field of a type that no key has: " + key)
	}
}

// bounds checks min, max and above, and that x is a number at all.
func (b *binder) bounds(x float64, v *value, key string, tag reflect.StructTag) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		b.fail(v.pos.err(key, "", "must be a finite number"))
		return
	}
	show := strconv.FormatFloat(x, 'g', -1, 64)
	if low, ok := tagNumber(tag, "above"); ok && x <= low {
		b.fail(v.pos.err(key, "", "must be above %s, got %s", tag.Get("above"), show))
	}
	if low, ok := tagNumber(tag, "min"); ok && x < low {
		b.fail(v.pos.err(key, "", "must be at least %s, got %s", tag.Get("min"), show))
	}
	if high, ok := tagNumber(tag, "max"); ok && x > high {
		b.fail(v.pos.err(key, "", "must be at most %s, got %s", tag.Get("max"), show))
	}
}

func tagNumber(tag reflect.StructTag, name string) (float64, bool) {
	x, err := strconv.ParseFloat(tag.Get(name), 64)
	return x, err == nil
}

// enumOf returns the values that a tag allows, nil for any.
func enumOf(tag reflect.StructTag) []string {
	switch e := tag.Get("enum"); e {
	case "":
		return nil
	case "@faults":
		return faultKindNames()
	default:
		return strings.Split(e, "|")
	}
}

func address(parent, key string) string {
	if parent == "" {
		return key
	}
	return parent + "." + key
}

func contains(words []string, w string) bool {
	for _, x := range words {
		if x == w {
			return true
		}
	}
	return false
}

// typed reads the text of a default or of a --set as a value for a type: what
// is a string in the file need not be quoted.
func typed(text string, t reflect.Type) (*value, error) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	quoted := strings.HasPrefix(text, `"`) || strings.HasPrefix(text, "'")
	isCustom := reflect.PointerTo(t).Implements(customType)
	switch {
	case !quoted && (t == reflect.TypeFor[duration]() || t == reflect.TypeFor[rate]() || t == reflect.TypeFor[size]() ||
		t == reflect.TypeFor[resolution]() || !isCustom && t.Kind() == reflect.String):
		return &value{v: text}, nil
	case !isCustom && t.Kind() == reflect.Float64:
		if x, err := strconv.ParseFloat(text, 64); err == nil {
			return &value{v: x}, nil
		}
	}
	return anyValue(text)
}

// anyValue reads text as a TOML value, else takes it as a string.
func anyValue(text string) (*value, error) {
	root, err := parseTree("x = " + text)
	if err == nil {
		if x := root.table().get("x"); x != nil && len(root.table().keys) == 1 {
			return x, nil
		}
	}
	if x, err := strconv.ParseFloat(text, 64); err == nil && strings.ContainsAny(text, ".eE") {
		return &value{v: x}, nil // .3, which TOML writes 0.3
	}
	if text != "" && strings.ContainsAny(text[:1], "[{\"'") {
		return nil, fmt.Errorf("is no TOML value: %s", text)
	}
	return &value{v: text}, nil
}
