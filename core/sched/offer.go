package sched

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"vidq/core"
)

// Offer is what a scenario has to choose from. A parameter with a knob tag that a
// user gives must be among it: a frame rate that no knob lists is a slip of the pen more
// often than a wish, and who wants it adds it to the knobs. Defaults are not held to
// it, for a scheduler runs on whatever scenario.
type Offer struct {
	Scenario string // its name, for errors
	Knobs    core.Knobs
	Nodes    []core.NodeID
	Models   int // of the service that has most; 0 = not known
}

// The values of a knob tag.
const (
	offerFPS        = "fps"
	offerResolution = "resolution"
	offerEncoder    = "encoder" // "" is the first
	offerQuality    = "quality" // of the encoder that the struct's knob:"encoder" names; negative = the best
	offerModel      = "model"   // index of a service's model
	offerPlace      = "place"   // list of: host, edge, cloud or a node's id
)

// knobTypes are the types that a parameter of each knob has.
var knobTypes = map[string]string{
	"": "", offerFPS: "float", offerResolution: "string", offerEncoder: "string", offerQuality: "int", offerModel: "int", offerPlace: "list",
}

// check holds the parameters of a struct that a user gave, in the order of keys,
// against the offer.
func (o *Offer) check(e *entry, c reflect.Value, keys []string) *Error {
	encoder := ""
	for i := range e.params {
		if f := &e.params[i]; f.Knob == offerEncoder {
			encoder = c.Field(f.index).String()
		}
	}
	for _, k := range keys {
		f := e.field(k)
		if err := o.checkOne(f, c.Field(f.index), encoder); err != nil {
			err.Scheduler, err.Key = e.name, k
			return err
		}
	}
	return nil
}

func (o *Offer) checkOne(f *field, v reflect.Value, encoder string) *Error {
	switch f.Knob {
	case offerFPS:
		if !slices.Contains(o.Knobs.FPS, v.Float()) {
			return o.lacks(fmt.Sprint(v.Float()), "", "knobs.fps", list(o.Knobs.FPS))
		}
	case offerResolution:
		r, err := core.ParseResolution(v.String())
		if err == nil && !slices.Contains(o.Knobs.Resolutions, r) {
			names := list(o.Knobs.Resolutions)
			return o.lacks(quote(v.String()), nearest(v.String(), names), "knobs.resolutions", names)
		}
	case offerEncoder:
		var names []string
		for _, e := range o.Knobs.Encoders {
			names = append(names, e.Name)
		}
		if name := v.String(); name != "" && !slices.Contains(names, name) {
			return o.lacks(quote(name), nearest(name, names), "knobs.encoder", names)
		}
	case offerQuality:
		for i, e := range o.Knobs.Encoders {
			if named := e.Name == encoder || encoder == "" && i == 0; named && v.Int() >= 0 && !slices.Contains(e.Qualities, int(v.Int())) {
				return o.lacks(strconv.FormatInt(v.Int(), 10), "", "knobs.encoder's qualities of "+e.Name, list(e.Qualities))
			}
		}
	case offerModel:
		if o.Models > 0 && v.Int() >= int64(o.Models) {
			return &Error{Msg: fmt.Sprintf("want 0 to %d, the models of the services of %s, got %d", o.Models-1, o.name(), v.Int())}
		}
	case offerPlace:
		return o.place(v.Interface().([]string))
	}
	return nil
}

func (o *Offer) place(words []string) *Error {
	known := []string{"host", "edge", "cloud"}
	for _, n := range o.Nodes {
		known = append(known, string(n))
	}
	for _, w := range words {
		if !slices.Contains(known, w) {
			return &Error{Msg: fmt.Sprintf("%q is neither host, edge, cloud nor a node of %s", w, o.name()), Hint: nearest(w, known)}
		}
	}
	return nil
}

func (o *Offer) lacks(value, hint, where string, known []string) *Error {
	return &Error{Msg: fmt.Sprintf("%s is not in the %s of %s: %s", value, where, o.name(), strings.Join(known, ", ")), Hint: hint}
}

func (o *Offer) name() string {
	if o.Scenario == "" {
		return "the scenario"
	}
	return o.Scenario
}

func list[T any](all []T) []string {
	words := make([]string, len(all))
	for i := range all {
		words[i] = fmt.Sprint(all[i])
	}
	return words
}
