package testbed

import (
	"fmt"
	"slices"

	"vidq/core"
	"vidq/kb"
	"vidq/kb/world"
	"vidq/scenarios"
)

// Testbed is what a scenario's world and machines are made of, for one seed. It is not
// changed once opened, and may be shared.
type Testbed struct {
	Scenario      *scenarios.Scenario
	Seed          uint64
	Belief, Truth *kb.Set
	Keys          Keys
	Nodes         []Node // in the order of the scenario, as links and cameras
	Links         []Link // each direction by itself
	Cameras       []Camera
	Manager       int // the node that runs the query manager

	nodeOf   map[core.NodeID]int
	cameraOf map[core.CameraID]int
	linkAt   map[[2]int]int // by the nodes' indices
}

// Keys are the roots of families of draws.
type Keys struct {
	Root                      world.Key
	message, transfer, charge world.Key
}

// Node is a machine of the testbed.
type Node struct {
	Index    int
	ID       core.NodeID
	Spec     *scenarios.Node
	Class    kb.Class
	Phase    core.Time // when it starts: within the first second, drawn from the seed
	World    world.NodeConfig
	Services []Service // in the order of World.Services
	Cameras  []int     // indices into Testbed.Cameras
}

// Service is a compute service at a node.
type Service struct {
	Name   string
	Models []*kb.ServiceModel // by model number; nil = cannot run there
}

// Model returns a model by its number, nil if there is none or it cannot run there.
func (s *Service) Model(number int) *kb.ServiceModel {
	if number < 0 || number >= len(s.Models) {
		return nil
	}
	return s.Models[number]
}

// Service returns the number of the service of that name, -1 if the node does not offer it.
func (n *Node) Service(name string) int {
	return slices.IndexFunc(n.Services, func(s Service) bool { return s.Name == name })
}

// Model returns a model of a service, nil if it cannot run at the node.
func (n *Node) Model(service string, number int) *kb.ServiceModel {
	if i := n.Service(service); i >= 0 {
		return n.Services[i].Model(number)
	}
	return nil
}

// Link is one direction of a link of the scenario.
type Link struct {
	Index    int
	From, To int // nodes
	Spec     *scenarios.Link
	Rate     *ScaledRate // of World
	World    world.LinkConfig
}

// ScaledRate is a link's rate times a factor that faults set.
type ScaledRate struct {
	rate   world.Rate
	factor float64
}

// At implements world.Rate.
func (r *ScaledRate) At(t core.Time) (bytesPerSecond float64, until core.Time) {
	bytesPerSecond, until = r.rate.At(t)
	return bytesPerSecond * r.factor, until
}

// Unimpaired is the rate without faults.
func (r *ScaledRate) Unimpaired(t core.Time) (bytesPerSecond float64, until core.Time) {
	return r.rate.At(t)
}

