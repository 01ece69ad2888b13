package sched

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"vidq/core"
)

// Range is what a search over a parameter tries: a few values, or numbers between
// two bounds.
type Range struct {
	Key    string
	Values []any // in order; nil for a number
	Lo, Hi float64
	Log    bool // a step is a factor

	kind string // the parameter's type
}

// spread is how far a range goes from a default that says nothing else: to a quarter of
// it and to four times it.
const spread = 4

// maxPlain is the widest range, in units, of a number whose default is no scale because it
// is not above 0.
const maxPlain = 10

// Range tells what a search over the parameter tries; false if that is nothing. What a
// scenario must have is what all the offers have, at most three models of it; a quality and a place
// stay. Of others the tag
//
//	search:"lo..hi"   a number, a duration in seconds; on a scale of factors if lo is above 0
//	search:"a|b|c"    a string or a bool; the elements of a list have commas between them
//	search:"-"        nothing
//
// says it. Without one it is all choices, both of a bool, and of a number from a
// quarter of the default to four times the default on a scale of factors, within the bounds. A default
// that is not above 0 is no scale: then it is all that lies within the bounds if these
// are at most ten apart, and otherwise nothing.
func (p *Param) Range(offers []*Offer) (Range, bool) {
	r := Range{Key: p.Key, kind: p.Type}
	switch {
	case p.Knob != "":
		r.Values = common(p.Knob, offers)
		return r, slices.ContainsFunc(r.Values, func(v any) bool { return FormatValue(v) != FormatValue(p.Default) })
	case p.Search == "-":
		return r, false
	case p.Type == "bool":
		r.Values = []any{false, true}
		return r, true
	case p.Type == "string", p.Type == "list":
		words := p.Choices
		if p.Search != "" {
			words = strings.Split(p.Search, "|")
		}
		for _, w := range words {
			r.Values = append(r.Values, p.word(w))
		}
		return r, len(words) > 1
	}
	if p.Search != "" {
		r.Lo, r.Hi, _ = interval(p.Search) // Register has looked at it
		r.Log = r.Lo > 0
		return r, true
	}
	least, most := math.Inf(-1), math.Inf(1)
	if p.Min != nil {
		least = *p.Min
	}
	if p.Max != nil {
		most = *p.Max
	}
	if d := scalar(p.Default); d > 0 {
		r.Lo, r.Hi, r.Log = max(d/spread, least), min(d*spread, most), true
		if p.Type == "int" {
			r.Lo = math.Ceil(r.Lo)
		}
		return r, r.Lo < r.Hi
	}
	r.Lo, r.Hi = least, most
	return r, least < most && most-least <= maxPlain
}

// mostModels is how many models of a service are tried, the most accurate first.
const mostModels = 3

// common lists what all offers have of a knob.
func common(knob string, offers []*Offer) (values []any) {
	for i, o := range offers {
		var has []any
		switch knob {
		case offerFPS:
			for _, f := range o.Knobs.FPS {
				has = append(has, f)
			}
		case offerResolution:
			for _, r := range o.Knobs.Resolutions {
				has = append(has, r.String())
			}
		case offerEncoder:
			for _, e := range o.Knobs.Encoders {
				has = append(has, e.Name)
			}
		case offerModel:
			for m := range min(o.Models, mostModels) {
				has = append(has, int64(m))
			}
		}
		if i == 0 {
			values = has
		}
		values = slices.DeleteFunc(values, func(v any) bool { return !slices.Contains(has, v) })
	}
	return values
}

func (p *Param) word(w string) any {
	if p.Type == "list" {
		return strings.Split(w, ",")
	}
	return w
}

// interval reads lo..hi.
func interval(text string) (lo, hi float64, ok bool) {
	a, b, found := strings.Cut(text, "..")
	lo, err := strconv.ParseFloat(a, 64)
	hi, err2 := strconv.ParseFloat(b, 64)
	return lo, hi, found && err == nil && err2 == nil && lo < hi
}

// checkSearch reports whether a tag fits a type.
func checkSearch(kind, tag string) bool {
	switch {
	case tag == "" || tag == "-":
		return true
	case kind == "string" || kind == "list":
		return strings.Contains(tag, "|")
	case kind == "bool":
		return false
	}
	_, _, ok := interval(tag)
	return ok
}

// At is the value at u, 0..1, of the way through the range, as a TOML decoder would give
// it. Numbers have three significant digits.
func (r *Range) At(u float64) any {
	u = min(max(u, 0), 1)
	if r.Values != nil {
		return r.Values[min(int(u*float64(len(r.Values))), len(r.Values)-1)]
	}
	x := r.Lo + float64(u*(r.Hi-r.Lo))
	if r.Log {
		x = math.Exp(math.Log(r.Lo) + float64(u*math.Log(r.Hi/r.Lo)))
	}
	return r.number(x)
}

func (r *Range) number(x float64) any {
	if r.kind == "int" {
		return int64(math.Round(min(max(x, r.Lo), r.Hi)))
	}
	x, _ = strconv.ParseFloat(strconv.FormatFloat(x, 'g', 3, 64), 64) // it has been written as one
	x = min(max(x, r.Lo), r.Hi)
	if r.kind == "duration" {
		return core.FromSeconds(x).String()
	}
	return x
}

// Near lists the values a step, as a share of the range, above and below v; of a
// parameter with few values all others. A whole number moves by one at least. What
// lies outside of the range is the nearest that does not.
func (r *Range) Near(v any, step float64) (near []any) {
	if r.Values != nil {
		for _, w := range r.Values {
			if FormatValue(w) != FormatValue(v) {
				near = append(near, w)
			}
		}
		return near
	}
	x := min(max(scalar(v), r.Lo), r.Hi)
	u := (x - r.Lo) / (r.Hi - r.Lo)
	if r.Log {
		u = math.Log(x/r.Lo) / math.Log(r.Hi/r.Lo)
	}
	for _, direction := range []float64{1, -1} {
		w := r.At(u + float64(direction*step))
		if r.kind == "int" && FormatValue(w) == FormatValue(v) {
			w = r.number(x + direction)
		}
		if FormatValue(w) != FormatValue(v) {
			near = append(near, w)
		}
	}
	return near
}

// scalar is a number as it is, and a duration in seconds.
func scalar(v any) float64 {
	if s, ok := v.(string); ok {
		t, _ := parseTime(s)
		return t.Seconds()
	}
	x, _ := number(v)
	return x
}
