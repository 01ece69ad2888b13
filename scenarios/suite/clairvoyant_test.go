package suite_test

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"vidq/core"
	"vidq/core/sched"
	"vidq/kb"
	"vidq/scenarios"
)

// clairvoyant knows the scenario: the truth, what every camera will see until the next
// round, every fault and every link's rate. It shows that a scenario can be
// served; how well is for the simulation of its plans to say. It chooses for all
// queries together by local search over a fluid model: the load of each worker
// pool, device and link, and from it each query's latency.
type clairvoyant struct {
	sc    *scenarios.Scenario
	truth *kb.Set
	seen  map[core.CameraID]kb.Source

	pools  map[string]int // index of load by what it is
	load   []float64      // utilisation of each pool, device and link
	model  int            // in use
	plans  []option       // by query of the view
	before map[core.QueryID]core.Plan
}

type clairvoyantConfig struct {
	Scenario string `toml:"scenario" doc:"name of the scenario, or random-SEED"`
}

func init() {
	sched.Register("clairvoyant", "for tests: plans with all that the scenario holds in store.", clairvoyantConfig{},
		func(c clairvoyantConfig, d sched.Deps) (core.Scheduler, error) {
			sc, err := scenarioOf(c.Scenario)
			if err != nil {
				return nil, err
			}
			s := &clairvoyant{sc: sc, seen: map[core.CameraID]kb.Source{}, pools: map[string]int{}, before: map[core.QueryID]core.Plan{}}
			if s.truth, err = kb.Open(sc.KB.Truth, kb.Options{}); err != nil {
				return nil, err
			}
			for i := range sc.Cameras {
				c := &sc.Cameras[i]
				if s.seen[c.ID], err = kb.OpenContent(c.Content, c.Dir, c.FPS, d.Seed, c.ID); err != nil {
					return nil, err
				}
			}
			return s, nil
		})
}

// scenarioOf loads a scenario or makes a random one.
func scenarioOf(name string) (*scenarios.Scenario, error) {
	if n, ok := strings.CutPrefix(name, "random-"); ok {
		seed, err := strconv.ParseUint(n, 10, 64)
		if err != nil {
			return nil, err
		}
		return scenarios.Parse(name, scenarios.Random(seed), nil)
	}
	return scenarios.Load(name, nil)
}

// option is a plan of a query with what it asks of the system.
type option struct {
	plan   core.Plan
	fixed  float64 // seconds of a frame's latency that do not depend on load
	share  float64 // of camera frames whose accuracy would do, at no latency
	slack  float64 // seconds by which a result may be late before it is too old
	uses   []use
	refuse bool
}

// use is what a frame takes of a pool.
type use struct {
	pool    int
	load    float64 // utilisation
	seconds float64 // of the latency, at no load
	queue   float64 // servers behind one queue; 0 = shared, as a link or a device is
}

func (s *clairvoyant) pool(name string) int {
	i, ok := s.pools[name]
	if !ok {
		i = len(s.load)
		s.pools[name] = i
		s.load = append(s.load, 0)
	}
	return i
}

// Schedule implements core.Scheduler. All queries use the same model of a service:
// workers that change models serve nobody meanwhile.
func (s *clairvoyant) Schedule(v *core.View, d *core.Decision) {
	options := make([][]option, len(v.Queries))
	count := 1
	for i := range v.Queries {
		for _, st := range v.Queries[i].Query.Pipeline {
			count = max(count, models(v, st.Service))
		}
	}
	var best []option
	bestValue, chosen := -1.0, 0
	for m := range count {
		if m != min(s.model, count-1) && v.Round%5 != 0 { // models are for a while
			continue
		}
		for i := range v.Queries {
			options[i] = s.undominated(v, i, s.options(v, &v.Queries[i], m))
		}
		value := s.search(v, options)
		if m == s.model {
			value += .1 * float64(len(v.Queries))
		}
		if value > bestValue {
			best, bestValue = s.plans, value
			chosen = m
		}
	}
	s.plans, s.model = best, chosen
	for i := range v.Queries {
		id := v.Queries[i].Query.ID
		if s.plans[i].refuse {
			d.Refused = append(d.Refused, id)
			delete(s.before, id)
			continue
		}
		s.before[id] = s.plans[i].plan
		d.Set(id, s.plans[i].plan)
	}
}

