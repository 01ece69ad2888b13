package kb

import (
	"maps"
	"slices"

	"vidq/core"
)

// Options change what Open returns. The zero value changes nothing.
type Options struct {
	Noise float64 // standard deviation of the error of the work figures, in logarithms: .2 is about 20%
	Bias  float64 // relative error of all work figures: -.5 halves them; must be above -1
	Seed  uint64  // of the noise
}

// Power is what a node of a class draws, in watts.
type Power struct {
	Idle    float64
	PerCore float64 // for each busy core
	PerGPU  float64 // for each busy gpu slot
}

// Class is a kind of nodes.
type Class struct {
	Name string
	core.Capacity
	Role         core.Role // edge or cloud: the column of a table by role that it stands for
	Power        Power
	CallOverhead core.Time // the host's cpu time for one call, encoding apart
	EncodeFactor float64   // its encoding time relative to the machine that the codecs were measured on
}

// Set is a set of profiles: what is known, or true, of services, node classes,
// codecs and content. It is immutable and safe for concurrent use; the methods
// that it has as a Predictor, and those that a world calls for each frame, do
// not allocate.
type Set struct {
	name     string
	title    string
	infos    []core.ServiceInfo
	services map[string]*service
	classes  map[string]*Class
	codecs   map[string]*codec
	contents map[string]*contentClass
	clips    map[core.VideoConf]*clip // configurations that were measured as such
	content  *contentClass            // of content whose class is not told or not known
	noEncode bool
}

var _ core.Predictor = (*Set)(nil)

// Name returns the name or path that the set was opened by.
func (s *Set) Name() string { return s.name }

// Title says in a line what the set is.
func (s *Set) Title() string { return s.title }

// Services describes every service of the set, ascending by name. The slice must
// not be changed.
func (s *Set) Services() []core.ServiceInfo { return s.infos }

// Class returns a node class; ok is false when the set does not know it.
func (s *Set) Class(name string) (c Class, ok bool) {
	if p := s.classes[name]; p != nil {
		return *p, true
	}
	return Class{}, false
}

// Classes returns the names of the node classes, ascending.
func (s *Set) Classes() []string { return slices.Sorted(maps.Keys(s.classes)) }

// ContentClasses returns the names of the content classes, ascending.
func (s *Set) ContentClasses() []string { return slices.Sorted(maps.Keys(s.contents)) }

// Encoders returns the codecs, ascending by name, each with the qualities that
// were measured, best first.
func (s *Set) Encoders() []core.Encoder {
	var out []core.Encoder
	for _, name := range slices.Sorted(maps.Keys(s.codecs)) {
		e := core.Encoder{Name: name}
		for _, l := range s.codecs[name].levels {
			e.Qualities = append(e.Qualities, int(l.quality))
		}
		if !s.codecs[name].lowBest {
			slices.Reverse(e.Qualities)
		}
		out = append(out, e)
	}
	return out
}

// Model returns what a service's model takes on a class of nodes; ok is false
// when it cannot run there or is not known.
func (s *Set) Model(service string, model int, class string) (*ServiceModel, bool) {
	role := core.RoleEdge
	if c := s.classes[class]; c != nil {
		role = c.Role
	}
	m := s.row(service, model, core.Target{Class: class, Role: role})
	return m, m != nil
}

func (s *Set) row(service string, model int, at core.Target) *ServiceModel {
	v := s.services[service]
	if v == nil || model < 0 || model >= len(v.models) {
		return nil
	}
	return v.models[model].find(at.Class, at.Role)
}

// Input says what a service is fed with when it is not a source stage; an
// unknown service gets the image.
func (s *Set) Input(service string) core.Input {
	if v := s.services[service]; v != nil {
		return v.info.Input
	}
	return core.InputImage
}

// classOf returns the content class of c, the default one if it is not told.
func (s *Set) classOf(c core.Content) *contentClass {
	if k := s.contents[c.Class]; k != nil {
		return k
	}
	return s.content
}

// codecOf returns v's codec, JPEG if it names none that is known.
func (s *Set) codecOf(v core.VideoConf) *codec {
	if k := s.codecs[v.Encoder]; k != nil {
		return k
	}
	return s.codecs[defaultCodec]
}

const defaultCodec = "jpeg"
