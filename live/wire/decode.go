package wire

import (
	"encoding"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"vidq/core"
)

// Content types.
const (
	JSONType = "application/json"
	JPEGType = "image/jpeg"
	FormType = "multipart/form-data"
)

// maxAhead bounds the memory that is taken on a body's announced length alone.
const maxAhead = 1 << 20

// maxProblems bounds how many wrong fields one error names.
const maxProblems = 8

// Read reads a body to its end, but at most limit bytes: a longer one is an error
// of status 413, and what is beyond the limit stays unread. length is the
// Content-Length, -1 = not told: a body that is announced to be too long is not read at all.
func Read(body io.Reader, length, limit int64) ([]byte, error) {
	if length > limit {
		return nil, tooLarge(limit)
	}
	if body == nil {
		return nil, nil
	}
	b := make([]byte, 0, min(max(length, 511), maxAhead)+1) // and a byte to see the end by
	for {
		if len(b) == cap(b) {
			b = slices.Grow(b, 1)
		}
		n, err := body.Read(b[len(b):min(cap(b), int(limit)+1)])
		b = b[:len(b)+n]
		switch {
		case int64(len(b)) > limit:
			return nil, tooLarge(limit)
		case err == io.EOF:
			return b, nil
		case err != nil:
			return nil, readError(err, limit)
		}
	}
}

func tooLarge(limit int64) *Error {
	return Errorf(http.StatusRequestEntityTooLarge, "the body is larger than the %d bytes that are taken here; send less at once", limit)
}

// readError is what a failed read of a request's body means to who sent it.
func readError(err error, limit int64) *Error {
	var most *http.MaxBytesError
	if errors.As(err, &most) {
		return tooLarge(min(limit, most.Limit))
	}
	return Errorf(http.StatusBadRequest, "the body could not be read to its end: %v; send it again", err)
}

// Decode reads the JSON of a request or an answer. It is strict about types, takes
// unknown fields (peers may be newer) and names every wrong or missing field by its path.
// Errors have status 400 where data is not JSON, else 422.
func Decode[T any](data []byte) (T, error) {
	var v T
	err := DecodeInto(data, &v)
	return v, err
}

// DecodeInto is Decode for a type that is known at run time only. v is a pointer
// to a zero value of one of this package's types.
func DecodeInto(data []byte, v any) error {
	p := reflect.ValueOf(v).Elem()
	b := binder{scanner: scanner{b: data}}
	if b.peek() == 0 && b.i == len(data) {
		return Errorf(http.StatusBadRequest, "the body is empty; send JSON: %s", shapeOf(p.Type()).want(&limits{}))
	}
	err := b.value(shapeOf(p.Type()), &limits{}, p, 0)
	if err == nil {
		err = b.end()
	}
	if err != nil {
		return Errorf(http.StatusBadRequest, "%v", err)
	}
	if len(b.problems) > 0 {
		return Errorf(http.StatusUnprocessableEntity, "%s", strings.Join(b.problems, "; "))
	}
	return nil
}

// ReadJSON reads and decodes the body of a request whose Content-Type is given:
// status 415 unless it is JSON, else as Read and DecodeInto.
func ReadJSON(contentType string, body io.Reader, length, limit int64, v any) error {
	if t, _, err := mime.ParseMediaType(contentType); err != nil || t != JSONType {
		return Errorf(http.StatusUnsupportedMediaType, "the content type %q is not taken here; send JSON with the header Content-Type: %s", contentType, JSONType)
	}
	data, err := Read(body, length, limit)
	if err != nil {
		return err
	}
	return DecodeInto(data, v)
}

// checker is a type with rules that tie fields to each other. check calls say with
// each field that is wrong and what is wanted of it.
type checker interface {
	check(say func(field, want string))
}

// binder reads JSON into Go values by their shapes.
type binder struct {
	scanner
	path     path
	problems []string
}