// search plans all queries and returns the sum of their values.
func (s *clairvoyant) search(v *core.View, options [][]option) (total float64) {
	clear(s.load)
	s.plans = make([]option, len(v.Queries))
	for i := range v.Queries {
		s.plans[i] = option{refuse: true}
		for _, o := range options[i] { // start from the plan in force
			if p, ok := s.before[v.Queries[i].Query.ID]; ok && samePlan(&p, &o.plan) {
				s.put(i, o, 1)
				break
			}
		}
	}
	for range 4 {
		changed := false
		for i := range v.Queries {
			changed = s.improve(v, i, options[i]) || changed
		}
		if !changed {
			break
		}
	}
	for i := range v.Queries {
		total += s.value(v, i)
	}
	return total
}

func samePlan(a, b *core.Plan) bool {
	return a.Video == b.Video && slices.Equal(a.Stages, b.Stages)
}

// put adds option o of query i to the load (sign 1) or takes it away (-1).
func (s *clairvoyant) put(i int, o option, sign float64) {
	if sign > 0 {
		s.plans[i] = o
	} else {
		s.plans[i] = option{refuse: true}
	}
	for _, u := range o.uses {
		s.load[u.pool] += sign * u.load
	}
}

// improve gives query i the option that is best for all.
func (s *clairvoyant) improve(v *core.View, i int, options []option) bool {
	old := s.plans[i]
	s.put(i, old, -1)
	alone := make([]float64, len(v.Queries)) // value of the others without i
	base := 0.0
	for j := range v.Queries {
		alone[j] = s.value(v, j)
		base += alone[j]
	}
	best, bestValue := option{refuse: true}, base
	if old.refuse {
		bestValue += .01
	}
	for _, o := range options {
		s.put(i, o, 1)
		if own := s.value(v, i); own > .02 {
			total := own
			for j := range v.Queries {
				if j == i {
					continue
				}
				if touches(o.uses, s.plans[j].uses) {
					total += s.value(v, j)
				} else {
					total += alone[j]
				}
			}
			for _, u := range o.uses {
				total -= .002 * u.load // of two that serve alike, the cheaper
			}
			if !old.refuse && samePlan(&o.plan, &old.plan) {
				total += .03 // a change costs frames
			}
			if total > bestValue+1e-9 {
				best, bestValue = o, total
			}
		}
		s.put(i, o, -1)
	}
	s.put(i, best, 1)
	return best.refuse != old.refuse || !best.refuse && !samePlan(&best.plan, &old.plan)
}

func touches(a, b []use) bool {
	for _, u := range a {
		for _, w := range b {
			if u.pool == w.pool {
				return true
			}
		}
	}
	return false
}

// value is the share of time for which query i is served as it wants.
func (s *clairvoyant) value(v *core.View, i int) float64 {
	o := &s.plans[i]
	if o.refuse {
		return 0
	}
	q := &v.Queries[i]
	latency, full := o.fixed, 1.0
	for _, u := range o.uses {
		rho := max(s.load[u.pool]-u.load, 0) // a query does not wait for itself
		if all := s.load[u.pool]; all > .9 {
			full *= math.Exp(-8 * (all - .9))
		}
		rho = min(rho, .9)
		latency += u.seconds
		if u.queue > 0 { // half of Sakasegawa's M/M/c: arrivals are nearly periodic
			latency += .5 * u.seconds * math.Pow(rho, math.Sqrt(2*(u.queue+1))) / (u.queue * (1 - rho))
		} else {
			latency += .5 * u.seconds * rho / (1 - rho)
		}
	}
	bound := q.Query.Constraint.Latency.Seconds()
	share := o.share
	if q.Query.Constraint.Delay > 0 {
		bound = q.Query.Constraint.Delay.Seconds() * max(q.Camera.FPS/o.plan.Video.FPS, 1)
	} else {
		share = min(max((o.slack-latency)*o.plan.Video.FPS, 0), 1)
		if o.plan.InFlight == 1 { // the next frame waits for this one
			share = min(share, max(0, (o.slack-latency)/max(latency, 1/o.plan.Video.FPS)))
		}
	}
	if bound > 0 {
		share /= 1 + math.Exp((latency-.85*bound)/(.05*bound))
	}
	return full * share
}

// undominated leaves out options that would serve query i no better, alone on the
// system, than another one at the same places that takes less of everything.
func (s *clairvoyant) undominated(v *core.View, i int, all []option) (left []option) {
	clear(s.load)
	s.plans = make([]option, len(v.Queries))
	values := make([]float64, len(all))
	for k, o := range all {
		s.put(i, o, 1)
		values[k] = s.value(v, i)
		s.put(i, o, -1)
	}
	for k := range all {
		dominated := values[k] < .02
		for j := range all {
			if dominated {
				break
			}
			dominated = j != k && slices.Equal(all[j].plan.Stages, all[k].plan.Stages) && less(all[j].uses, all[k].uses) &&
				(values[j] > values[k] || values[j] == values[k] && (j < k || !less(all[k].uses, all[j].uses)))
		}
		if !dominated {
			left = append(left, all[k])
		}
	}
	return left
}

