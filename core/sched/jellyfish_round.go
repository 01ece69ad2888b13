package sched

import (
	"cmp"
	"math"
	"slices"

	"vidq/core"
)

// gather lists the clients, those of one pipeline behind each other.
func (s *jellyfish) gather(v *core.View) {
	s.apps, s.shared, s.byQuery = s.apps[:0], s.shared[:0], s.byQuery[:0]
	for i := range v.Queries {
		s.byQuery = append(s.byQuery, s.appOf(v, &v.Queries[i]))
	}
	n := 0
	for a := range s.apps {
		s.apps[a].first, s.apps[a].have, n = n, 0, n+s.apps[a].have
	}
	s.clients = slices.Grow(s.clients[:0], n)[:n]
	s.perHost = append(s.perHost[:0], make([]int, len(v.Nodes))...)
	kept := s.byQuery[:0]
	for i, a := range s.byQuery {
		if a < 0 {
			continue
		}
		q := &v.Queries[i]
		app := &s.apps[a]
		c := jellyClient{q: q, app: a, was: -1, fps: min(s.FPS, q.Camera.FPS), bound: math.Inf(1)}
		c.host = nodeAt(v, q.Query.Node)
		if u := urgency(q, s.FPS); u > 0 {
			c.bound = 1 / u
		}
		for largest, _ := within(&v.Knobs, q.Camera.Resolution); v.Knobs.Resolutions[c.widest] != largest; {
			c.widest++
		}
		s.perHost[c.host]++
		kept = append(kept, app.first+app.have)
		s.clients[app.first+app.have] = c
		app.have++
	}
	s.byQuery = kept
	s.route(v)
	s.size(v)
}

// appOf finds the query's application and counts it in; -1 when the query is left alone.
func (s *jellyfish) appOf(v *core.View, q *core.QueryView) int {
	host := v.Node(q.Query.Node)
	if q.Camera == nil || !(q.Camera.FPS > 0) || host == nil || !host.Up && q.Plan.Revision > 0 {
		return -1
	}
	id := pipelineID(q.Query.Pipeline)
	for a := range s.apps {
		if s.apps[a].id == id {
			s.apps[a].have++
			return a
		}
	}
	s.apps = append(s.apps, jellyApp{id: id, have: 1})
	for i := range q.Query.Pipeline {
		service := q.Query.Pipeline[i].Service
		if slices.ContainsFunc(q.Query.Pipeline[:i], func(t core.Stage) bool { return t.Service == service }) {
			continue
		}
		k := slices.IndexFunc(s.shared, func(x jellyShared) bool { return x.service == service })
		if k < 0 {
			k, s.shared = len(s.shared), append(s.shared, jellyShared{service: service})
		}
		s.shared[k].apps++
	}
	return len(s.apps) - 1
}

// pipelineID tells pipelines apart by their services and parents.
func pipelineID(p core.Pipeline) (id uint64) {
	for i := range p {
		for _, b := range []byte(p[i].Service) {
			id = mix(id, uint64(b))
		}
		id = mix(id, 1<<8)
		for _, parent := range p[i].Parents {
			id = mix(id, uint64(parent))
		}
		id = mix(id, 1<<9)
	}
	return id
}

// route looks up what the links take.
func (s *jellyfish) route(v *core.View) {
	n := len(v.Nodes)
	s.routes = slices.Grow(s.routes[:0], n*n)[:n*n]
	clear(s.routes)
	for i := range v.Links {
		l := &v.Links[i]
		from, to, rate := nodeAt(v, l.From), nodeAt(v, l.To), l.Rate
		if from < 0 || to < 0 || !(rate > 0) {
			continue
		}
		there, back := &s.routes[from*n+to], &s.routes[to*n+from]
		there.rtt, there.up = l.RTT.Seconds(), 1/rate
		back.down = 1 / rate
	}
	for i := range s.routes {
		if s.routes[i].down == 0 { // no way back
			s.routes[i].up = 0
		}
	}
}

// size asks the belief for the clients' frames.
func (s *jellyfish) size(v *core.View) {
	s.frames = s.frames[:0]
	var video core.VideoConf
	video.Encoder, video.Quality, _ = encoder(&v.Knobs, v.Knobs.Encoders[0].Name)
	for i := range s.clients {
		q := s.clients[i].q
		content, at := q.Content(), target(&v.Nodes[s.clients[i].host], q.Query.Node)
		for r := range s.levels.resolution {
			video.Resolution = v.Knobs.Resolutions[min(r, s.clients[i].widest)]
			crops, images, down := 0.0, 0.0, 0.0
			for k := range q.Query.Pipeline {
				stage := &q.Query.Pipeline[k]
				down += v.Predictor.OutputBytes(stage.Service, video.Resolution, content)
				if fedWithFrame(v, stage) {
					images++
					continue
				}
				for _, p := range stage.Parents {
					crops += v.Predictor.OutputBytes(q.Query.Pipeline[p].Service, video.Resolution, content)
				}
			}
			for k := range s.levels.quality {
				video.Quality = quality(&v.Knobs, k, video.Quality)
				s.frames = append(s.frames, jellyFrame{
					encode: v.Predictor.Encode(at, video).Seconds(), down: down,
					up: crops + float64(images*v.Predictor.FrameBytes(video, content)),
				})
			}
		}
	}
}

// quality is the k-th of the first encoder, otherwise when it has none.
func quality(k *core.Knobs, i, otherwise int) int {
	if e := &k.Encoders[0]; len(e.Qualities) > 0 {
		return e.Qualities[i]
	}
	return otherwise
}

