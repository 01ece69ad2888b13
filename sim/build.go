package sim

import (
	"cmp"
	"fmt"
	"slices"

	"vidq/core"
	"vidq/core/result"
	"vidq/core/sched"
	"vidq/kb"
	"vidq/kb/world"
	"vidq/scenarios"
)

// New builds the run of a scenario.
func New(sc *scenarios.Scenario, o Options) (*Sim, error) {
	s := &Sim{
		sc: sc, o: o, deps: sc.Deps(o.Seed), until: sc.Duration, store: newStore(sc.Store.Delay),
		nodeOf: map[core.NodeID]*node{}, cameraOf: map[core.CameraID]*camera{}, specOf: map[string]int{},
		registered: make([]bool, len(sc.Queries)), inForce: make([]bool, len(sc.Faults)),
	}
	if o.Until > 0 {
		s.until = min(s.until, o.Until)
	}
	root := world.Root(o.Seed, 0)
	s.keys.root = root
	s.keys.message = root.Name("message")
	s.keys.transfer, s.keys.charge = root.Name("transfer"), root.Name("charge")
	for _, build := range []func() error{s.openKB, s.addNodes, s.addLinks, s.addCameras, s.addManager} {
		if err := build(); err != nil {
			return nil, err
		}
	}
	for i := range sc.Queries {
		s.specOf[sc.Queries[i].Key] = i
	}
	s.col = result.NewCollector(s.meta())
	return s, nil
}

func (s *Sim) openKB() (err error) {
	kbs := s.sc.KB
	if s.truth, err = kb.Open(kbs.Truth, kb.Options{}); err != nil {
		return err
	}
	s.belief, err = kb.Open(kbs.Belief, kb.Options{Noise: kbs.Noise, Bias: kbs.Bias, Seed: s.o.Seed})
	return err
}

func (s *Sim) addNodes() error {
	for i := range s.sc.Nodes {
		spec := &s.sc.Nodes[i]
		class, ok := s.truth.Class(spec.Class)
		if !ok {
			return fmt.Errorf("node %q: the truth %q knows no class %q", spec.ID, s.truth.Name(), spec.Class)
		}
		capacity := class.Capacity
		override(&capacity.Cores, spec.Capacity.Cores)
		override(&capacity.GPUs, spec.Capacity.GPUs)
		override(&capacity.Memory, spec.Capacity.Memory)
		n := &node{s: s, index: i, id: spec.ID, spec: spec, class: class}
		n.phase = core.Time(s.keys.root.Name("start").Name(string(n.id)).Uniform() * float64(core.Second))
		c := world.NodeConfig{Capacity: capacity, Power: class.Power, Start: n.phase}
		for _, sv := range spec.Services {
			n.services = append(n.services, s.addService(sv, class.Name, &c))
		}
		n.w = world.NewNode(c)
		n.sampled.Capacity = capacity
		n.timer = s.k.NewTimer(key(kindNode, i, 0), uint32(i))
		n.sampler = s.k.NewTimer(key(kindSample, i, 0), uint32(i))
		s.nodes = append(s.nodes, n)
		s.nodeOf[n.id] = n
	}
	return nil
}

func override(v *float64, with float64) {
	if with > 0 {
		*v = with
	}
}

func (s *Sim) addService(sv scenarios.Service, class string, c *world.NodeConfig) service {
	out := service{name: sv.Name}
	w := world.ServiceConfig{Name: sv.Name, Model: sv.Model, Workers: sv.Workers, MaxBatch: sv.MaxBatch, Queue: sv.Queue}
	for _, info := range s.truth.Services() {
		if info.Name != sv.Name {
			continue
		}
		for m := range info.Models {
			sm, ok := s.truth.Model(sv.Name, m, class)
			if !ok {
				out.models = append(out.models, nil)
				w.Models = append(w.Models, world.Model{})
				continue
			}
			out.models = append(out.models, sm)
			w.Models = append(w.Models, world.ModelOf(sm))
		}
	}
	if w.Model >= len(w.Models) {
		w.Model = -1
	}
	c.Services = append(c.Services, w)
	return out
}

func (s *Sim) addLinks() error {
	s.linkAt = make(map[[2]int]*direction, 2*len(s.sc.Links))
	for i := range s.sc.Links {
		l := &s.sc.Links[i]
		s.addDirection(l, s.nodeOf[l.From], s.nodeOf[l.To])
		if l.Both {
			s.addDirection(l, s.nodeOf[l.To], s.nodeOf[l.From])
		}
	}
	return nil
}

func (s *Sim) addDirection(l *scenarios.Link, from, to *node) {
	rate := l.Trace
	if rate == nil {
		rate = kb.Constant(l.Rate)
	}
	d := &direction{index: len(s.directions), from: from, to: to, spec: l, rate: &scaledRate{rate, 1}}
	d.w = world.NewLink(world.LinkConfig{
		Rate: d.rate, Delay: l.Delay, Jitter: l.Jitter, Loss: l.Loss,
		Key: s.keys.root.Name("link").Name(string(from.id)).Name(string(to.id)),
	})
	d.sent.key = s.keys.message.Name(string(from.id)).Name(string(to.id))
	d.timer = s.k.NewTimer(key(kindLink, d.index, 0), uint32(d.index))
	s.directions = append(s.directions, d)
	from.links = append(from.links, d)
	s.linkAt[[2]int{from.index, to.index}] = d
}

// direction returns the direction from a to b, or nil.
func (s *Sim) direction(a, b *node) *direction { return s.linkAt[[2]int{a.index, b.index}] }

