package testbed

import (
	"vidq/core"
	"vidq/kb/world"
	"vidq/scenarios"
)

// linkFaults returns what the faults in force do to a direction together; inForce tells
// them by their index. factor is of the rate.
func (t *Testbed) linkFaults(direction int, inForce []bool) (im world.Impairment, factor float64) {
	d := &t.Links[direction]
	from, to := t.Nodes[d.From].ID, t.Nodes[d.To].ID
	factor = 1
	for i := range t.Scenario.Faults {
		f := &t.Scenario.Faults[i]
		if !inForce[i] || f.Link != [2]core.NodeID{from, to} && f.Link != [2]core.NodeID{to, from} {
			continue
		}
		switch f.Kind {
		case scenarios.FaultLinkDown:
			im.Down = true
		case scenarios.FaultLinkDegraded:
			switch {
			case f.Rate == 0:
				im.Down = true
			case f.Rate > 0 && (im.Rate == 0 || f.Rate < im.Rate):
				im.Rate = f.Rate
			}
			if f.Factor > 0 {
				factor *= f.Factor
			}
			im.Delay += f.Delay
			im.Loss = max(im.Loss, f.Loss)
		}
	}
	return im, factor
}

// Impair sets a direction's world to what the faults in force do to it together.
func (t *Testbed) Impair(now core.Time, direction int, inForce []bool, w *world.Link) {
	im, factor := t.linkFaults(direction, inForce)
	w.Rate(now) // what was sent so far was sent at the rate so far
	t.Links[direction].Rate.factor = factor
	w.Impair(now, im)
}

// Hamper sets a service of a node's world to what the faults in force do to it
// together. It returns false if the node does not offer it.
func (t *Testbed) Hamper(now core.Time, node int, service string, inForce []bool, w *world.Node) bool {
	number := w.Service(service)
	if number < 0 {
		return false
	}
	down, factor := false, 1.0
	for i := range t.Scenario.Faults {
		f := &t.Scenario.Faults[i]
		if !inForce[i] || f.Service != service || f.Node != "" && f.Node != t.Nodes[node].ID {
			continue
		}
		switch f.Kind {
		case scenarios.FaultServiceDown:
			down = true
		case scenarios.FaultServiceSlow:
			factor *= f.Factor
		}
	}
	w.SetServiceSlow(number, factor)
	w.SetServiceDown(now, number, down)
	return true
}
