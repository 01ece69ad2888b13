package result

import (
	"reflect"
	"strings"
	"sync"
)

// Observation is one figure of a run by its key in the result document, the levels
// joined with dots: latency_s.p95.
type Observation struct {
	Metric string
	Value  float64
}

// Observations returns the figures of r that summaries sum up, in the document's
// order; nulls are left out.
func (r *Run) Observations() []Observation {
	keys := figureKeys()
	out := make([]Observation, 0, len(keys))
	for i, v := range r.figures() {
		if v != nil {
			out = append(out, Observation{keys[i], *v})
		}
	}
	return out
}

// Each calls yield with every figure that is not null, by its key.
func (f *Figures) Each(yield func(metric string, s *Stat)) {
	keys := figureKeys()
	for i, s := range f.slots() {
		if *s != nil {
			yield(keys[i], *s)
		}
	}
}

// figureKeys are the keys of slots() and figures(), read off the JSON tags.
var figureKeys = sync.OnceValue(func() []string { return statKeys(reflect.TypeFor[Figures](), "") })

func statKeys(t reflect.Type, prefix string) (keys []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Type == reflect.TypeFor[*Stat]() {
			keys = append(keys, prefix+name)
			continue
		}
		keys = append(keys, statKeys(f.Type, prefix+name+".")...)
	}
	return keys
}
