package sched

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Spec names a scheduler and some of its parameters. Values have the types that
// a TOML decoder gives: string, bool, int64, float64 or []any of these. What is
// not named keeps its default. New checks them against the scheduler's own types.
type Spec struct {
	Name   string
	Params map[string]any
}

// ParseSpecs reads a list such as
//
//	latfirst[mode=peer],static[plan=given,place=[host,cloud]],random
//
// A value is a whole number, a number, true, false, a "quoted" string, a list in
// brackets, or else a string as it stands. Errors are of type *Error.
func ParseSpecs(list string) ([]Spec, error) {
	p := &specParser{text: list}
	var specs []Spec
	for {
		s, err := p.spec()
		if err != nil {
			return nil, err
		}
		specs = append(specs, s)
		if p.skip(); p.done() {
			return specs, nil
		}
		if !p.take(',') {
			return nil, p.fail(s.Name, "", "want a comma or the end")
		}
	}
}

// String is the canonical form: name[key=value,...] with the keys sorted, the
// bare name without parameters. ParseSpecs reads it back.
func (s Spec) String() string {
	if len(s.Params) == 0 {
		return s.Name
	}
	keys := make([]string, 0, len(s.Params))
	for k := range s.Params {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var b strings.Builder
	b.WriteString(s.Name + "[")
	for i, k := range keys {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(k + "=" + FormatValue(s.Params[k]))
	}
	b.WriteByte(']')
	return b.String()
}

// FormatValue writes a parameter's value as ParseSpecs reads it.
func FormatValue(v any) string {
	switch v := v.(type) {
	case string:
		if v != "" && strings.IndexFunc(v, func(r rune) bool { return !wordRune(r) }) < 0 && bare(v) == any(v) {
			return v
		}
		return strconv.Quote(v)
	case float64:
		s := strconv.FormatFloat(v, 'g', -1, 64)
		if _, err := strconv.ParseInt(s, 10, 64); err == nil {
			s += ".0" // read back as what it is
		}
		return s
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = FormatValue(v[i])
		}
		return "[" + strings.Join(parts, ",") + "]"
	case []string:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = FormatValue(v[i])
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	return fmt.Sprint(v)
}

// bare types an unquoted word.
func bare(w string) any {
	switch w {
	case "true":
		return true
	case "false":
		return false
	}
	if n, err := strconv.ParseInt(w, 10, 64); err == nil {
		return n
	}
	if strings.ContainsAny(w[:1], "+-.0123456789") { // "inf", "nan" and "0x1p-2"-like node names stay words
		if x, err := strconv.ParseFloat(w, 64); err == nil && !math.IsInf(x, 0) && !strings.ContainsAny(w, "xX_") {
			return x
		}
	}
	return w
}

func wordRune(r rune) bool {
	switch r {
	case '[', ']', ',', '=', '"', ' ', '\t', '\n', '\r':
		return false
	}
	return r > ' ' && r != 0x7f && r != 0xfffd
}

type specParser struct {
	text string
	pos  int
}

func (p *specParser) done() bool { return p.pos >= len(p.text) }

func (p *specParser) skip() {
	for !p.done() && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
}

func (p *specParser) take(c byte) bool {
	p.skip()
	if p.done() || p.text[p.pos] != c {
		return false
	}
	p.pos++
	return true
}

func (p *specParser) word() string {
	p.skip()
	start := p.pos
	for _, r := range p.text[start:] {
		if !wordRune(r) {
			break
		}
		p.pos += len(string(r))
	}
	return p.text[start:p.pos]
}

func (p *specParser) fail(name, key, msg string) error {
	rest := "the end"
	if !p.done() {
		rest = strconv.Quote(p.text[p.pos:])
	}
	return &Error{Scheduler: name, Key: key, Msg: msg + " at " + rest}
}

func (p *specParser) spec() (Spec, error) {
	s := Spec{Name: p.word()}
	if s.Name == "" {
		return s, p.fail("", "", "want a scheduler's name")
	}
	if i := strings.IndexAny(s.Name, "({:"); i > 0 {
		return s, &Error{Scheduler: s.Name[:i], Msg: "parameters stand in square brackets, as in " + s.Name[:i] + "[key=value]"}
	}
	if !p.take('[') || p.take(']') {
		return s, nil
	}
	s.Params = map[string]any{}
	for {
		key := p.word()
		if key == "" || !p.take('=') {
			return s, p.fail(s.Name, key, "want key=value")
		}
		if _, twice := s.Params[key]; twice {
			return s, &Error{Scheduler: s.Name, Key: key, Msg: "is given twice"}
		}
		v, err := p.value(s.Name, key, 0)
		if err != nil {
			return s, err
		}
		s.Params[key] = v
		switch {
		case p.take(']'):
			return s, nil
		case !p.take(','):
			return s, p.fail(s.Name, key, "want a comma or ]")
		}
	}
}

func (p *specParser) value(name, key string, depth int) (any, error) {
	p.skip()
	if !p.done() && p.text[p.pos] == '"' {
		q, err := strconv.QuotedPrefix(p.text[p.pos:])
		if err != nil {
			return nil, p.fail(name, key, "a string does not end")
		}
		p.pos += len(q)
		s, err := strconv.Unquote(q)
		if err != nil {
			return nil, p.fail(name, key, "a string is badly quoted")
		}
		return s, nil
	}
	if p.take('[') {
		if depth > 0 {
			return nil, p.fail(name, key, "a list within a list")
		}
		return p.list(name, key, depth)
	}
	w := p.word()
	if w == "" {
		return nil, p.fail(name, key, "want a value")
	}
	return bare(w), nil
}

func (p *specParser) list(name, key string, depth int) (any, error) {
	l := []any{}
	if p.take(']') {
		return l, nil
	}
	for {
		v, err := p.value(name, key, depth+1)
		if err != nil {
			return nil, err
		}
		l = append(l, v)
		switch {
		case p.take(']'):
			return l, nil
		case !p.take(','):
			return nil, p.fail(name, key, "want a comma or ]")
		}
	}
}