// less reports whether a takes no more of anything than b, for the same places.
func less(a, b []use) bool {
	for i := range a {
		if a[i].load > b[i].load || a[i].seconds > b[i].seconds {
			return false
		}
	}
	return true
}

// options lists what a query could get with the m-th model of each service, or its
// last, without what could not serve it at all.
func (s *clairvoyant) options(v *core.View, q *core.QueryView, m int) (all []option) {
	spec := s.spec(q)
	places := make([][]core.Assignment, len(q.Query.Pipeline))
	for i, st := range q.Query.Pipeline {
		for _, n := range v.Places(q, i, nil) {
			if s.down(n, v.Now, v.Now+v.Period) {
				continue
			}
			model := min(m, models(v, st.Service)-1)
			if _, ok := s.truth.Model(st.Service, model, v.Node(n).Class); ok {
				places[i] = append(places[i], core.Assignment{Node: n, Model: model})
			}
		}
	}
	scenes := s.scenes(v, q)
	for _, r := range v.Knobs.Resolutions {
		if r.Width > q.Camera.Resolution.Width {
			continue
		}
		for _, e := range v.Knobs.Encoders {
			for _, quality := range e.Qualities {
				for _, fps := range v.Knobs.FPS {
					video := core.VideoConf{Resolution: r, FPS: min(fps, q.Camera.FPS), Encoder: e.Name, Quality: quality}
					product(places, func(stages []core.Assignment) {
						if o, ok := s.option(v, q, spec, scenes, video, stages); ok {
							all = append(all, o)
						}
					})
				}
			}
		}
	}
	return all
}

func models(v *core.View, service string) int {
	for i := range v.Services {
		if v.Services[i].Name == service {
			return len(v.Services[i].Models)
		}
	}
	return 0
}

// product calls f with each way to choose one of every list.
func product(lists [][]core.Assignment, f func([]core.Assignment)) {
	chosen := make([]core.Assignment, len(lists))
	var next func(i int)
	next = func(i int) {
		if i == len(lists) {
			f(append([]core.Assignment(nil), chosen...))
			return
		}
		for _, a := range lists[i] {
			chosen[i] = a
			next(i + 1)
		}
	}
	next(0)
}

func (s *clairvoyant) spec(q *core.QueryView) *scenarios.Query {
	for i := range s.sc.Queries {
		if s.sc.Queries[i].Key == q.Query.Key {
			return &s.sc.Queries[i]
		}
	}
	return nil
}

// scenes samples what the camera sees until the next round has taken effect.
func (s *clairvoyant) scenes(v *core.View, q *core.QueryView) (all []core.Content) {
	camera := s.sc.Camera(q.Camera.ID)
	class := camera.Class
	for f := 0.0; f <= 1; f += .25 {
		at := v.Now.Seconds() + f*v.Period.Seconds() - max(camera.Phase, 0).Seconds()
		k := int64(at * q.Camera.FPS)
		c := s.seen[q.Camera.ID].Scene(k).Content()
		if class != "" {
			c.Class = class
		}
		all = append(all, c)
	}
	return all
}