func (s *Sim) addCameras() error {
	for i := range s.sc.Cameras {
		spec := &s.sc.Cameras[i]
		id := s.keys.root.Name("camera").Name(string(spec.ID))
		c := &camera{
			spec: spec, node: s.nodeOf[spec.Node], size: id.Name("size"), phase: spec.Phase,
			fps: spec.FPS, mode: spec.Mode, class: spec.Class,
		}
		if c.phase < 0 {
			c.phase = firstFrame(id.Name("phase").Uniform(), spec.FPS)
		}
		var err error
		if c.content, err = kb.OpenContent(spec.Content, spec.Dir, spec.FPS, s.o.Seed, spec.ID); err != nil {
			return fmt.Errorf("camera %q: %w", spec.ID, err)
		}
		c.node.cameras = append(c.node.cameras, c)
		s.cameras = append(s.cameras, c)
		s.cameraOf[spec.ID] = c
	}
	return nil
}

func (s *Sim) addManager() error {
	n := s.nodeOf[s.sc.Manager]
	if n == nil {
		return fmt.Errorf("there is no node %q to run the query manager", s.sc.Manager)
	}
	for _, o := range s.nodes {
		if o != n && (s.direction(o, n) == nil || s.direction(n, o) == nil) {
			return fmt.Errorf("node %q has no link both ways to %q, where the query manager runs", o.id, n.id)
		}
	}
	s.manager = manager{s: s, node: n}
	return nil
}

func (s *Sim) meta() result.Meta {
	m := result.Meta{
		Scheduler: s.o.Scheduler.String(), Truth: sched.Describe(s.o.Scheduler.Name).NeedsTruth, Seed: s.o.Seed, Warmup: s.sc.Warmup,
		Sink: s.o.Sink, Frames: s.o.Frames, Series: s.o.Series,
	}
	for _, n := range s.nodes {
		m.Nodes = append(m.Nodes, n.id)
	}
	for _, d := range s.directions {
		m.Links = append(m.Links, result.LinkID{From: d.from.id, To: d.to.id})
	}
	return m
}

// start schedules what happens of itself: nodes start within their first second,
// each at a seeded phase, users ask and faults begin.
func (s *Sim) start() {
	for _, n := range s.nodes {
		s.k.Schedule(Event{At: n.phase, Key: key(kindStart, n.index, 0), Ref: uint32(n.index)})
	}
	s.users.start(s)
	for i := range s.sc.Faults {
		f := &s.sc.Faults[i]
		s.k.Schedule(Event{At: f.At, Key: key(kindFault, i, 1), Ref: uint32(i)})
		if end := f.At.Add(f.For); end < core.Never && f.For < core.Never {
			s.k.Schedule(Event{At: end, Key: key(kindFault, i, 0), Ref: uint32(i)})
		}
	}
}

// jobConfig is what a node's job manager is built from at a start.
func (s *Sim) jobConfig(n *node) core.JobManagerConfig {
	c := core.JobManagerConfig{
		Node: n.id, Role: n.spec.Role, Class: n.class.Name, Incarnation: n.inc, Manager: s.manager.node.id,
		Capacity: n.sampled.Capacity, Seed: s.o.Seed, Settings: s.sc.Settings,
	}
	for i := range n.services {
		c.Services = append(c.Services, n.w.ServiceSample(s.k.Now(), i).ServiceView)
	}
	slices.SortFunc(c.Services, func(a, b core.ServiceView) int { return cmp.Compare(a.Name, b.Name) })
	for _, cam := range n.cameras {
		known := cam.spec.Camera
		if known.Class == "" { // who hangs a camera up knows what kind of scene it looks at
			known.Class = cam.content.Scene(0).Class
		}
		c.Cameras = append(c.Cameras, known)
	}
	return c
}

// managerConfig is what the query manager is built from at a start.
func (s *Sim) managerConfig(sch core.Scheduler) core.QueryManagerConfig {
	spec, n := &s.sc.Scheduler, s.manager.node
	c := core.QueryManagerConfig{
		Node: n.id, Incarnation: n.inc, Scheduler: sch, Predictor: s.belief, Knobs: spec.Knobs,
		Services: s.belief.Services(), Period: spec.Period, DecisionTime: spec.DecisionTime, Settings: s.sc.Settings,
		Seed: s.o.Seed, Staleness: s.sc.KB.Staleness,
		Phase: core.Time(s.keys.root.Name("round").Uniform() * float64(spec.Period)),
	}
	for _, n := range s.nodes {
		j := s.jobConfig(n)
		c.Nodes = append(c.Nodes, core.Join{
			Node: j.Node, Role: j.Role, Class: j.Class, Capacity: j.Capacity, Services: j.Services, Cameras: j.Cameras,
		})
	}
	for _, d := range s.directions {
		c.Links = append(c.Links, core.LinkView{From: d.from.id, To: d.to.id, LinkEstimate: core.LinkEstimate{
			Rate: d.spec.Rate, RTT: 2 * d.spec.Delay,
		}})
	}
	return c
}

// lowestFPS is the frame rate that is due before a query has a plan.
func (s *Sim) lowestFPS() float64 {
	if k := s.sc.Scheduler.Knobs.FPS; len(k) > 0 {
		return k[0]
	}
	return 1
}

// firstFrame returns the share of a frame's time at fps, cut to whole nanoseconds: never
// where it is beyond the range of Time, since the conversion would go below 0.
func firstFrame(share, fps float64) core.Time {
	ns := share * float64(core.Second) / fps
	if ns >= float64(core.Never) {
		return core.Never
	}
	return core.Time(ns)
}