// equip lists the workers with what they may have active.
func (s *jellyfish) equip(v *core.View) {
	workers := s.workers[:cap(s.workers)] // their ladders' memory is used again
	s.workers = s.workers[:0]
	s.tenants = append(s.tenants[:0], make([]int, len(v.Nodes))...)
	for n := range v.Nodes {
		for a := range s.apps {
			if offers(&v.Nodes[n], s.clients[s.apps[a].first].q.Query.Pipeline) {
				s.tenants[n]++
			}
		}
	}
	for a := range s.apps {
		app := &s.apps[a]
		app.at = len(s.workers)
		for n := range v.Nodes {
			w := jellyWorker{app: a, node: n}
			if len(s.workers) < len(workers) {
				w.ladder = workers[len(s.workers)].ladder[:0]
			}
			if v.Nodes[n].Up && s.climb(v, app, &w) {
				s.workers = append(s.workers, w)
			}
		}
		app.workers = len(s.workers) - app.at
	}
	for i := range s.clients {
		c := &s.clients[i]
		app := &s.apps[c.app]
		for w := app.at; w < app.at+app.workers; w++ {
			if c.q.Plan.Revision > 0 && atNode(&c.q.Plan, v.Nodes[s.workers[w].node].ID) {
				c.was = w
			}
			ladder := s.workers[w].ladder
			c.served = c.served || s.limit(i, w, &ladder[len(ladder)-1]) > 0
		}
	}
}

// offers reports whether a node has all services of a pipeline.
func offers(n *core.NodeView, p core.Pipeline) bool {
	for i := range p {
		if n.Service(p[i].Service) == nil {
			return false
		}
	}
	return true
}

// atNode reports whether all of the plan's stages run at a node.
func atNode(p *core.Plan, n core.NodeID) bool {
	for i := range p.Stages {
		if p.Stages[i].Node != n {
			return false
		}
	}
	return true
}

// climb fills in a worker's ladder; false when it cannot run the application.
func (s *jellyfish) climb(v *core.View, app *jellyApp, w *jellyWorker) bool {
	q := s.clients[app.first].q
	widest, models := 0, 0
	for i := app.first; i < app.first+app.have; i++ {
		widest = max(widest, s.clients[i].widest)
	}
	for i := range q.Query.Pipeline {
		models = max(models, modelsOf(v, q.Query.Pipeline[i].Service))
	}
	var video core.VideoConf
	video.FPS = s.FPS
	video.Encoder, video.Quality, _ = encoder(&v.Knobs, v.Knobs.Encoders[0].Name)
	for r := range widest + 1 {
		video.Resolution = v.Knobs.Resolutions[r]
		for model := range models {
			m := jellyModel{resolution: r, model: model}
			if !s.load(v, q, w, &m, video.Resolution) {
				continue
			}
			for k := range s.levels.quality {
				video.Quality = quality(&v.Knobs, k, video.Quality)
				m.quality = k
				m.accuracy = v.Predictor.Accuracy(q.Query, q.Camera.FPS, video, s.ranks, core.Content{Class: q.Camera.Class})
				m.bytes = s.frames[(app.first*s.levels.resolution+r)*s.levels.quality+k].up
				w.ladder = append(w.ladder, m)
			}
		}
	}
	w.ladder = undominated(w.ladder)
	return len(w.ladder) > 0
}

// load fills in what a frame takes at a worker.
func (s *jellyfish) load(v *core.View, q *core.QueryView, w *jellyWorker, m *jellyModel, r core.Resolution) bool {
	n := &v.Nodes[w.node]
	at := core.Target{Class: n.Class, Role: n.Role}
	further, cpu, gpu, tenants := 0.0, 0.0, 0.0, float64(s.tenants[w.node])
	s.ranks = s.ranks[:0]
	for i := range q.Query.Pipeline {
		service := q.Query.Pipeline[i].Service
		model := min(m.model, modelsOf(v, service)-1)
		s.ranks = append(s.ranks, model)
		work, ok := v.Predictor.Work(service, model, at, r, core.TypicalObjects)
		if !ok || !usable(v, n.ID, n, service, model) {
			return false
		}
		t := work.Mean.Seconds()
		share := 1
		for k := range s.shared {
			if s.shared[k].service == service {
				share = s.shared[k].apps
			}
		}
		needs := v.Predictor.Needs(service, model, at)
		cpu, gpu = cpu+float64(t*needs.CPU*tenants), gpu+float64(t*needs.GPU*tenants)
		if n.GPUs > 0 { // the others are at work as well
			t *= max(1, tenants*needs.GPU/n.GPUs)
		}
		m.work += t
		further += t * work.Marginal
		m.slowest = max(m.slowest, t*float64(share)/float64(n.Service(service).Workers))
	}
	if m.work > 0 {
		m.marginal = further / m.work
	}
	if n.Cores > 0 {
		m.slowest = max(m.slowest, cpu/n.Cores)
	}
	if n.GPUs > 0 {
		m.slowest = max(m.slowest, gpu/n.GPUs)
	}
	return true
}

// undominated sorts models by accuracy, the best first, and drops those that another beats in
// accuracy, work and bytes.
func undominated(ladder []jellyModel) []jellyModel {
	slices.SortFunc(ladder, func(a, b jellyModel) int {
		return cmp.Or(cmp.Compare(b.accuracy, a.accuracy), cmp.Compare(a.work, b.work), cmp.Compare(a.bytes, b.bytes),
			cmp.Compare(a.resolution, b.resolution), cmp.Compare(a.model, b.model), cmp.Compare(a.quality, b.quality))
	})
	kept := ladder[:0]
	for _, m := range ladder {
		if !slices.ContainsFunc(kept, func(k jellyModel) bool { return k.work <= m.work && k.bytes <= m.bytes }) {
			kept = append(kept, m)
		}
	}
	return kept
}
