package sched

import (
	"math"
	"math/rand/v2"

	"vidq/core"
)

// jcabTable is what the belief says of a query: all that its configurations are priced
// with, looked up once.
type jcabTable struct {
	servers []int           // nodes to which stages may be given, ascending
	work    []float64       // seconds of a frame, of (place, stage, resolution); place 0 is the host, NaN = cannot run
	watts   []float64       // while a stage works, of (place, stage)
	station []int           // of (place, stage)
	needs   []core.Needs    // of a busy worker, likewise
	device  []int           // station of the place's cores; its slots follow
	frame   []float64       // bytes, of (resolution, quality)
	encode  []float64       // seconds, likewise
	output  []float64       // bytes, of (stage, resolution)
	value   []float64       // accuracy of (rate, resolution, quality)
	rtt     []float64       // seconds, by server
	up      []int           // link to the server
	down    []float64       // seconds per byte from it
	crops   uint64          // bit i: stage i is fed with its parents' outputs
	knobs   jcabChoice      // numbers of values
	models  []int           // zeros, one for each stage
	target  core.Target     // of the host
	busy    float64         // watts of encoding
	video   core.VideoConf  // scratch
	content core.Content    // of the query
	stages  int             // of its pipeline
	view    *core.QueryView // that is in hand
}

// prepare fills the table for a query.
func (s *jcab) prepare(v *core.View, x *jcabQuery) {
	t, q, n := &s.t, x.view, len(x.view.Query.Pipeline)
	k := &v.Knobs
	t.view, t.stages, t.content = q, n, q.Content()
	t.knobs = jcabChoice{split: n, resolution: 1, quality: max(1, len(k.Encoders[0].Qualities)), fps: 1}
	for largest, _ := within(k, q.Camera.Resolution); k.Resolutions[t.knobs.resolution-1] != largest; {
		t.knobs.resolution++
	}
	for t.knobs.fps < len(k.FPS) && k.FPS[t.knobs.fps-1] < q.Camera.FPS {
		t.knobs.fps++
	}
	s.places(v, x)
	t.crops, t.models = 0, t.models[:0]
	for i := range q.Query.Pipeline {
		t.models = append(t.models, 0)
		if !fedWithFrame(v, &q.Query.Pipeline[i]) {
			t.crops |= 1 << i
		}
	}
	t.work, t.watts, t.station, t.needs, t.device = t.work[:0], t.watts[:0], t.station[:0], t.needs[:0], t.device[:0]
	for p := range len(t.servers) + 1 {
		node := x.host
		if p > 0 {
			node = t.servers[p-1]
		}
		s.lookUp(v, x, node, p)
	}
	s.lookUpVideo(v, x)
}

// places lists the servers of the query.
func (s *jcab) places(v *core.View, x *jcabQuery) {
	t, q := &s.t, x.view
	t.servers, t.rtt, t.up, t.down = t.servers[:0], t.rtt[:0], t.up[:0], t.down[:0]
	cloud := core.NodeID("")
	if s.Place == "cloud" {
		if n := remote(v, q.Query, q.Query.Pipeline[0].Service, 0); n != nil {
			cloud = n.ID
		}
	}
	for up := s.linksOf[x.host]; up < s.linksOf[x.host+1]; up++ {
		l := &s.links[up]
		if v.Links[up].From != q.Query.Node || l.to < 0 || l.back < 0 || !v.Nodes[l.to].Up || s.Place == "cloud" && v.Nodes[l.to].ID != cloud {
			continue
		}
		if !(l.rate > 0) || !(s.links[l.back].rate > 0) {
			continue
		}
		t.servers, t.up = append(t.servers, l.to), append(t.up, up)
		t.rtt, t.down = append(t.rtt, v.Links[up].RTT.Seconds()), append(t.down, 1/s.links[l.back].rate)
	}
}

// lookUp appends what the belief says of the stages at a node.
func (s *jcab) lookUp(v *core.View, x *jcabQuery, node, place int) {
	t, q, n := &s.t, x.view, &v.Nodes[node]
	at := target(n, q.Query.Node)
	t.device = append(t.device, s.first[node]+len(n.Services))
	for i := range q.Query.Pipeline {
		service := q.Query.Pipeline[i].Service
		able := usable(v, q.Query.Node, n, service, 0)
		for r := range t.knobs.resolution {
			w := math.NaN()
			if able && (place > 0 || s.Place == "split" || len(t.servers) == 0) {
				if work, ok := v.Predictor.Work(service, 0, at, v.Knobs.Resolutions[r], objects(q)); ok {
					w = work.Mean.Seconds()
				}
			}
			t.work = append(t.work, w)
		}
		k := 0
		for k < len(n.Services)-1 && n.Services[k].Name != service {
			k++
		}
		t.station = append(t.station, s.first[node]+k)
		needs := v.Predictor.Needs(service, 0, at)
		t.needs = append(t.needs, needs)
		t.watts = append(t.watts, watts(v.Predictor, at, &n.Capacity, needs))
	}
}