// wrong notes what is wrong with the value that is being read.
func (b *binder) wrong(text string) {
	if len(b.problems) == maxProblems {
		b.problems = append(b.problems, "and more")
	}
	if len(b.problems) > maxProblems {
		return
	}
	at := b.path.String()
	if at == "" {
		at = "the body"
	}
	b.problems = append(b.problems, shorten(at, 200)+" "+text)
}

// wrongField notes what is wrong with a field of the object that has been read.
func (b *binder) wrongField(name, text string) {
	b.path.push(name, -1)
	b.wrong(text)
	b.path.pop()
}

// shorten bounds a piece of text that came from outside.
func shorten(s string, most int) string {
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}

// kindNames tells what a value is by its first byte.
func kindName(c byte) string {
	switch c {
	case '"':
		return "a string"
	case '{':
		return "an object"
	case '[':
		return "a list"
	case 't', 'f':
		return "true or false"
	case 'n':
		return "null"
	}
	return "a number"
}

// mismatch notes that a value of another kind stands where want is wanted, and
// skips it.
func (b *binder) mismatch(s *shape, l *limits, depth int) error {
	name := kindName(b.peek())
	if err := b.skip(depth); err != nil {
		return err
	}
	b.wrong("is " + name + ", want " + s.want(l))
	return nil
}

// value reads the next value into v. Its error is of the syntax; what is wrong with
// the value itself is noted.
func (b *binder) value(s *shape, l *limits, v reflect.Value, depth int) error {
	c := b.peek()
	switch s.kind {
	case kindPointer:
		if c == 'n' {
			return b.word("null")
		}
		v.Set(reflect.New(s.elem.typ))
		return b.value(s.elem, l, v.Elem(), depth)
	case kindObject:
		if c == '{' {
			return b.object(s, v, depth)
		}
	case kindDict:
		if c == '{' {
			return b.dict(s, l, v, depth)
		}
	case kindList, kindTuple:
		if c == '[' {
			return b.list(s, l, v, depth)
		}
	case kindText, kindString:
		if c == '"' {
			return b.text(s, l, v)
		}
	case kindLoose:
		if c == '"' {
			return b.loose(v)
		}
		if c == '-' || c >= '0' && c <= '9' {
			return b.number(s, l, v)
		}
	case kindBool:
		if c == 't' || c == 'f' {
			v.SetBool(c == 't')
			return b.word(strconv.FormatBool(c == 't'))
		}
	default:
		if c == '-' || c >= '0' && c <= '9' {
			return b.number(s, l, v)
		}
	}
	return b.mismatch(s, l, depth)
}

func (b *binder) text(s *shape, l *limits, v reflect.Value) error {
	text, err := b.str()
	if err != nil {
		return err
	}
	if s.kind == kindText {
		if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
			b.wrong("is " + strconv.Quote(shorten(text, 60)) + ", want " + s.want(l))
		}
		return nil
	}
	if l.most > 0 && len(text) > l.most || len(l.enum) > 0 && !slices.Contains(l.enum, text) {
		b.wrong("is " + strconv.Quote(shorten(text, 60)) + ", want " + s.want(l))
	}
	v.SetString(text)
	return nil
}

func (b *binder) loose(v reflect.Value) error {
	text, err := b.str()
	if err != nil {
		return err
	}
	f, ok := parseLoose(text)
	if !ok {
		b.wrong("is " + strconv.Quote(shorten(text, 60)) + ", want " + shapeOf(looseType).want(&limits{}))
	}
	v.SetFloat(float64(f))
	return nil
}

