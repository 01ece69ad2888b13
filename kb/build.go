package kb

import (
	"cmp"
	"maps"
	"slices"

	"vidq/core"
)

// service is a service of a set, checked and resolved.
type service struct {
	info   core.ServiceInfo
	output output
	models []model
}

// output is the size of a service's answer in bytes.
type output struct{ base, perObject, perPixel float64 }

// model is one of a service's models.
type model struct {
	name     string
	accuracy float64 // relative to the service's best
	onClass  map[string]*ServiceModel
	onRole   [2]*ServiceModel // by core.RoleEdge, core.RoleCloud
}

// find returns the model's row for a class, or else for a role (the host counts
// as an edge, as in the original's tables); nil when there is none.
func (m *model) find(class string, role core.Role) *ServiceModel {
	if sm := m.onClass[class]; sm != nil {
		return sm
	}
	if role == core.RoleCloud {
		return m.onRole[core.RoleCloud]
	}
	return m.onRole[core.RoleEdge]
}

// serviceBuilder turns a file into a service.
type serviceBuilder struct {
	check
	file  *serviceFile
	known map[string]*Class
}

// buildService checks f and resolves its references. like is the service that
// f.Like names, nil if there is none.
func buildService(name, file string, f *serviceFile, like *service, known map[string]*Class) (*service, error) {
	b := &serviceBuilder{check{file: file}, f, known}
	s := &service{info: core.ServiceInfo{Name: name}}
	switch {
	case f.Like != "" && like == nil:
		b.fail("like", "there is no service "+f.Like+" in the set (or it says like itself)")
	case f.Like != "" && len(f.Models) > 0:
		b.fail("model", "stands beside like; one of them must go")
	case f.Like != "":
		s.models, s.output, s.info.Input = like.models, like.output, like.info.Input
	case len(f.Models) == 0:
		b.fail("model", "is missing: a service needs at least one")
	default:
		s.models = b.buildModels()
	}
	switch f.Input {
	case "image":
		s.info.Input = core.InputImage
	case "crops":
		s.info.Input = core.InputCrops
	case "":
		if f.Like == "" {
			b.fail("input", "is missing, want image or crops")
		}
	default:
		b.fail("input", "is "+f.Input+", want image or crops")
	}
	switch o := f.Output; {
	case o != nil:
		b.source("output", o.figure)
		b.number("output.base", o.Base, 0, 1e9)
		b.number("output.per_object", o.PerObject, 0, 1e9)
		b.number("output.per_pixel", o.PerPixel, 0, 1e3)
		s.output = output{o.Base, o.PerObject, o.PerPixel}
	case f.Like == "":
		b.fail("output", "is missing")
	}
	for i := range s.models {
		s.info.Models = append(s.info.Models, s.models[i].name)
	}
	return s, b.err
}

func (b *serviceBuilder) buildModels() []model {
	var ms []model
	last := 1.0
	for i := range b.file.Models {
		f := &b.file.Models[i]
		key := "model[" + itoa(i) + "]"
		b.source(key, f.figure)
		b.positive(key+".accuracy", f.Accuracy, 1)
		if f.Accuracy > last {
			b.fail(key+".accuracy", "is higher than that of the model before: the most accurate stands first")
		}
		if i == 0 && f.Accuracy != 1 {
			b.fail(key+".accuracy", "must be 1 for the best model, to which the others are relative")
		}
		last = f.Accuracy
		if f.Name == "" {
			b.fail(key+".name", "is missing")
		}
		if slices.ContainsFunc(ms, func(m model) bool { return m.name == f.Name }) {
			b.fail(key+".name", "stands twice")
		}
		m := model{name: f.Name, accuracy: f.Accuracy, onClass: map[string]*ServiceModel{}}
		if f.Like != "" {
			b.inherit(key, f, ms, &m)
		}
		for j := range f.On {
			b.addRow(key+".on["+itoa(j)+"]", &f.On[j], &m)
		}
		if len(m.onClass) == 0 && m.onRole == [2]*ServiceModel{} {
			b.fail(key+".on", "is missing: the model runs nowhere")
		}
		ms = append(ms, m)
	}
	return ms
}

// inherit gives m the rows of the earlier model that f.Like names.
func (b *serviceBuilder) inherit(key string, f *modelFile, ms []model, m *model) {
	b.positive(key+".times", f.Times, 1e6)
	i := slices.IndexFunc(ms, func(m model) bool { return m.name == f.Like })
	if i < 0 {
		b.fail(key+".like", "there is no earlier model "+f.Like)
		return
	}
	for class, sm := range ms[i].onClass { // each row by itself: the order cannot matter
		m.onClass[class] = sm.times(f.Name, f.Times)
	}
	for role, sm := range ms[i].onRole {
		if sm != nil {
			m.onRole[role] = sm.times(f.Name, f.Times)
		}
	}
}

