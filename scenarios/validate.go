package scenarios

import (
	"fmt"
	"math"
	"strings"

	"vidq/core"
	"vidq/kb"
)

// Validate reports the first thing that makes s impossible: a name that nobody
// has, a number that cannot be, a stage that no node can run. It checks what Load
// checks beyond the file's form, so a program that builds a scenario calls it before
// running it. The error is an *Error whose Key says where.
func (s *Scenario) Validate() error {
	v := &validator{s: s, nodes: map[core.NodeID]*Node{}, cameras: map[core.CameraID]*Camera{}}
	for _, check := range []func() *Error{
		v.general, v.sets, v.allNodes, v.allLinks, v.manager, v.allCameras, v.allQueries, v.allFaults,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

type validator struct {
	s             *Scenario
	truth, belief *kb.Set
	nodes         map[core.NodeID]*Node
	nodeIDs       []string
	cameras       map[core.CameraID]*Camera
	cameraIDs     []string
	direct        map[[2]core.NodeID]bool // directions that some link carries
}

func wrong(key, format string, args ...any) *Error {
	return &Error{Key: key, Msg: fmt.Sprintf(format, args...)}
}

// dangling is an error about a name that nobody has.
func dangling(key, what, name string, known []string) *Error {
	return &Error{Key: key, Hint: nearest(name, known), Msg: fmt.Sprintf("there is no %s %q", what, name)}
}

const maxID = 64 // characters of an id

func badID(key, id string) *Error {
	switch {
	case id == "":
		return wrong(key, "must not be empty")
	case len(id) > maxID:
		return wrong(key, "is longer than %d characters", maxID)
	case strings.Trim(id, idChars) != "":
		return wrong(key, "%q has other characters than letters, digits, _ and -", id)
	}
	return nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

func (v *validator) general() *Error {
	s := v.s
	switch {
	case s.Name == "" || strings.ContainsAny(s.Name, "/\x00\n"):
		return wrong("name", "%q is no name: want one line without a slash", s.Name)
	case s.Duration <= 0:
		return wrong("duration", "must be above 0")
	case s.Warmup < 0 || s.Warmup >= s.Duration:
		return wrong("warmup", "must be shorter than the duration (%s), or nothing counts", formatTime(s.Duration))
	case s.Scheduler.Period < core.Millisecond:
		return wrong("scheduler.period", "must be at least 1ms")
	case s.Settings.Heartbeat != 0 && s.Settings.Heartbeat < core.Millisecond:
		return wrong("settings.heartbeat", "must be at least 1ms")
	case s.Store.Delay < 0:
		return wrong("store.delay", "must not be negative")
	case len(s.Scheduler.Knobs.FPS) == 0:
		return wrong("knobs.fps", "must not be empty")
	case len(s.Scheduler.Knobs.Resolutions) == 0:
		return wrong("knobs.resolutions", "must not be empty")
	case len(s.Scheduler.Knobs.Encoders) == 0:
		return wrong("knobs.encoder", "must not be empty")
	}
	for i, e := range s.Scheduler.Knobs.Encoders {
		key := fmt.Sprintf("knobs.encoder[%d].qualities", i+1)
		if len(e.Qualities) == 0 {
			return wrong(key, "must not be empty")
		}
		for _, q := range e.Qualities {
			if e.Name == "jpeg" && (q < 1 || q > 100) || e.Name == "h264" && (q < 0 || q > 51) {
				return wrong(key, "%d is no quality of %s", q, e.Name)
			}
		}
	}
	return nil
}

func (v *validator) sets() *Error {
	open := func(key, name string, o kb.Options) (*kb.Set, *Error) {
		set, err := kb.Open(name, o)
		if err == nil {
			return set, nil
		}
		if !isFile(name) {
			return nil, &Error{Key: key, Hint: nearest(name, kb.Sets()), Msg: fmt.Sprintf("there is no set of profiles %q; there is %s", name, orNone(kb.Sets()))}
		}
		return nil, wrong(key, "%s", err)
	}
	var err *Error
	if v.truth, err = open("kb.truth", v.s.KB.Truth, kb.Options{}); err != nil {
		return err
	}
	o := kb.Options{Noise: v.s.KB.Noise, Bias: v.s.KB.Bias, Seed: v.s.Seed}
	if v.belief = v.truth; v.s.KB.Belief != v.s.KB.Truth || o.Noise != 0 || o.Bias != 0 {
		v.belief, err = open("kb.belief", v.s.KB.Belief, o)
	}
	return err
}

// nodeAddr holds that each node has an ip of its own: ports are the same on all.
func (v *validator) nodeAddr(n *Node, key string) *Error {
	for i := range v.s.Nodes {
		o := &v.s.Nodes[i]
		if o == n {
			break
		}
		if n.Addr.IsValid() && o.Addr.Addr() == n.Addr.Addr() {
			return wrong(key, "node %q has this ip, too; nodes of one machine take addresses of their own, such as 127.0.0.3", o.ID)
		}
	}
	return nil
}

func (v *validator) allNodes() *Error {
	if len(v.s.Nodes) == 0 {
		return wrong("node", "there is no node")
	}
	for i := range v.s.Nodes {
		n := &v.s.Nodes[i]
		key := "node." + string(n.ID)
		if err := badID(key+".id", string(n.ID)); err != nil {
			return err
		}
		if v.nodes[n.ID] != nil {
			return wrong(key+".id", "another node has this id")
		}
		if err := v.nodeAddr(n, key+".addr"); err != nil {
			return err
		}
		v.nodes[n.ID] = n
		v.nodeIDs = append(v.nodeIDs, string(n.ID))
		class, ok := v.truth.Class(n.Class)
		if !ok {
			e := dangling(key+".class", "node class", n.Class, v.truth.Classes())
			e.Msg += fmt.Sprintf(" in the truth %q; it has %s", v.truth.Name(), orNone(v.truth.Classes()))
			return e
		}
		memory, used := class.Memory, 0.0
		if n.Capacity.Memory > 0 {
			memory = n.Capacity.Memory
		}
		for j := range n.Services {
			sv := &n.Services[j]
			if err := v.service(n, sv, key+".services."+sv.Name); err != nil {
				return err
			}
			m, _ := v.truth.Model(sv.Name, sv.Model, n.Class)
			used += float64(m.Needs.Memory * float64(sv.Workers))
		}
		if memory > 0 && used > memory {
			return wrong(key+".services", "the workers need %.3g GB of memory, the node has %.3g", used/1e9, memory/1e9)
		}
	}
	return nil
}

func (v *validator) service(n *Node, sv *Service, key string) *Error {
	info := serviceInfo(v.truth, sv.Name)
	switch {
	case info == nil:
		e := dangling(key, "service", sv.Name, serviceNames(v.truth))
		e.Msg += fmt.Sprintf(" in the truth %q; class %q runs %s", v.truth.Name(), n.Class, orNone(v.runs(n.Class)))
		return e
	case sv.Workers < 1:
		return wrong(key, "needs at least one worker")
	case sv.MaxBatch < 1:
		return wrong(key+".batch", "must be at least 1")
	case sv.Queue < 0:
		return wrong(key+".queue", "must not be negative")
	case sv.Model < 0 || sv.Model >= len(info.Models):
		return wrong(key+".model", "%s has the models 0 to %d (%s)", sv.Name, len(info.Models)-1, strings.Join(info.Models, ", "))
	}
	if _, ok := v.truth.Model(sv.Name, sv.Model, n.Class); !ok {
		return wrong(key, "model %s of %s does not run on class %q", info.Models[sv.Model], sv.Name, n.Class)
	}
	for j := range n.Services {
		if other := &n.Services[j]; other != sv && other.Name == sv.Name {
			return wrong(key, "the node offers this service twice")
		}
	}
	return nil
}

// runs lists the services of which some model runs on a class.
func (v *validator) runs(class string) (names []string) {
	for _, s := range v.truth.Services() {
		for i := range s.Models {
			if _, ok := v.truth.Model(s.Name, i, class); ok {
				names = append(names, s.Name)
				break
			}
		}
	}
	return names
}

func serviceInfo(set *kb.Set, name string) *core.ServiceInfo {
	for i, s := range set.Services() {
		if s.Name == name {
			return &set.Services()[i]
		}
	}
	return nil
}

func serviceNames(set *kb.Set) []string {
	var names []string
	for _, s := range set.Services() {
		names = append(names, s.Name)
	}
	return names
}

func (v *validator) allLinks() *Error {
	v.direct = map[[2]core.NodeID]bool{}
	for i := range v.s.Links {
		l := &v.s.Links[i]
		key := "link." + string(l.From) + "-" + string(l.To)
		ends, to := key+".between", key+".between"
		if !l.Both {
			ends, to = key+".from", key+".to"
		}
		switch {
		case v.nodes[l.From] == nil:
			return dangling(ends, "node", string(l.From), v.nodeIDs)
		case v.nodes[l.To] == nil:
			return dangling(to, "node", string(l.To), v.nodeIDs)
		case l.From == l.To:
			return wrong(ends, "a link joins two nodes, not %q with itself", l.From)
		case v.direct[[2]core.NodeID{l.From, l.To}], l.Both && v.direct[[2]core.NodeID{l.To, l.From}]:
			return wrong(ends, "another link joins %q and %q already", l.From, l.To)
		case !finite(l.Rate) || l.Rate <= 0:
			return wrong(key+".rate", "must be above 0")
		case l.Delay < 0:
			return wrong(key+".delay", "must not be negative")
		case l.Jitter < 0:
			return wrong(key+".jitter", "must not be negative")
		case !(l.Loss >= 0 && l.Loss <= 1):
			return wrong(key+".loss", "must be between 0 and 1")
		}
		v.direct[[2]core.NodeID{l.From, l.To}] = true
		if l.Both {
			v.direct[[2]core.NodeID{l.To, l.From}] = true
		}
	}
	return nil
}

// manager checks that every node can talk with the query manager, for which it
// needs a link there and back: nobody would ever plan its queries otherwise.
func (v *validator) manager() *Error {
	m := v.s.Manager
	if v.nodes[m] == nil {
		return dangling("manager", "node", string(m), v.nodeIDs)
	}
	for i := range v.s.Nodes {
		id := v.s.Nodes[i].ID
		both := v.direct[[2]core.NodeID{id, m}] && v.direct[[2]core.NodeID{m, id}]
		if id != m && !both {
			return wrong("node."+string(id), "has no link to and from %q, which runs the query manager", m)
		}
	}
	return nil
}