func (b *binder) number(s *shape, l *limits, v reflect.Value) error {
	text, integer, err := b.scanner.number()
	if err != nil {
		return err
	}
	var ok bool
	var x float64
	switch s.kind {
	case kindInt:
		n, err := strconv.ParseInt(string(text), 10, 64)
		if ok = integer && err == nil && !v.OverflowInt(n); ok {
			v.SetInt(n)
			x = float64(n)
		}
	case kindUint:
		n, err := strconv.ParseUint(string(text), 10, 64)
		if ok = integer && err == nil && !v.OverflowUint(n); ok {
			v.SetUint(n)
			x = float64(n)
		}
	default:
		x, err = strconv.ParseFloat(string(text), 64)
		ok = err == nil
		v.SetFloat(x)
	}
	if !ok || !l.inside(x) {
		b.wrong("is " + shorten(string(text), 40) + ", want " + s.want(l))
	}
	return nil
}

func (b *binder) list(s *shape, l *limits, v reflect.Value, depth int) error {
	n, most := 0, l.most
	if s.kind == kindTuple {
		most = v.Len()
	} else {
		v.Set(reflect.MakeSlice(s.typ, 0, 0))
	}
	err := b.elements(depth, func() error {
		n++
		if most > 0 && n > most {
			return b.skip(depth + 1)
		}
		if s.kind == kindList {
			if n > v.Cap() {
				v.Grow(1)
			}
			v.SetLen(n)
		}
		b.path.push("", n-1)
		err := b.value(s.elem, &limits{}, v.Index(n-1), depth+1)
		b.path.pop()
		return err
	})
	if err == nil && (most > 0 && n > most || s.kind == kindTuple && n < most) {
		b.wrong("has " + strconv.Itoa(n) + " elements, want " + s.want(l))
	}
	return err
}

func (b *binder) dict(s *shape, l *limits, v reflect.Value, depth int) error {
	v.Set(reflect.MakeMap(s.typ))
	return b.members(depth, func(key string) error {
		b.path.push(key, -1)
		defer b.path.pop()
		e := reflect.New(s.elem.typ).Elem()
		if err := b.value(s.elem, l, e, depth+1); err != nil {
			return err
		}
		k := reflect.ValueOf(key).Convert(s.typ.Key())
		if v.MapIndex(k).IsValid() {
			b.wrong("stands there twice, want it once")
		}
		v.SetMapIndex(k, e)
		return nil
	})
}

func (b *binder) object(s *shape, v reflect.Value, depth int) error {
	var seen uint64
	err := b.members(depth, func(key string) error {
		i, known := s.byName[key]
		if !known {
			return b.skip(depth + 1)
		}
		f := &s.fields[i]
		b.path.push(f.name, -1)
		defer b.path.pop()
		if seen&(1<<i) != 0 {
			b.wrong("stands there twice, want it once")
		}
		seen |= 1 << i
		if f.group >= 0 && v.Field(f.group).IsNil() {
			g := v.Field(f.group)
			g.Set(reflect.New(g.Type().Elem()))
		}
		if f.optional && f.shape.kind == kindPointer && b.peek() == 'n' { // it is left out, not null
			return b.mismatch(f.shape.elem, &f.limits, depth+1)
		}
		return b.value(f.shape, &f.limits, v.FieldByIndex(f.index), depth+1)
	})
	if err != nil {
		return err
	}
	b.missing(s, v, seen)
	if c, ok := v.Addr().Interface().(checker); ok && len(b.problems) == 0 {
		c.check(b.wrongField)
	}
	return nil
}

// missing notes the fields that must be there and are not.
func (b *binder) missing(s *shape, v reflect.Value, seen uint64) {
	for i := range s.fields {
		f := &s.fields[i]
		switch {
		case seen&(1<<i) != 0, f.optional && f.unless == "", f.group >= 0 && v.Field(f.group).IsNil():
			continue
		}
		text := "is missing, want " + f.shape.want(&f.limits)
		if f.unless != "" {
			if other := s.byName[f.unless]; seen&(1<<other) != 0 {
				continue
			}
			text += " (or " + f.unless + ")"
		}
		b.wrongField(f.name, text)
	}
}

// compile-time proof that what is read as text can be described.
var _ = []formed{ID(0), Hash(0), Resolution{}, Role(0), Mode(0), Outcome(0), Reason(0), Encoder(""), State(core.StateReady)}