// Open opens a scenario for a seed. An error means that the scenario was not
// validated, or names a file that has gone since. Rates belong to one driver: it opens a
// testbed for each run.
func Open(sc *scenarios.Scenario, seed uint64) (*Testbed, error) {
	root := world.Root(seed, 0)
	t := &Testbed{
		Scenario: sc, Seed: seed, nodeOf: map[core.NodeID]int{}, cameraOf: map[core.CameraID]int{},
		linkAt: make(map[[2]int]int, 2*len(sc.Links)),
		Keys:   Keys{root, root.Name("message"), root.Name("transfer"), root.Name("charge")},
	}
	var err error
	if t.Truth, err = kb.Open(sc.KB.Truth, kb.Options{}); err != nil {
		return nil, err
	}
	if t.Belief, err = kb.Open(sc.KB.Belief, kb.Options{Noise: sc.KB.Noise, Bias: sc.KB.Bias, Seed: seed}); err != nil {
		return nil, err
	}
	for _, add := range []func() error{t.addNodes, t.addLinks, t.addCameras, t.addManager} {
		if err := add(); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *Testbed) addNodes() error {
	t.Nodes = make([]Node, len(t.Scenario.Nodes))
	for i := range t.Scenario.Nodes {
		spec := &t.Scenario.Nodes[i]
		class, ok := t.Truth.Class(spec.Class)
		if !ok {
			return fmt.Errorf("node %q: the truth %q knows no class %q", spec.ID, t.Truth.Name(), spec.Class)
		}
		capacity := class.Capacity
		override(&capacity.Cores, spec.Capacity.Cores)
		override(&capacity.GPUs, spec.Capacity.GPUs)
		override(&capacity.Memory, spec.Capacity.Memory)
		n := &t.Nodes[i]
		*n = Node{Index: i, ID: spec.ID, Spec: spec, Class: class}
		n.Phase = core.Time(t.Keys.Root.Name("start").Name(string(n.ID)).Uniform() * float64(core.Second))
		n.World = world.NodeConfig{Capacity: capacity, Power: class.Power, Start: n.Phase}
		for _, sv := range spec.Services {
			n.Services = append(n.Services, t.addService(sv, class.Name, &n.World))
		}
		t.nodeOf[n.ID] = i
	}
	return nil
}

func override(v *float64, with float64) {
	if with > 0 {
		*v = with
	}
}

func (t *Testbed) addService(sv scenarios.Service, class string, c *world.NodeConfig) Service {
	out := Service{Name: sv.Name}
	w := world.ServiceConfig{Name: sv.Name, Model: sv.Model, Workers: sv.Workers, MaxBatch: sv.MaxBatch, Queue: sv.Queue}
	for _, info := range t.Truth.Services() {
		if info.Name != sv.Name {
			continue
		}
		for m := range info.Models {
			sm, ok := t.Truth.Model(sv.Name, m, class)
			if !ok {
				out.Models = append(out.Models, nil)
				w.Models = append(w.Models, world.Model{})
				continue
			}
			out.Models = append(out.Models, sm)
			w.Models = append(w.Models, world.ModelOf(sm))
		}
	}
	if w.Model >= len(w.Models) {
		w.Model = -1
	}
	c.Services = append(c.Services, w)
	return out
}

func (t *Testbed) addLinks() error {
	for i := range t.Scenario.Links {
		l := &t.Scenario.Links[i]
		t.addDirection(l, t.nodeOf[l.From], t.nodeOf[l.To])
		if l.Both {
			t.addDirection(l, t.nodeOf[l.To], t.nodeOf[l.From])
		}
	}
	return nil
}

func (t *Testbed) addDirection(l *scenarios.Link, from, to int) {
	rate := l.Trace
	if rate == nil {
		rate = kb.Constant(l.Rate)
	}
	d := Link{Index: len(t.Links), From: from, To: to, Spec: l, Rate: &ScaledRate{rate, 1}}
	d.World = world.LinkConfig{
		Rate: d.Rate, Delay: l.Delay, Jitter: l.Jitter, Loss: l.Loss,
		Key: t.Keys.Root.Name("link").Name(string(t.Nodes[from].ID)).Name(string(t.Nodes[to].ID)),
	}
	t.linkAt[[2]int{from, to}] = d.Index
	t.Links = append(t.Links, d)
}

func (t *Testbed) addManager() error {
	n, ok := t.nodeOf[t.Scenario.Manager]
	if !ok {
		return fmt.Errorf("there is no node %q to run the query manager", t.Scenario.Manager)
	}
	for i := range t.Nodes {
		if i != n && (t.Direction(i, n) < 0 || t.Direction(n, i) < 0) {
			return fmt.Errorf("node %q has no link both ways to %q, where the query manager runs", t.Nodes[i].ID, t.Nodes[n].ID)
		}
	}
	t.Manager = n
	return nil
}

// Node returns a node's index, -1 if there is none.
func (t *Testbed) Node(id core.NodeID) int { return find(t.nodeOf, id) }

// Camera returns a camera's index, -1 if there is none.
func (t *Testbed) Camera(id core.CameraID) int { return find(t.cameraOf, id) }

// Direction returns the index of the direction from one node to another, -1 if there
// is none.
func (t *Testbed) Direction(from, to int) int { return find(t.linkAt, [2]int{from, to}) }

// Query returns the index of the scenario's query with that idempotency key, -1 if
// there is none.
func (t *Testbed) Query(key string) int {
	for i := range t.Scenario.Queries {
		if t.Scenario.Queries[i].Key == key {
			return i
		}
	}
	return -1
}

func find[K comparable](m map[K]int, k K) int {
	if i, ok := m[k]; ok {
		return i
	}
	return -1
}