func (b *serviceBuilder) addRow(key string, f *rowFile, m *model) {
	var sm *ServiceModel
	switch {
	case f.Like != "":
		b.source(key, f.figure)
		b.positive(key+".times", f.Times, 1e6)
		from := m.onClass[f.Like]
		if from == nil {
			b.fail(key+".like", "there is no earlier row for class "+f.Like)
			return
		}
		if len(f.Laws) > 0 {
			b.fail(key+".laws", "stands beside like; one of them must go")
		}
		sm = from.times(m.name, f.Times)
		b.device(key, f, sm)
	default:
		sm = &ServiceModel{Name: m.name, marginal: 1}
		b.device(key, f, sm)
		b.laws(key, f, sm)
	}
	switch {
	case (f.Class == "") == (f.Role == ""):
		b.fail(key+".class", "a row is for a class or for a role")
	case f.Class != "":
		if b.known[f.Class] == nil {
			b.fail(key+".class", "there is no node class "+f.Class)
		}
		m.onClass[f.Class] = sm
	default:
		m.onRole[b.role(key+".role", f.Role)] = sm
	}
}

// device fills in what is not the law: from the row, else from the file's
// defaults for the device, else (in a row that is like another) as it was.
func (b *serviceBuilder) device(key string, f *rowFile, sm *ServiceModel) {
	defaults := deviceFile{}
	switch f.Device {
	case "cpu":
		sm.Device, defaults = DeviceCPU, b.file.CPU
	case "gpu":
		sm.Device, defaults = DeviceGPU, b.file.GPU
	case "":
		if f.Like == "" {
			b.fail(key+".device", "is missing, want cpu or gpu")
		}
	default:
		b.fail(key+".device", "is "+f.Device+", want cpu or gpu")
	}
	if d := either(f.Noise, defaults.Noise); d != nil {
		b.source(key+".noise", d.figure)
		b.number(key+".noise.cv", d.CV, 0, 1)
		b.number(key+".noise.phi", d.Phi, 0, .99)
		sm.CV, sm.Phi = d.CV, d.Phi
	}
	if d := either(f.Load, defaults.Load); d != nil {
		b.source(key+".load", d.figure)
		b.number(key+".load.seconds", d.Seconds, 0, 3600)
		sm.Load = core.FromSeconds(d.Seconds)
	}
	if d := either(f.Batch, defaults.Batch); d != nil {
		b.source(key+".batch", d.figure)
		b.number(key+".batch.marginal", d.Marginal, 0, 1)
		sm.marginal = d.Marginal
	}
	if d := either(f.Needs, defaults.Needs); d != nil {
		b.source(key+".needs", d.figure)
		b.number(key+".needs.cpu", d.CPU, 0, 1e4)
		b.number(key+".needs.gpu", d.GPU, 0, 1e4)
		b.number(key+".needs.memory_mb", d.Memory, 0, 1e9)
		sm.Needs = core.Needs{CPU: d.CPU, GPU: d.GPU, Memory: d.Memory * 1e6}
	}
}

func either[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}

func (b *serviceBuilder) laws(key string, f *rowFile, sm *ServiceModel) {
	if len(f.Laws) == 0 {
		b.fail(key+".laws", "is missing")
		return
	}
	for i, l := range f.Laws {
		k := key + ".laws[" + itoa(i) + "]"
		if l.Source == "" {
			b.source(key, f.figure)
		}
		b.number(k+".a", l.A, 0, 1e4)
		b.number(k+".b", l.B, 0, 1e4)
		if l.A == 0 && l.B == 0 {
			b.fail(k, "takes no time")
		}
		px := float64(b.resolution(k+".at", l.At).Pixels())
		sm.points = append(sm.points, lawPoint{px, Law{l.A, l.B}})
	}
	slices.SortFunc(sm.points, func(a, b lawPoint) int { return int(a.pixels - b.pixels) })
	for i := 1; i < len(sm.points); i++ {
		p, q := sm.points[i-1], sm.points[i]
		if p.pixels == q.pixels {
			b.fail(key+".laws", "has two rows for one number of pixels")
		}
		if q.A < p.A || q.B < p.B {
			b.fail(key+".laws", "falls from one resolution to the next larger")
		}
	}
}

// times returns a copy of the row under another name with its work multiplied.
func (m *ServiceModel) times(name string, f float64) *ServiceModel {
	c := *m
	c.Name = name
	c.points = slices.Clone(m.points)
	for i := range c.points {
		c.points[i].Law = c.points[i].scale(f)
	}
	return &c
}

// mergeService adds o's models and rows to a copy of s: rows of o win, models
// that only one of them has keep their place by accuracy.
func mergeService(s, o *service) *service {
	m := &service{info: core.ServiceInfo{Name: s.info.Name, Input: o.info.Input}, output: o.output}
	for i := range s.models {
		m.models = append(m.models, s.models[i].clone())
	}
	for i := range o.models {
		om := &o.models[i]
		j := slices.IndexFunc(m.models, func(m model) bool { return m.name == om.name })
		if j < 0 {
			m.models = append(m.models, om.clone())
			continue
		}
		maps.Copy(m.models[j].onClass, om.onClass)
		for role, sm := range om.onRole {
			if sm != nil {
				m.models[j].onRole[role] = sm
			}
		}
	}
	slices.SortStableFunc(m.models, func(a, b model) int { return cmp.Compare(b.accuracy, a.accuracy) })
	for i := range m.models {
		m.info.Models = append(m.info.Models, m.models[i].name)
	}
	return m
}

func (m *model) clone() model {
	c := *m
	c.onClass = maps.Clone(m.onClass)
	return c
}
