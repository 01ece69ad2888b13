package coretest

import (
	"fmt"
	"slices"
	"strings"

	"vidq/core"
)

// env is the little world of a script: machines, a network in which messages lie
// until they are delivered, a store, and a scheduler that says what it is told to.
type env struct {
	out   strings.Builder
	check *Checker
	now   core.Time
	hide  map[string]bool
	quiet bool
	steps int

	set     core.Settings
	nodes   map[core.NodeID]*node
	ids     []core.NodeID // of nodes, ascending
	links   []core.LinkView
	config  core.QueryManagerConfig
	manager *machine // nil before the start and after a crash

	next     core.Decision // what the scheduler says next
	messages []*message
	number   int // of the last message
	request  uint64
	store    core.Snapshot
}

// node is a node with its job manager.
type node struct {
	join     core.Join
	machine  *machine // nil before the start and after a crash
	jobs     *core.JobManager
	captures map[core.QueryID]core.Capture
	invokes  map[string]core.Invoke // by their CallLine
	services []core.ServiceSample
}

// machine is a machine with its Backend.
type machine struct {
	env   *env
	name  string
	node  core.NodeID
	part  core.Part
	m     core.Machine
	fx    core.Effects
	wakes []core.Time
	saves []core.Save
}

type message struct {
	number   int
	from, to core.Address
	msg      core.Message
	held     bool
}

func newEnv() *env {
	return &env{check: NewChecker(), hide: map[string]bool{}, nodes: map[core.NodeID]*node{}}
}

// print writes a line, unless its first word is hidden.
func (e *env) print(who, line string) {
	word, rest, _ := strings.Cut(line, " ")
	if word == "send" || word == "deliver" {
		if _, text, found := strings.Cut(rest, ": "); found {
			word, _, _ = strings.Cut(text, " ")
		}
	}
	if word == "record" {
		if first, _, _ := strings.Cut(rest, " "); e.hide[first] {
			return
		}
	}
	if !e.quiet && !e.hide[strings.ToLower(word)] {
		fmt.Fprintf(&e.out, "%s %s: %s\n", e.now, who, line)
	}
}

// Schedule says what the script's commands have put together.
func (e *env) Schedule(_ *core.View, d *core.Decision) {
	*d, e.next = e.next, core.Decision{}
}

// newMachine makes m known as name.
func (e *env) newMachine(name string, node core.NodeID, part core.Part, m core.Machine) *machine {
	return &machine{env: e, name: name, node: node, part: part, m: m}
}

// step tells m an event and does what it wants.
func (m *machine) step(ev core.Event) {
	m.env.steps++
	m.m.Step(m.env.now, ev, &m.fx)
	m.fx.Drain(m)
}

func (m *machine) print(line string) { m.env.print(m.name, line) }

// Record prints r and shows it to the checker.
func (m *machine) Record(r core.Record) {
	m.print("record " + RecordLine(r))
	m.env.check.Record(m.env.now, r)
}

// Save keeps s until the script answers it.
func (m *machine) Save(s *core.Save) {
	m.print(SaveLine(s))
	m.saves = append(m.saves, *s)
}

// Capture keeps c until the script answers it.
func (m *machine) Capture(c *core.Capture) {
	m.print(fmt.Sprintf("capture query %d: %s from frame %d for r%d", c.Query, c.Camera, c.From, c.Plan.Revision))
	m.env.nodes[m.node].captures[c.Query] = *c
}

// Invoke keeps i until the script answers it.
func (m *machine) Invoke(i *core.Invoke) {
	m.print(InvokeLine(i))
	m.env.check.Invoked(m.env.now, m.node, i)
	m.env.nodes[m.node].invokes[CallLine(i.Ref)] = *i
}

// Release prints r.
func (m *machine) Release(r *core.Release) {
	m.print(fmt.Sprintf("release query %d frame %d", r.Query, r.CameraFrame))
	m.env.check.Released(m.env.now, m.node, r)
}

// Send puts s into the network.
func (m *machine) Send(s *core.Send) {
	e := m.env
	e.check.Sent(e.now, s)
	e.number++
	e.messages = append(e.messages, &message{number: e.number, from: core.Address{Node: m.node, Part: m.part}, to: s.To, msg: s.Msg})
	m.print(fmt.Sprintf("send m%d to %s: %s", e.number, AddressLine(s.To), MessageLine(s.Msg)))
}

// Wake keeps w until its time has come.
func (m *machine) Wake(w *core.Wake) {
	m.print("wake at " + w.At.String())
	m.wakes = append(m.wakes, w.At)
}

