package kb

import (
	"vidq/core"
)

// Law is the mean time of a service's work for one frame at one resolution:
// A + B*objects, in seconds.
type Law struct{ A, B float64 }

// Mean returns the mean work for a frame with that many objects, in seconds.
func (l Law) Mean(objects float64) float64 { return l.A + float64(l.B*max(objects, 0)) }

// Device is the part of a node that a service's worker keeps busy.
type Device uint8

// The devices.
const (
	DeviceCPU Device = iota
	DeviceGPU
)

// String returns cpu or gpu.
func (d Device) String() string { return [...]string{"cpu", "gpu"}[d] }

// lawPoint is a law at a measured resolution.
type lawPoint struct {
	pixels float64
	Law
}

// ServiceModel is what one model of a service takes on one class of nodes. It is
// shared and must not be changed.
type ServiceModel struct {
	Name   string     // of the model
	Device Device     // what its worker mostly keeps busy
	Needs  core.Needs // of one busy worker
	Load   core.Time  // to load the model when a worker switches to it
	CV     float64    // standard deviation of the work relative to its mean
	Phi    float64    // correlation parameter of the noise, 0..1 (see doc.go)

	points   []lawPoint // ascending by pixels, at least one
	marginal float64    // cost of a further frame in a batch, relative to the first
}

// Law returns the law at a resolution: piecewise linear in pixels between the
// measured resolutions, in proportion to the pixels beyond the smallest and the
// largest of them. A resolution without pixels gets the smallest's.
func (m *ServiceModel) Law(r core.Resolution) Law {
	px := float64(r.Pixels())
	p := m.points
	lo, hi := 0, len(p)-1
	switch {
	case px <= 0:
		return p[lo].Law
	case px <= p[lo].pixels:
		return p[lo].scale(px / p[lo].pixels)
	case px >= p[hi].pixels:
		return p[hi].scale(px / p[hi].pixels)
	}
	for p[lo+1].pixels < px {
		lo++
	}
	a, b := &p[lo], &p[lo+1]
	f := (px - a.pixels) / (b.pixels - a.pixels)
	return Law{lerp(a.A, b.A, f), lerp(a.B, b.B, f)}
}

func (p *lawPoint) scale(f float64) Law { return Law{p.A * f, p.B * f} }

// Batch returns the time of a batch of n frames relative to that of one, core.Work's law.
func (m *ServiceModel) Batch(n int) float64 { return core.Work{Marginal: m.marginal}.Batch(n) }

// lerp goes from a at f = 0 to b at f = 1.
func lerp(a, b, f float64) float64 { return a + float64(f*(b-a)) }
