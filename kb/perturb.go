package kb

import (
	"hash/fnv"
	"math"
	"math/rand/v2"

	"vidq/core"
)

// perturbed returns the set with its work figures multiplied by
// (1+bias)*exp(noise*z), z being standard normal and keyed by service, model,
// class (or role) and resolution, so that the same figure is wrong by the same
// factor in every run of a seed. Others may hold s itself, which stays as it is.
func (s *Set) perturbed(o Options) *Set {
	if o.Noise == 0 && o.Bias == 0 {
		return s
	}
	p := *s
	p.services = make(map[string]*service, len(s.services))
	for name, v := range s.services { // every figure by its own key: the order cannot matter
		c := *v
		c.models = make([]model, len(v.models))
		for i := range v.models {
			m := v.models[i].clone()
			for class, sm := range m.onClass {
				m.onClass[class] = sm.perturbed(o, name, m.name, class)
			}
			for role, sm := range m.onRole {
				if sm != nil {
					m.onRole[role] = sm.perturbed(o, name, m.name, "role "+core.Role(role).String())
				}
			}
			c.models[i] = m
		}
		p.services[name] = &c
	}
	return &p
}

func (m *ServiceModel) perturbed(o Options, service, model, class string) *ServiceModel {
	c := m.times(m.Name, 1)
	for i := range c.points {
		p := &c.points[i]
		p.Law = p.scale((1 + o.Bias) * math.Exp(o.Noise*figureNoise(o.Seed, service, model, class, p.pixels)))
	}
	return c
}

// figureNoise is standard normal, a function of its arguments.
func figureNoise(seed uint64, service, model, class string, pixels float64) float64 {
	h := fnv.New64a()
	for _, s := range []string{service, model, class} {
		h.Write([]byte(s)) // an fnv hash's Write never fails
		h.Write([]byte{0})
	}
	return rand.New(rand.NewPCG(mix(seed), mix(h.Sum64()+uint64(pixels)))).NormFloat64()
}

// mix is the finaliser of SplitMix64 (Steele, Lea, Flood 2014): it spreads every
// bit of x over the whole word.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