// deliver hands a message over.
func (e *env) deliver(msg *message) {
	line := fmt.Sprintf("deliver m%d: %s", msg.number, MessageLine(msg.msg))
	var to *machine
	switch msg.to.Part {
	case core.PartManager:
		to = e.manager
	case core.PartJobs:
		if n := e.nodes[msg.to.Node]; n != nil {
			to = n.machine
		}
	case core.PartServices:
		e.print(AddressLine(msg.to), line)
		e.configure(msg)
		return
	case core.PartUser:
		e.print(string(msg.to.Node), line)
		return
	}
	if to == nil {
		e.print(AddressLine(msg.to), fmt.Sprintf("lost m%d: nobody is there", msg.number))
		return
	}
	to.print(line)
	to.step(&core.Received{From: msg.from, Msg: msg.msg})
}

// configure is a node's services taking new settings.
func (e *env) configure(msg *message) {
	c, n := msg.msg.(*core.ConfigureServices), e.nodes[msg.to.Node]
	if n == nil || n.machine == nil || c.Incarnation != n.join.Incarnation {
		return
	}
	for _, s := range c.Settings {
		for i := range n.services {
			if v := &n.services[i]; v.Name == s.Service && v.Revision < c.Revision {
				v.Model, v.Workers, v.MaxBatch, v.Revision = s.Model, s.Replicas, s.MaxBatch, c.Revision
			}
		}
	}
}

// machines returns those that run: the manager, then the nodes in order.
func (e *env) machines() []*machine {
	var all []*machine
	if e.manager != nil {
		all = append(all, e.manager)
	}
	for _, id := range e.ids {
		if m := e.nodes[id].machine; m != nil {
			all = append(all, m)
		}
	}
	return all
}

// advance lets time pass.
func (e *env) advance(d core.Time) {
	end := e.now.Add(d)
	for {
		var first *machine
		at := core.Never
		for _, m := range e.machines() {
			for _, w := range m.wakes {
				if w < at {
					first, at = m, w
				}
			}
		}
		if first == nil || at > end {
			break
		}
		e.now = max(e.now, at)
		first.wakes = slices.Delete(first.wakes, slices.Index(first.wakes, at), slices.Index(first.wakes, at)+1)
		first.step(&core.Timer{})
	}
	e.now = end
}

// startManager begins a query manager from what is stored.
func (e *env) startManager() {
	c := e.config
	c.Settings, c.Scheduler, c.Links = e.set, e, e.links
	for _, id := range e.ids {
		j := e.nodes[id].join
		j.Incarnation = 0
		c.Nodes = append(c.Nodes, j)
	}
	e.config.Incarnation++
	c.Incarnation = e.config.Incarnation
	s := core.Snapshot{Queries: slices.Clone(e.store.Queries), Nodes: slices.Clone(e.store.Nodes), LastID: e.store.LastID}
	e.check.Restored(e.now, &s)
	e.manager = e.newMachine("manager", c.Node, core.PartManager, core.NewQueryManager(c, s))
	e.manager.step(&core.Timer{})
}

// startNode begins a node's job manager.
func (e *env) startNode(id core.NodeID) {
	n := e.nodes[id]
	n.join.Incarnation++
	j := n.join
	n.captures, n.invokes = map[core.QueryID]core.Capture{}, map[string]core.Invoke{}
	n.services = nil
	for _, s := range j.Services {
		n.services = append(n.services, core.ServiceSample{ServiceView: s})
	}
	n.jobs = core.NewJobManager(core.JobManagerConfig{
		Node: id, Role: j.Role, Class: j.Class, Incarnation: j.Incarnation, Manager: e.config.Node, Capacity: j.Capacity,
		Services: j.Services, Cameras: j.Cameras, Seed: 1, Settings: e.set,
	})
	n.machine = e.newMachine(string(id), id, core.PartJobs, n.jobs)
	n.machine.step(&core.Timer{})
}

// commit makes a save durable.
func (e *env) commit(s *core.Save) {
	e.check.Stored(e.now, s)
	for _, c := range s.Changes {
		switch c.Kind {
		case core.ChangeQuery:
			e.store.LastID = max(e.store.LastID, c.Query.Query.ID)
			put(&e.store.Queries, *c.Query, func(q core.SavedQuery) bool { return q.Query.ID == c.Query.Query.ID })
		case core.ChangeNode:
			put(&e.store.Nodes, c.Node, func(n core.SavedNode) bool { return n.Node == c.Node.Node })
		case core.ChangeResult: // a restart does not read results
		}
	}
}

func put[T any](list *[]T, v T, same func(T) bool) {
	if i := slices.IndexFunc(*list, same); i >= 0 {
		(*list)[i] = v
		return
	}
	*list = append(*list, v)
}