func (s *clairvoyant) option(v *core.View, q *core.QueryView, spec *scenarios.Query, scenes []core.Content, video core.VideoConf, stages []core.Assignment) (o option, ok bool) {
	host := v.Node(q.Query.Node)
	worst := scenes[0]
	for _, c := range scenes[1:] {
		worst.Objects, worst.Area = max(worst.Objects, c.Objects), max(worst.Area, c.Area)
	}
	numbers := make([]int, len(stages))
	for i := range stages {
		numbers[i] = stages[i].Model
	}
	want := q.Query.Constraint.Accuracy
	for _, c := range scenes {
		slack := 1.0 // the age from which on a result counts as none
		if want > 0 {
			slack = 0
			if fresh := s.truth.Fresh(spec.Pipeline, video, numbers, c); fresh > want {
				slack = math.Log(fresh/want) / max(s.truth.Decay(c), 1e-9)
			}
		}
		o.slack += min(slack, 1) / float64(len(scenes))
	}
	if o.slack <= 0 {
		return o, false
	}
	o.share = min(o.slack*video.FPS, 1)
	encode := s.truth.Encode(core.Target{Class: host.Class, Role: core.RoleHost}, video).Seconds()
	cpu := s.pool("cpu " + string(host.ID))
	o.uses = append(o.uses, use{cpu, encode * video.FPS / host.Cores, encode, 0})
	frame := s.truth.FrameBytes(video, worst)
	out := 0.0
	for i, a := range stages {
		st := &q.Query.Pipeline[i]
		m, _ := s.truth.Model(st.Service, a.Model, v.Node(a.Node).Class)
		w := m.Law(video.Resolution).Mean(worst.Objects) * s.slow(st.Service, a.Node, v.Now, v.Now+v.Period)
		n := v.Node(a.Node)
		in := frame
		if i > 0 && s.truth.Input(st.Service) == core.InputCrops {
			in = out
		}
		out = s.truth.OutputBytes(st.Service, video.Resolution, worst)
		if a.Node != host.ID {
			there, delay := s.rate(host.ID, a.Node, v.Now, v.Now+v.Period)
			back, _ := s.rate(a.Node, host.ID, v.Now, v.Now+v.Period)
			o.fixed += 2 * delay
			o.uses = append(o.uses,
				use{s.pool("link " + string(host.ID) + " " + string(a.Node)), in * video.FPS / there, in / there, 0},
				use{s.pool("link " + string(a.Node) + " " + string(host.ID)), out * video.FPS / back, out / back, 0})
		}
		workers := float64(n.Service(st.Service).Workers)
		o.uses = append(o.uses, use{s.pool("pool " + string(a.Node) + " " + st.Service), w * video.FPS / workers, w, workers})
		if m.Device == kb.DeviceGPU {
			o.uses = append(o.uses, use{s.pool("gpu " + string(a.Node)), w * video.FPS * m.Needs.GPU / n.GPUs, 0, 0})
		}
		o.uses = append(o.uses, use{s.pool("cpu " + string(a.Node)), w * video.FPS * m.Needs.CPU / n.Cores, 0, 0})
	}
	latency := o.fixed
	for _, u := range o.uses {
		latency += u.seconds
	}
	if q.Camera.Mode == core.ModeFile { // the next frame is read when this one is done
		for i := range o.uses {
			o.uses[i].load /= video.FPS * latency
		}
	}
	if bound := q.Query.Constraint.Latency.Seconds(); bound > 0 && latency > bound {
		return o, false
	}
	o.plan = core.Plan{Video: video, Stages: stages, Buffer: 1, InFlight: 1}
	if q.Camera.Mode == core.ModeLive {
		o.plan.InFlight = min(1+int(latency*video.FPS*1.3), 4)
	}
	return o, true
}

// down reports whether a fault has the node down within a time.
func (s *clairvoyant) down(n core.NodeID, from, to core.Time) bool {
	for i := range s.sc.Faults {
		f := &s.sc.Faults[i]
		if (f.Kind == scenarios.FaultNodeDown || f.Kind == scenarios.FaultCrash) && f.Node == n && f.At < to && f.At.Add(f.For) > from {
			return true
		}
	}
	return false
}

func (s *clairvoyant) slow(service string, n core.NodeID, from, to core.Time) float64 {
	x := 1.0
	for i := range s.sc.Faults {
		f := &s.sc.Faults[i]
		if f.Service != service || f.Node != "" && f.Node != n || f.At >= to || f.At.Add(f.For) <= from {
			continue
		}
		switch f.Kind {
		case scenarios.FaultServiceSlow:
			x *= f.Factor
		case scenarios.FaultServiceDown:
			x = 1e6
		}
	}
	return x
}

// rate is the mean rate (bytes per second) of a link within a time, and its delay in
// seconds.
func (s *clairvoyant) rate(a, b core.NodeID, from, to core.Time) (bps, delay float64) {
	l, _ := s.sc.Link(a, b)
	const samples = 12
	delay = (l.Delay + l.Jitter).Seconds()
	for k := range core.Time(samples) {
		at := from + (to-from)*k/samples
		r := l.Rate
		if l.Trace != nil {
			r, _ = l.Trace.At(at)
		}
		for i := range s.sc.Faults {
			f := &s.sc.Faults[i]
			hit := f.Link == [2]core.NodeID{a, b} || f.Link == [2]core.NodeID{b, a}
			if !hit || at < f.At || at >= f.At.Add(f.For) {
				continue
			}
			switch {
			case f.Kind == scenarios.FaultLinkDown:
				r = 1
			case f.Rate >= 0:
				r = min(r, f.Rate)
			case f.Factor > 0:
				r *= f.Factor
			}
			delay = max(delay, (l.Delay + l.Jitter + f.Delay).Seconds())
		}
		bps += r / samples
	}
	return max(bps, 1), delay
}