// watts is what a busy worker adds to a node's power.
func watts(by core.Predictor, at core.Target, c *core.Capacity, needs core.Needs) float64 {
	var l core.NodeLoad
	if c.Cores > 0 {
		l.CPU = min(1, needs.CPU/c.Cores)
	}
	if c.GPUs > 0 {
		l.GPU = min(1, needs.GPU/c.GPUs)
	}
	return max(0, by.Power(at, l)-by.Power(at, core.NodeLoad{}))
}

// lookUpVideo fills in what depends on the video's configuration.
func (s *jcab) lookUpVideo(v *core.View, x *jcabQuery) {
	t, q, k := &s.t, x.view, &v.Knobs
	host := &v.Nodes[x.host]
	t.target = target(host, q.Query.Node)
	t.busy = watts(v.Predictor, t.target, &host.Capacity, core.Needs{CPU: 1})
	t.frame, t.encode, t.output, t.value = t.frame[:0], t.encode[:0], t.output[:0], t.value[:0]
	e := &k.Encoders[0]
	t.video.Encoder, t.video.Quality, _ = encoder(k, e.Name)
	for r := range t.knobs.resolution {
		for quality := range t.knobs.quality {
			t.set(k, r, quality)
			t.frame = append(t.frame, v.Predictor.FrameBytes(t.video, t.content))
			t.encode = append(t.encode, v.Predictor.Encode(t.target, t.video).Seconds())
		}
	}
	for i := range q.Query.Pipeline {
		for r := range t.knobs.resolution {
			t.output = append(t.output, v.Predictor.OutputBytes(q.Query.Pipeline[i].Service, k.Resolutions[r], t.content))
		}
	}
	for f := range t.knobs.fps {
		t.video.FPS = k.FPS[f]
		for r := range t.knobs.resolution {
			for quality := range t.knobs.quality {
				t.set(k, r, quality)
				t.value = append(t.value, v.Predictor.Accuracy(q.Query, q.Camera.FPS, t.video, t.models, t.content))
			}
		}
	}
}

func (t *jcabTable) set(k *core.Knobs, resolution, quality int) {
	t.video.Resolution = k.Resolutions[resolution]
	if e := &k.Encoders[0]; len(e.Qualities) > 0 {
		t.video.Quality = e.Qualities[quality]
	}
}

// bytes is what a frame sends to the server and what comes back, when the first
// split stages run on the host.
func (t *jcabTable) bytes(split, resolution, quality int) (up, down float64) {
	for i := split; i < t.stages; i++ {
		down += t.output[i*t.knobs.resolution+resolution]
		if t.crops>>i&1 == 0 {
			up += t.frame[resolution*t.knobs.quality+quality]
			continue
		}
		for _, p := range t.view.Query.Pipeline[i].Parents {
			up += t.output[p*t.knobs.resolution+resolution]
		}
	}
	return up, down
}

// use works out what a configuration of the query in the table adds to the sums; false when
// it cannot be carried out.
func (s *jcab) use(v *core.View, x *jcabQuery, c jcabChoice, u *jcabUse) bool {
	if k := &s.t.knobs; c.fps >= k.fps || c.resolution >= k.resolution || c.quality >= k.quality {
		return false // beyond what the camera has
	}
	place := 0
	for place < len(s.t.servers) && s.t.servers[place] != c.server {
		place++
	}
	if !s.place(c, place, u) {
		return false
	}
	s.rate(v, x, c, u)
	return true
}

// place fills in what does not depend on the rate; place is the server's index in
// the table.
func (s *jcab) place(c jcabChoice, place int, u *jcabUse) bool {
	t := &s.t
	u.link, u.n, u.bytes, u.fixed = -1, 0, 0, t.encode[c.resolution*t.knobs.quality+c.quality]
	energy := u.fixed * t.busy // of a frame, J
	for i := range t.stages {
		p := 0
		if i >= c.split {
			p = place + 1
		}
		if p > len(t.servers) {
			return false
		}
		w := t.work[(p*t.stages+i)*t.knobs.resolution+c.resolution]
		if math.IsNaN(w) {
			return false
		}
		u.at[u.n], u.work[u.n] = t.station[p*t.stages+i], w
		u.n++
		energy += w * t.watts[p*t.stages+i]
	}
	u.devices = 0
	t.devices(u, 0, 0, c.split)
	t.devices(u, place+1, c.split, t.stages)
	if c.split < t.stages {
		var down float64
		u.bytes, down = t.bytes(c.split, c.resolution, c.quality)
		u.link = t.up[place]
		u.fixed += float64(t.rtt[place]*float64(t.stages-c.split)) + float64(down*t.down[place])
	}
	u.energy = energy + u.bytes*8*s.JoulePerBit
	return true
}

