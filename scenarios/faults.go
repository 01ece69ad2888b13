package scenarios

import (
	"slices"
	"strings"

	"vidq/core"
)

// faultKind says which keys a kind of fault takes. The loader, the schema and the
// documentation are made of these.
type faultKind struct {
	name     string
	doc      string
	required []string
	optional []string
	oneOf    []string // at least one of these optional keys is needed
}

var faultKinds = []faultKind{
	{
		name: FaultNodeDown, required: []string{"node"},
		doc: "The node is dead: its calls and messages are lost and its frames are not served. It joins again afterwards, with nothing but what was acknowledged.",
	},
	{
		name: FaultLinkDown, required: []string{"link"},
		doc: "Nothing passes the link, in either direction.",
	},
	{
		name: FaultLinkDegraded, required: []string{"link"},
		optional: []string{"rate", "factor", "delay", "loss"}, oneOf: []string{"rate", "factor", "delay", "loss"},
		doc: "The link carries at most rate, or its rate times factor, with delay more delay and at least that loss, in both directions. A link's rate is the smaller of the fault's and its own at each instant: where a trace is below the fault's rate, the trace counts.",
	},
	{
		name: FaultServiceDown, required: []string{"service"}, optional: []string{"node"},
		doc: "The service refuses every call, at the node or everywhere.",
	},
	{
		name: FaultServiceSlow, required: []string{"service", "factor"}, optional: []string{"node"},
		doc: "The service takes factor times as long, at the node or everywhere.",
	},
	{
		name: FaultMessageLoss, required: []string{"loss"}, optional: []string{"node", "link"},
		doc: "Control messages (not frames) vanish with that probability: those from and to the node, those on the link, or all.",
	},
	{
		name: FaultStore,
		doc:  "The query manager's store fails to save.",
	},
	{
		name: FaultCrash, optional: []string{"node"},
		doc: "The node's process dies after its next save became durable and before it is told so, and starts again after for. Without node it is the query manager's; a node without a store dies at once.",
	},
}

func faultKindNames() []string {
	names := make([]string, len(faultKinds))
	for i := range faultKinds {
		names[i] = faultKinds[i].name
	}
	return names
}

// given lists the keys of a fault that depend on its kind and are there.
func (f *fileFault) given() []string {
	var keys []string
	for _, k := range []struct {
		key  string
		here bool
	}{
		{"node", f.Node != ""},
		{"link", f.Link != nil},
		{"service", f.Service != ""},
		{"rate", f.Rate != nil},
		{"factor", f.Factor != nil},
		{"delay", f.Delay != nil},
		{"loss", f.Loss != nil},
	} {
		if k.here {
			keys = append(keys, k.key)
		}
	}
	return keys
}

// infer tells a fault's kind by its keys, "" when they do not.
func infer(given []string) string {
	has := func(k string) bool { return slices.Contains(given, k) }
	switch {
	case has("link") && len(given) == 1:
		return FaultLinkDown
	case has("link"):
		return FaultLinkDegraded
	case has("service") && has("factor"):
		return FaultServiceSlow
	case has("service"):
		return FaultServiceDown
	case has("loss"):
		return FaultMessageLoss
	case has("node"):
		return FaultNodeDown
	}
	return ""
}

// fault builds one fault; key is its address.
func (b *builder) fault(f *fileFault, id, key string) Fault {
	given := f.given()
	out := Fault{ID: id, At: core.Time(f.At), For: core.Never, Kind: f.Kind, Node: core.NodeID(f.Node), Service: f.Service, Rate: -1}
	if out.Kind == "" {
		out.Kind = infer(given)
	}
	i := slices.IndexFunc(faultKinds, func(k faultKind) bool { return k.name == out.Kind })
	if i < 0 {
		if f.Kind == "" {
			b.failAt(key, key+".kind", "", "is missing: one of %s", strings.Join(faultKindNames(), ", "))
		}
		return out
	}
	b.faultKeys(&faultKinds[i], given, key)
	if out.Kind == FaultCrash {
		out.For = core.Second
		if out.Node == "" {
			out.Node = b.s.Manager
		}
	}
	if f.For != nil {
		out.For = core.Time(*f.For)
	}
	if len(f.Link) == 2 {
		out.Link = [2]core.NodeID{core.NodeID(f.Link[0]), core.NodeID(f.Link[1])}
	} else if f.Link != nil {
		b.failAt(key+".link", key+".link", "", "want the two ends of a link")
	}
	if f.Rate != nil {
		out.Rate = float64(*f.Rate)
	}
	if f.Factor != nil {
		out.Factor = *f.Factor
		if out.Factor == 0 { // of a link's rate: nothing is left
			out.Rate = 0
		}
	}
	if f.Delay != nil {
		out.Delay = core.Time(*f.Delay)
	}
	if f.Loss != nil {
		out.Loss = *f.Loss
	}
	return out
}

// faultKeys holds the keys that are given against those that the kind takes.
func (b *builder) faultKeys(k *faultKind, given []string, key string) {
	one := len(k.oneOf) == 0
	for _, g := range given {
		one = one || slices.Contains(k.oneOf, g)
		if !slices.Contains(k.required, g) && !slices.Contains(k.optional, g) {
			b.failAt(key+"."+g, key+"."+g, "", "has no meaning for a fault of kind %s", k.name)
		}
	}
	for _, r := range k.required {
		if !slices.Contains(given, r) {
			b.failAt(key, key+"."+r, "", "is missing: a fault of kind %s needs it", k.name)
		}
	}
	if !one {
		b.failAt(key, key, "", "a fault of kind %s needs one of %s", k.name, strings.Join(k.oneOf, ", "))
	}
	if slices.Contains(given, "rate") && slices.Contains(given, "factor") {
		b.failAt(key+".factor", key+".factor", "", "takes the place of rate: give one of them")
	}
	if slices.Contains(given, "node") && slices.Contains(given, "link") {
		b.failAt(key+".link", key+".link", "", "takes the place of node: give one of them")
	}
}
