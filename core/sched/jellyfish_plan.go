package sched

import (
	"math"
	"slices"

	"vidq/core"
)

// settings has the workers load their models and take their batches. Where several pipelines
// share a service the first one's model counts, and the smallest batch.
func (s *jellyfish) settings(v *core.View, d *core.Decision) {
	for w := range s.workers {
		if s.best.fps[w] == 0 {
			continue
		}
		x := &s.workers[w]
		n, q := &v.Nodes[x.node], s.clients[s.apps[x.app].first].q
		for i := range q.Query.Pipeline {
			service := q.Query.Pipeline[i].Service
			set := core.ServiceSetting{
				Node: n.ID, Service: service, Model: min(s.model(&s.best, w).model, modelsOf(v, service)-1),
				Replicas: n.Service(service).Workers, MaxBatch: s.best.batch[w],
			}
			k := slices.IndexFunc(d.Services, func(o core.ServiceSetting) bool { return o.Node == n.ID && o.Service == service })
			if k >= 0 {
				d.Services[k].MaxBatch = min(d.Services[k].MaxBatch, set.MaxBatch)
				continue
			}
			d.Services = append(d.Services, set)
		}
	}
	d.Services = slices.DeleteFunc(d.Services, func(o core.ServiceSetting) bool {
		is := v.Node(o.Node).Service(o.Service)
		return is.Model == o.Model && is.MaxBatch == o.MaxBatch
	})
}

// plans gives every client its plan.
func (s *jellyfish) plans(v *core.View, d *core.Decision) {
	for _, i := range s.byQuery {
		c := &s.clients[i]
		w, fps := s.best.at[i], s.FPS
		if w < 0 {
			w, fps = s.leftover(v, i), min(v.Knobs.FPS[0], s.FPS)
			if w < 0 {
				continue
			}
			s.best.fps[w] += min(fps, c.q.Camera.FPS)
		}
		m, last := s.model(&s.best, w), &s.workers[w].ladder[len(s.workers[w].ladder)-1]
		size := m
		if s.best.at[i] < 0 {
			size = last
		}
		s.plan(v, c, w, m.model, size, fps, d)
	}
}

func (s *jellyfish) plan(v *core.View, c *jellyClient, w, model int, size *jellyModel, fps float64, d *core.Decision) {
	q, k := c.q, &v.Knobs
	n := &v.Nodes[s.workers[w].node]
	p := core.Plan{
		Video:    core.VideoConf{Resolution: k.Resolutions[min(size.resolution, c.widest)], FPS: fps},
		InFlight: window(q.Camera, s.InFlight), Buffer: s.Buffer,
	}
	p.Video.Encoder, p.Video.Quality, _ = encoder(k, k.Encoders[0].Name)
	p.Video.Quality = quality(k, size.quality, p.Video.Quality)
	now := &q.Plan
	kept := now.Revision > 0 && !now.Refused && now.Video == p.Video && now.InFlight == p.InFlight && now.Buffer == p.Buffer && len(now.Stages) == len(q.Query.Pipeline)
	for i := range q.Query.Pipeline {
		service := q.Query.Pipeline[i].Service
		a := core.Assignment{Node: n.ID, Model: min(model, modelsOf(v, service)-1)}
		if !usable(v, q.Query.Node, n, service, a.Model) {
			return
		}
		kept = kept && now.Stages[i] == a
	}
	if kept {
		return
	}
	p.Stages = make([]core.Assignment, len(q.Query.Pipeline))
	for i := range p.Stages {
		p.Stages[i] = core.Assignment{Node: n.ID, Model: min(model, modelsOf(v, q.Query.Pipeline[i].Service)-1)}
	}
	d.Set(q.Query.ID, p)
}

// leftover is the worker for a client that could not be mapped: the one where it is, else the one with
// the most throughput to spare; -1 when none can be reached.
func (s *jellyfish) leftover(v *core.View, i int) int {
	c := &s.clients[i]
	app := &s.apps[c.app]
	best, most := -1, math.Inf(-1)
	for w := app.at; w < app.at+app.workers; w++ {
		node := s.workers[w].node
		if node != c.host && s.routes[c.host*len(v.Nodes)+node].up == 0 {
			continue
		}
		if w == c.was {
			return w
		}
		if spare := 1 - s.best.fps[w]/s.model(&s.best, w).throughput(s.best.batch[w]); spare > most {
			best, most = w, spare
		}
	}
	return best
}
