package wire

import (
	"encoding"
	"errors"
	"math"
	"reflect"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Float is a number that may be none: NaN and the infinities, which JSON lacks, are
// strings. All NaNs are one.
type Float float64

// The words for what is no number.
const (
	wordNaN      = "NaN"
	wordInfinity = "Infinity"
)

func parseLoose(s string) (Float, bool) {
	switch s {
	case wordNaN:
		return Float(math.NaN()), true
	case wordInfinity:
		return Float(math.Inf(1)), true
	case "-" + wordInfinity:
		return Float(math.Inf(-1)), true
	}
	return 0, false
}

// Encode writes v, a value of one of this package's types or a pointer to one, as
// JSON with a line's end. Fields stand in the order of the type, keys of maps are
// sorted, floats have as many digits as they need to be read back bit by bit. It
// fails on text that is not UTF-8, on numbers that are none, and nothing else.
func Encode(v any) ([]byte, error) { return encode(v, false) }

// EncodePlain is Encode without the extra fields: what a peer of the original is sent.
func EncodePlain(v any) ([]byte, error) { return encode(v, true) }

func encode(v any, plain bool) ([]byte, error) {
	r := reflect.ValueOf(v)
	w := writer{b: make([]byte, 0, 512), plain: plain}
	if err := w.value(shapeOf(r.Type()), r); err != nil {
		return nil, err
	}
	return append(w.b, '\n'), nil
}

// writer writes Go values as JSON by their shapes.
type writer struct {
	b     []byte
	path  path
	plain bool
}

func (w *writer) fail(text string) error {
	return errors.New("wire: " + w.path.String() + " cannot be written as JSON: " + text)
}

func (w *writer) value(s *shape, v reflect.Value) error {
	switch s.kind {
	case kindPointer:
		if v.IsNil() {
			w.b = append(w.b, "null"...)
			return nil
		}
		return w.value(s.elem, v.Elem())
	case kindObject:
		return w.object(s, v)
	case kindDict:
		return w.dict(s, v)
	case kindList, kindTuple:
		w.b = append(w.b, '[')
		for i := range v.Len() {
			if i > 0 {
				w.b = append(w.b, ',')
			}
			w.path.push("", i)
			if err := w.value(s.elem, v.Index(i)); err != nil {
				return err
			}
			w.path.pop()
		}
		w.b = append(w.b, ']')
	case kindText:
		text, err := v.Interface().(encoding.TextMarshaler).MarshalText()
		if err != nil {
			return w.fail(err.Error())
		}
		return w.text(string(text))
	case kindString:
		return w.text(v.String())
	case kindBool:
		w.b = strconv.AppendBool(w.b, v.Bool())
	case kindInt:
		w.b = strconv.AppendInt(w.b, v.Int(), 10)
	case kindUint:
		w.b = strconv.AppendUint(w.b, v.Uint(), 10)
	default:
		return w.float(v.Float(), s.kind == kindLoose)
	}
	return nil
}

func (w *writer) float(x float64, loose bool) error {
	switch {
	case !math.IsNaN(x) && !math.IsInf(x, 0):
		format := byte('f')
		if a := math.Abs(x); a != 0 && (a < 1e-6 || a >= 1e21) {
			format = 'e'
		}
		w.b = strconv.AppendFloat(w.b, x, format, -1, 64)
	case !loose:
		return w.fail(strconv.FormatFloat(x, 'g', -1, 64) + " is no number")
	case x < 0:
		return w.text("-" + wordInfinity)
	case x > 0:
		return w.text(wordInfinity)
	default:
		return w.text(wordNaN)
	}
	return nil
}

// text writes a string. Bytes below the space and the two that JSON needs are
// escaped, all else stands as it is.
func (w *writer) text(s string) error {
	if !utf8.ValidString(s) {
		return w.fail(strconv.Quote(shorten(s, 60)) + " is not UTF-8")
	}
	const hex = "0123456789abcdef"
	w.b = slices.Grow(w.b, len(s)+2)
	w.b = append(w.b, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		w.b = append(w.b, s[from:i]...)
		from = i + 1
		if c >= ' ' {
			w.b = append(w.b, '\\', c)
		} else {
			w.b = append(w.b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	w.b = append(append(w.b, s[from:]...), '"')
	return nil
}

func (w *writer) dict(s *shape, v reflect.Value) error {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int {
		switch x, y := a.String(), b.String(); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	w.b = append(w.b, '{')
	for i, k := range keys {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.path.push(k.String(), -1)
		if err := w.text(k.String()); err != nil {
			return err
		}
		w.b = append(w.b, ':')
		if err := w.value(s.elem, v.MapIndex(k)); err != nil {
			return err
		}
		w.path.pop()
	}
	w.b = append(w.b, '}')
	return nil
}

func (w *writer) object(s *shape, v reflect.Value) error {
	w.b = append(w.b, '{')
	first := true
	for i := range s.fields {
		f := &s.fields[i]
		if f.group >= 0 && (w.plain || v.Field(f.group).IsNil()) {
			continue
		}
		x := v.FieldByIndex(f.index)
		if f.optional && absent(x) {
			continue
		}
		if !first {
			w.b = append(w.b, ',')
		}
		first = false
		w.b = append(append(append(w.b, '"'), f.name...), '"', ':')
		w.path.push(f.name, -1)
		if err := w.value(f.shape, x); err != nil {
			return err
		}
		w.path.pop()
	}
	w.b = append(w.b, '}')
	return nil
}

// absent reports whether an optional field is left out. A list that is there and
// empty is not: no face found is an answer. Minus zero is not zero.
func absent(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.Pointer:
		return v.IsNil()
	case reflect.Float64:
		return math.Float64bits(v.Float()) == 0
	default:
		return v.IsZero()
	}
}