// devices adds what the stages from..to use of the devices at a place.
func (t *jcabTable) devices(u *jcabUse, place, from, to int) {
	if from >= to {
		return
	}
	cpu, gpu := 0.0, 0.0
	for i := from; i < to; i++ {
		w, needs := u.work[i], &t.needs[place*t.stages+i]
		cpu, gpu = cpu+float64(w*needs.CPU), gpu+float64(w*needs.GPU)
	}
	for i, x := range [...]float64{cpu, gpu} {
		if x > 0 {
			k := u.n + u.devices
			u.at[k], u.work[k] = t.device[place]+i, x
			u.devices++
		}
	}
}

// rate fills in what depends on the rate.
func (s *jcab) rate(v *core.View, x *jcabQuery, c jcabChoice, u *jcabUse) {
	t := &s.t
	fps := min(v.Knobs.FPS[c.fps], x.view.Camera.FPS)
	u.urgency = urgency(x.view, fps)
	u.load, u.press = fps, x.state.queue*u.urgency
	u.x = fps * u.bytes
	u.s = math.Sqrt(u.x)
	u.t = 0
	if u.x > 0 {
		u.t = u.press * u.bytes / u.s // queue * urgency * sqrt(bits/f)
	}
	accuracy := t.value[(c.fps*t.knobs.resolution+c.resolution)*t.knobs.quality+c.quality]
	u.own = s.V*(s.EnergyWeight*fps*u.energy-accuracy) + u.press*u.fixed
}

// descend takes the best configuration of each query in turn until none changes.
func (s *jcab) descend(v *core.View) {
	for range s.Sweeps {
		changed := false
		for i := range s.queries {
			s.prepare(v, &s.queries[i])
			changed = s.improve(v, &s.queries[i]) || changed
		}
		if !changed {
			return
		}
	}
}

// improve gives the query in the table its best configuration, given the others'. Of
// equals the present one stays, else the first.
func (s *jcab) improve(v *core.View, x *jcabQuery) (changed bool) {
	best := math.Inf(1)
	var u jcabUse
	at := x.at
	if x.placed {
		s.count(&x.use, -1)
		best = s.price(&x.use) - 1e-9*max(1, s.V)
	}
	t := &s.t
	for split := range t.stages + 1 {
		if split > 0 && s.Place != "split" && len(t.servers) > 0 {
			break
		}
		for place := range max(1, len(t.servers)) {
			c := jcabChoice{split: split, server: -1}
			if split < t.stages && len(t.servers) > 0 {
				c.server = t.servers[place]
			} else if place > 0 || split < t.stages {
				break
			}
			for c.resolution = range t.knobs.resolution {
				for c.quality = range t.knobs.quality {
					if !s.place(c, place, &u) {
						continue
					}
					for c.fps = range t.knobs.fps {
						s.rate(v, x, c, &u)
						if u.own >= best { // whatever it is added to, the others' part only grows
							continue
						}
						if j := s.price(&u); j < best {
							best, at, changed = j, c, true
						}
					}
				}
			}
		}
	}
	if changed {
		x.at, x.placed = at, true
		s.use(v, x, at, &x.use)
	}
	if x.placed {
		s.count(&x.use, 1)
	}
	return changed
}

// markov is the paper's Markov approximation: configurations are proposed at random
// and accepted by how much they change the objective; the best that was met is kept.
func (s *jcab) markov(v *core.View) {
	if len(s.queries) == 0 {
		return
	}
	var pcg rand.PCG
	pcg.Seed(mix(s.seed, uint64(v.Now)), 0x6a636162)
	r := rand.New(&pcg)
	s.log = s.log[:0]
	j, best, kept := 0.0, 0.0, 0
	for range s.Proposals {
		i := r.IntN(len(s.queries))
		x := &s.queries[i]
		if !x.placed {
			continue
		}
		s.prepare(v, x)
		c := s.propose(r)
		accept := r.Float64()
		var u jcabUse
		if !s.use(v, x, c, &u) {
			continue
		}
		s.count(&x.use, -1)
		d := s.price(&u) - s.price(&x.use)
		if accept < 1/(1+math.Exp(d/s.Tau)) {
			s.log = append(s.log, jcabMove{i, x.at})
			x.at, x.use = c, u
			if j += d; j < best-1e-9 {
				best, kept = j, len(s.log)
			}
		}
		s.count(&x.use, 1)
	}
	for n := len(s.log); n > kept; n-- {
		m := &s.log[n-1]
		x := &s.queries[m.query]
		s.count(&x.use, -1)
		s.prepare(v, x)
		x.at = m.before
		s.use(v, x, x.at, &x.use)
		s.count(&x.use, 1)
	}
}

// propose draws a configuration of the query in the table.
func (s *jcab) propose(r *rand.Rand) jcabChoice {
	t := &s.t
	c := jcabChoice{server: -1, resolution: r.IntN(t.knobs.resolution), quality: r.IntN(t.knobs.quality), fps: r.IntN(t.knobs.fps)}
	if s.Place == "split" || len(t.servers) == 0 {
		c.split = r.IntN(t.stages + 1)
	}
	if len(t.servers) == 0 {
		c.split = t.stages
	} else if c.split < t.stages {
		c.server = t.servers[r.IntN(len(t.servers))]
	}
	return c
}
