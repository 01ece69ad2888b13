package sched

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"vidq/core"
)

// Error is a user's mistake in naming or setting a scheduler.
type Error struct {
	Scheduler string // "" when the mistake is in its name
	Key       string // the parameter; "" when it is not about one
	Msg       string
	Hint      string // the nearest known word; "" = none is near
}

// Error tells all of it in one line.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Scheduler != "" {
		b.WriteString("scheduler " + e.Scheduler + ": ")
	}
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Msg)
	if e.Hint != "" {
		b.WriteString(" (did you mean " + quote(e.Hint) + "?)")
	}
	return b.String()
}

// field is a parameter with its place in the struct.
type field struct {
	Param
	index int
}

var timeType = reflect.TypeFor[core.Time]()

// fields reads the parameters off a struct type.
func fields(t reflect.Type, name string) []field {
	if t.Kind() != reflect.Struct {
		panic("sched: the parameters of " + name + " are no struct")
	}
	var fs []field
	for i := range t.NumField() {
		sf := t.Field(i)
		f := field{index: i, Param: Param{Key: sf.Tag.Get("toml"), Doc: sf.Tag.Get("doc"), Type: typeName(sf.Type)}}
		if !sf.IsExported() || f.Key == "" || f.Doc == "" || f.Type == "" {
			panic("sched: field " + sf.Name + " of " + name + " is not exported, has no toml or doc tag, or a type that a parameter cannot have")
		}
		for k := range fs {
			if fs[k].Key == f.Key {
				panic("sched: " + name + " has two parameters " + f.Key)
			}
		}
		f.Knob = sf.Tag.Get("knob")
		if want, known := knobTypes[f.Knob]; !known || f.Knob != "" && f.Type != want {
			panic("sched: field " + sf.Name + " of " + name + " is no knob " + f.Knob)
		}
		if c := sf.Tag.Get("choices"); c != "" {
			f.Choices = strings.Split(c, "|")
		}
		f.Min, f.Max = bound(sf.Tag.Get("min"), sf.Name), bound(sf.Tag.Get("max"), sf.Name)
		if f.Type == "duration" && f.Min == nil {
			f.Min = new(float64)
		}
		if f.Search = sf.Tag.Get("search"); !checkSearch(f.Type, f.Search) {
			panic("sched: the tag search of field " + sf.Name + " of " + name + " does not fit its type: " + f.Search)
		}
		fs = append(fs, f)
	}
	return fs
}

func typeName(t reflect.Type) string {
	switch {
	case t == timeType:
		return "duration"
	case t == reflect.TypeFor[[]string]():
		return "list"
	}
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "bool"
	case reflect.Int:
		return "int"
	case reflect.Float64:
		return "float"
	default:
		return ""
	}
}

func bound(tag, name string) *float64 {
	if tag == "" {
		return nil
	}
	x, err := strconv.ParseFloat(tag, 64)
	if err != nil {
		panic("sched: a bound of field " + name + " is no number: " + tag)
	}
	return &x
}

// plain is a parameter's value as a TOML decoder would give it.
func (f *field) plain(v reflect.Value) any {
	switch f.Type {
	case "duration":
		return v.Interface().(core.Time).String()
	case "int":
		return v.Int()
	case "list":
		return append([]string{}, v.Interface().([]string)...)
	}
	return v.Interface()
}

// set assigns a value that a user gave.
func (f *field) set(dst reflect.Value, v any) *Error {
	switch f.Type {
	case "string":
		s, ok := v.(string)
		if !ok {
			return f.want("a string", v)
		}
		if err := f.choice(s); err != nil {
			return err
		}
		dst.SetString(s)
	case "bool":
		b, ok := v.(bool)
		if !ok {
			return f.want("true or false", v)
		}
		dst.SetBool(b)
	case "int":
		n, ok := whole(v)
		if !ok {
			return f.want("a whole number", v)
		}
		if err := f.bounds(float64(n), v); err != nil {
			return err
		}
		dst.SetInt(n)
	case "float":
		x, ok := number(v)
		if !ok {
			return f.want("a number", v)
		}
		if err := f.bounds(x, v); err != nil {
			return err
		}
		dst.SetFloat(x)
	case "duration":
		s, _ := v.(string)
		t, ok := parseTime(s)
		if !ok {
			return f.want(`a duration such as "250ms"`, v)
		}
		if err := f.bounds(t.Seconds(), v); err != nil {
			return err
		}
		dst.SetInt(int64(t))
	case "list":
		l, ok := words(v)
		if !ok {
			return f.want("a list of strings", v)
		}
		dst.Set(reflect.ValueOf(l))
	}
	return nil
}

