package testbed

import (
	"cmp"
	"slices"

	"vidq/core"
)

// JobConfig is what the job manager of a node is built from at a start. services tells
// how its services run then.
func (t *Testbed) JobConfig(node int, inc core.Incarnation, services []core.ServiceView) core.JobManagerConfig {
	n := &t.Nodes[node]
	c := core.JobManagerConfig{
		Node: n.ID, Role: n.Spec.Role, Class: n.Class.Name, Incarnation: inc, Manager: t.Nodes[t.Manager].ID,
		Capacity: n.World.Capacity, Services: services, Seed: t.Seed, Settings: t.Scenario.Settings,
	}
	slices.SortFunc(c.Services, func(a, b core.ServiceView) int { return cmp.Compare(a.Name, b.Name) })
	for _, i := range n.Cameras {
		cam := &t.Cameras[i]
		known := cam.Spec.Camera
		if known.Class == "" { // who hangs a camera up knows what kind of scene it looks at
			known.Class = cam.Content.Scene(0).Class
		}
		c.Cameras = append(c.Cameras, known)
	}
	return c
}

// ManagerConfig is what the query manager is built from at a start. services tells how
// the services of each node run then.
func (t *Testbed) ManagerConfig(sch core.Scheduler, inc core.Incarnation, services func(node int) []core.ServiceView) core.QueryManagerConfig {
	spec := &t.Scenario.Scheduler
	c := core.QueryManagerConfig{
		Node: t.Nodes[t.Manager].ID, Incarnation: inc, Scheduler: sch, Predictor: t.Belief, Knobs: spec.Knobs,
		Services: t.Belief.Services(), Period: spec.Period, DecisionTime: spec.DecisionTime, Settings: t.Scenario.Settings,
		Seed: t.Seed, Staleness: t.Scenario.KB.Staleness,
		Phase: core.Time(t.Keys.Root.Name("round").Uniform() * float64(spec.Period)),
	}
	for i := range t.Nodes {
		j := t.JobConfig(i, 0, services(i))
		c.Nodes = append(c.Nodes, core.Join{
			Node: j.Node, Role: j.Role, Class: j.Class, Capacity: j.Capacity, Services: j.Services, Cameras: j.Cameras,
		})
	}
	for i := range t.Links {
		d := &t.Links[i]
		c.Links = append(c.Links, core.LinkView{From: t.Nodes[d.From].ID, To: t.Nodes[d.To].ID, LinkEstimate: core.LinkEstimate{
			Rate: d.Spec.Rate, RTT: 2 * d.Spec.Delay,
		}})
	}
	return c
}

// LowestFPS is the frame rate that is due before a query has a plan.
func (t *Testbed) LowestFPS() float64 {
	if k := t.Scenario.Scheduler.Knobs.FPS; len(k) > 0 {
		return k[0]
	}
	return 1
}
