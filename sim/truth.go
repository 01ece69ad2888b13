package sim

import (
	"math"

	"vidq/core"
	"vidq/kb"
	"vidq/scenarios"
	"vidq/scenarios/testbed"
)

// truth is what an oracle is told: the world's figures and what will happen in it.
// It looks ahead in the scenario, never in the machines that are tested: a crash
// is known by when its fault begins.
type truth struct {
	*kb.Set
	s *Sim
}

var _ core.Oracle = truth{}

// Scene implements core.Oracle.
func (t truth) Scene(id core.QueryID, at core.Time) (core.Scene, bool) {
	q := t.s.query(id)
	if q == nil {
		return core.Scene{}, false
	}
	cam := q.stream.Cam
	k := cam.Next(at)
	if cam.Mode == core.ModeFile {
		k = q.stream.Cursor() + int64(max(at-t.s.k.Now(), 0).Seconds()*cam.FPS)
	}
	c := cam.Scene(k).Content()
	return core.Scene{Content: c, Decay: t.Decay(c), Video: cam.Class()}, true
}

// Rate implements core.Oracle.
func (t truth) Rate(from, to core.NodeID, at core.Time) (bytesPerSecond float64, until core.Time) {
	d := t.direction(from, to)
	if d == nil {
		return 0, core.Never
	}
	rate, until := d.Rate.Unimpaired(at)
	bound := math.Inf(1)
	for i := range t.s.sc.Faults {
		f := &t.s.sc.Faults[i]
		if !hitsLink(f, from, to) {
			continue
		}
		begin, end := f.At, f.At.Add(f.For)
		switch {
		case at < begin:
			until = min(until, begin)
			continue
		case at >= end:
			continue
		}
		until = min(until, end)
		switch {
		case f.Kind == scenarios.FaultLinkDown || f.Rate == 0:
			bound = 0
		case f.Rate > 0:
			bound = min(bound, f.Rate)
		}
		if f.Factor > 0 {
			rate *= f.Factor
		}
	}
	return min(rate, bound), until
}

// Delay implements core.Oracle.
func (t truth) Delay(from, to core.NodeID, at core.Time) core.Time {
	d := t.direction(from, to)
	if d == nil {
		return 0
	}
	delay := d.Spec.Delay + d.Spec.Jitter/2
	for i := range t.s.sc.Faults {
		if f := &t.s.sc.Faults[i]; f.Kind == scenarios.FaultLinkDegraded && hitsLink(f, from, to) && lasts(f, at) {
			delay += f.Delay
		}
	}
	return delay
}

// Slow implements core.Oracle.
func (t truth) Slow(n core.NodeID, service string, at core.Time) float64 {
	slow := 1.0
	for i := range t.s.sc.Faults {
		f := &t.s.sc.Faults[i]
		if !lasts(f, at) || f.Node != "" && f.Node != n {
			continue
		}
		switch f.Kind {
		case scenarios.FaultNodeDown, scenarios.FaultCrash:
			return 0
		case scenarios.FaultServiceDown:
			if f.Service == service {
				return 0
			}
		case scenarios.FaultServiceSlow:
			if f.Service == service {
				slow *= f.Factor
			}
		}
	}
	return slow
}

// Load implements core.Oracle; 0 for a model that cannot run there.
func (t truth) Load(service string, model int, class string) core.Time {
	m, ok := t.Model(service, model, class)
	if !ok {
		return 0
	}
	return m.Load
}

// Overhead implements core.Oracle.
func (t truth) Overhead(class string) core.Time {
	c, _ := t.Class(class)
	return c.CallOverhead
}

func (t truth) direction(from, to core.NodeID) *testbed.Link {
	if i := t.s.bed.Direction(t.s.bed.Node(from), t.s.bed.Node(to)); i >= 0 {
		return &t.s.bed.Links[i]
	}
	return nil
}

// hitsLink reports whether a fault is one of the link's, in either direction.
func hitsLink(f *scenarios.Fault, from, to core.NodeID) bool {
	if f.Kind != scenarios.FaultLinkDown && f.Kind != scenarios.FaultLinkDegraded {
		return false
	}
	return f.Link == [2]core.NodeID{from, to} || f.Link == [2]core.NodeID{to, from}
}

// lasts reports whether a fault is in force at an instant.
func lasts(f *scenarios.Fault, at core.Time) bool { return at >= f.At && at < f.At.Add(f.For) }