func (f *field) want(what string, v any) *Error {
	return &Error{Msg: "want " + what + ", got " + show(v)}
}

func (f *field) choice(s string) *Error {
	if f.Choices == nil {
		return nil
	}
	for _, c := range f.Choices {
		if s == c {
			return nil
		}
	}
	return &Error{Msg: "want " + strings.Join(f.Choices, ", ") + ", got " + quote(s), Hint: nearest(s, f.Choices)}
}

// bounds holds x, of a duration in seconds, against the bounds; v is what was given.
func (f *field) bounds(x float64, v any) *Error {
	if (f.Min == nil || x >= *f.Min) && (f.Max == nil || x <= *f.Max) {
		return nil
	}
	number := func(b *float64) string {
		if f.Type == "duration" {
			return core.FromSeconds(*b).String()
		}
		return fmt.Sprint(*b)
	}
	switch {
	case f.Max == nil:
		return f.want("at least "+number(f.Min), v)
	case f.Min == nil:
		return f.want("at most "+number(f.Max), v)
	}
	return f.want(number(f.Min)+" to "+number(f.Max), v)
}

func whole(v any) (int64, bool) {
	r := reflect.ValueOf(v)
	if !r.IsValid() || !r.CanInt() {
		return 0, false
	}
	n := r.Int()
	return n, int64(int(n)) == n
}

func number(v any) (float64, bool) {
	if n, ok := whole(v); ok {
		return float64(n), true
	}
	x, ok := v.(float64)
	return x, ok && !math.IsNaN(x) && !math.IsInf(x, 0)
}

func words(v any) ([]string, bool) {
	switch v := v.(type) {
	case []string:
		return append([]string{}, v...), true
	case []any:
		l := make([]string, len(v))
		for i := range v {
			s, ok := v[i].(string)
			if !ok {
				return nil, false
			}
			l[i] = s
		}
		return l, true
	}
	return nil, false
}

func show(v any) string {
	if s, ok := v.(string); ok {
		return quote(s)
	}
	return fmt.Sprint(v)
}

func quote(s string) string { return strconv.Quote(s) }

// parseTime reads a duration: numbers with units ns, us, ms, s, m, h one after
// the other, a minus sign before them.
func parseTime(s string) (core.Time, bool) {
	units := []struct {
		name string
		t    core.Time
	}{{"ns", core.Nanosecond}, {"us", core.Microsecond}, {"ms", core.Millisecond}, {"s", core.Second}, {"m", core.Minute}, {"h", core.Hour}}
	s, negative := strings.CutPrefix(s, "-")
	sum, rest := 0.0, s
	for rest != "" {
		n := strings.IndexFunc(rest, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
		if n <= 0 {
			return 0, false
		}
		x, err := strconv.ParseFloat(rest[:n], 64)
		if err != nil {
			return 0, false
		}
		rest = rest[n:]
		known := false
		for _, u := range units {
			after, has := strings.CutPrefix(rest, u.name)
			if has && (after == "" || after[0] == '.' || after[0] >= '0' && after[0] <= '9') {
				sum, rest, known = sum+float64(x*u.t.Seconds()), after, true
				break
			}
		}
		if !known {
			return 0, false
		}
	}
	if negative {
		sum = -sum
	}
	return core.FromSeconds(sum), s != ""
}

// nearest returns the word closest to w, or "" when none is near: more than a
// third of the longer word's letters would have to change. The first of equals.
func nearest(w string, known []string) string {
	best, least := "", math.MaxInt
	for _, k := range known {
		d := distance(w, k)
		if d < least && 3*d <= max(len(w), len(k))+2 {
			best, least = k, d
		}
	}
	return best
}

// distance is Levenshtein's: the fewest letters to insert, delete or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
