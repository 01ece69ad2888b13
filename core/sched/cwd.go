package sched

import (
	"math"

	"vidq/core"
)

func init() {
	Register("cwd", "OctopInf's workload distributor: replicas and batches by arrival rates, stages to the edge where they shrink their data",
		cwdConfig{
			Interval: 6 * core.Minute, Rescale: 30 * core.Second, HoldUp: 150 * core.Second, HoldDown: 240 * core.Second,
			MaxReplicas: 4, MaxBatch: 32, Safety: 1.2, Resolution: "720p", FPS: 10, InFlight: 4, Buffer: 1,
		}, newCWD)
}

// cwdConfig's defaults are those of the public code (tungngreen/PipelineScheduler) where not said otherwise.
type cwdConfig struct {
	Interval    core.Time `toml:"interval" min:"0.001" doc:"between distributions; queries that come or go and nodes that fail or return cause one at once"`
	Rescale     core.Time `toml:"rescale" min:"0.001" doc:"between looks at the number of replicas"`
	HoldUp      core.Time `toml:"hold_up" min:"0" doc:"from a change of a service's replicas to the next addition"`
	HoldDown    core.Time `toml:"hold_down" min:"0" doc:"from a change of a service's replicas to the next removal"`
	MaxReplicas int       `toml:"max_replicas" min:"1" max:"1000" doc:"most workers of a service at a node for each query that uses it; there each query has its own"`
	MaxBatch    int       `toml:"max_batch" min:"1" max:"1024" doc:"largest batch (chosen here)"`
	Safety      float64   `toml:"safety" min:"1" max:"10" doc:"factor on predicted latencies"`
	Compat      bool      `toml:"compat" doc:"wait in queues as the public code has it: it says M/D/1 and computes M/M/1, twice as much"`
	Resolution  string    `toml:"resolution" knob:"resolution" doc:"of every query; a smaller camera's is used as it is (720p as static)"`
	FPS         float64   `toml:"fps" knob:"fps" min:"0.01" max:"1000" doc:"analysed frames per second of every query (10 as static)"`
	InFlight    int       `toml:"in_flight" min:"1" max:"64" doc:"frames of a live query under way at once: sources do not wait for results (chosen here)"`
	Buffer      int       `toml:"buffer" min:"1" max:"1000" doc:"frames that wait when the window is full; 1 = the newest only (chosen here)"`
}

// cwd is the cross-device workload distributor of OctopInf (Nguyen et al., "OCTOPINF:
// Workload-Aware Inference Serving for Edge Video Analytics", PerCom 2025). It leaves the
// video as it is and decides where stages run, in how many replicas and in what batches:
//
//  1. All stages on the server, batch 1, one replica.
//  2. Replicas are added until 80% of a service's rate covers its arrivals.
//  3. Batches are doubled where that makes a request at least 2% cheaper and all queries
//     of the service stay within their bounds; then replicas are removed while 70% of
//     the rate still covers the arrivals.
//  4. From the source on, a stage goes to the edge where 60% of its input is more than its
//     output and its query stays within its bound there, with batch 1.
//
// A stage takes the wait of an M/D/1 queue, the time of a full batch and the transfers.
// In between the autoscaler adds and removes replicas by the same rules for what the calls
// took.
//
// Deviations. The server is the cloud that the query is assigned to, the edge the query's
// host: an edge is not offered the stages of another. Services and uplinks are shared by the
// queries, where there each pipeline has its own containers and each device its own uplink;
// so the bound of replicas grows with the queries, and it is never more than the node's
// cores, slots and memory allow. The public code also wants 95% (90% when it removes) of the
// preprocessing rate to cover the arrivals: preprocessing is a part of the work here. Links
// wait like services do; in step 4 they carry the queries that were gone through. A query on
// a file sends the next frame when it has the result of the last: its rate is what its round
// trips allow, and it does not wait for itself. What a call takes is the belief's time by the
// measured factor, which is taken from the quickest call of a query in a round, since others
// may have been in a batch. A query whose host has no server runs on the host.
// CORAL, which gives models lanes of gpu time, is not part of it: the world has no such lanes.
//
// As published it neither looks at accuracy nor sheds load. Where neither place is quick enough
// the published walk leaves the stage on the server, even when its uplink is full; here it then goes
// where it takes less time.
type cwd struct {
	cwdConfig
	limit    core.Resolution
	started  bool
	system   uint64 // queries and nodes of the last distribution
	at       core.Time
	rescaled core.Time
	stations []cwdStation // services of nodes, in the order of the view
	old      []cwdStation
	first    []int // of each node's stations
	links    []float64
	queries  []cwdQuery
	settings []core.ServiceSetting // scratch
}

// cwdStation is a service at a node.
type cwdStation struct {
	node    core.NodeID
	service string

	// What stays from round to round.
	factor  float64 // by which calls take longer than believed; 0 = none was seen
	changed core.Time

	// What the distribution works with.
	workers  int // that run
	replicas int // that are to run
	batch    int
	most     int     // replicas that the devices allow
	memory   float64 // of a replica, bytes
	marginal float64
	users    int
	rate     float64 // requests per second
	busy     float64 // seconds of requests, alone, per second
}

// cwdQuery is a query in hand.
type cwdQuery struct {
	q      *core.QueryView
	host   int
	video  core.VideoConf
	bound  float64 // seconds from capture to result
	encode float64
	rate   float64 // requests per second
	stages [core.MaxStages]cwdStage
}

type cwdStage struct {
	edge     bool
	node     [2]int // server and edge, -1 = cannot run there
	up, down int    // links to the server and back
	work     [2]float64
	in, out  float64 // bytes
}

const (
	cwdServer = iota
	cwdEdge
)

// The public code's shares of a rate that are to cover the arrivals, the factor by which a batch must
// be cheaper, and the share of its input above which a stage does not shrink it.
const (
	cwdAdd    = .8
	cwdRemove = .7
	cwdCheap  = .98
	cwdShrink = .6
)

func newCWD(c cwdConfig, _ Deps) (core.Scheduler, error) {
	r, err := core.ParseResolution(c.Resolution)
	if err != nil {
		return nil, &Error{Key: "resolution", Msg: err.Error()}
	}
	return &cwd{cwdConfig: c, limit: r}, nil
}

// Schedule implements core.Scheduler.
func (s *cwd) Schedule(v *core.View, d *core.Decision) {
	if v.Predictor == nil {
		return
	}
	s.lay(v)
	s.learn(v)
	defer func() { clear(s.queries) }() // let go of the view
	switch id := systemID(v); {
	case !s.started || id != s.system || v.Now-s.at >= s.Interval:
		s.started, s.system, s.at, s.rescaled = true, id, v.Now, v.Now
		s.take(v)
		s.distribute(v)
		s.plans(v, d)
	case v.Now-s.rescaled >= s.Rescale:
		s.rescaled = v.Now
		s.take(v)
		s.rescale(v)
	default:
		return
	}
	s.set(v, d)
}

// systemID tells which queries there are and which nodes are up.
func systemID(v *core.View) (id uint64) {
	for i := range v.Queries {
		id = mix(id, uint64(v.Queries[i].Query.ID))
	}
	for i := range v.Nodes {
		if id = mix(id, 0); v.Nodes[i].Up {
			id = mix(id, 1)
		}
	}
	return id
}

// lay lists the stations, with what is remembered of them.
func (s *cwd) lay(v *core.View) {
	s.stations, s.old = s.old[:0], s.stations
	s.first = s.first[:0]
	k := 0
	for i := range v.Nodes {
		n := &v.Nodes[i]
		s.first = append(s.first, len(s.stations))
		for j := range n.Services {
			t := cwdStation{node: n.ID, service: n.Services[j].Name, workers: n.Services[j].Workers, batch: max(1, n.Services[j].MaxBatch)}
			for k < len(s.old) && (s.old[k].node < t.node || s.old[k].node == t.node && s.old[k].service < t.service) {
				k++
			}
			if k < len(s.old) && s.old[k].node == t.node && s.old[k].service == t.service {
				t.factor, t.changed = s.old[k].factor, s.old[k].changed
			}
			t.replicas = max(1, t.workers)
			s.stations = append(s.stations, t)
		}
	}
}

// station is the index of a service at a node, -1 = none.
func (s *cwd) station(v *core.View, node int, service string) int {
	for j := range v.Nodes[node].Services {
		if v.Nodes[node].Services[j].Name == service {
			return s.first[node] + j
		}
	}
	return -1
}

// learn takes in what calls took.
func (s *cwd) learn(v *core.View) {
	const weight = .3 // of the newest
	for i := range v.Queries {
		q := &v.Queries[i]
		if q.Camera == nil || len(q.Plan.Stages) != len(q.Query.Pipeline) {
			continue
		}
		for k, a := range q.Plan.Stages {
			quickest := math.Inf(1)
			for j := range q.Observations {
				if o := &q.Observations[j]; o.Revision == q.Plan.Revision && k < len(o.Calls) && o.Calls[k].Node == a.Node && o.Calls[k].Work > 0 {
					quickest = min(quickest, o.Calls[k].Work.Seconds())
				}
			}
			node := nodeAt(v, a.Node)
			if math.IsInf(quickest, 1) || node < 0 {
				continue
			}
			service := q.Query.Pipeline[k].Service
			at := s.station(v, node, service)
			w, ok := v.Predictor.Work(service, a.Model, target(&v.Nodes[node], q.Query.Node), q.Plan.Video.Resolution, objects(q))
			if at < 0 || !ok || w.Mean <= 0 {
				continue
			}
			t, x := &s.stations[at], quickest/w.Mean.Seconds()
			if t.factor == 0 {
				t.factor = x
			}
			t.factor += (x - t.factor) * weight
		}
	}
}

// mu is how many requests per second a replica serves in batches of b.
func (t *cwdStation) mu(b int) float64 {
	if !(t.busy > 0) {
		return math.Inf(1)
	}
	return float64(b) / batchTime(b, t.busy/t.rate, t.marginal)
}

// wait is the mean wait in a queue of arrivals at random, lambda per second, to be served in constant
// time, mu per second (M/D/1); with compat that of the public code, which is that of random
// times (M/M/1). Infinite from lambda = mu on.
func wait(lambda, mu float64, compat bool) float64 {
	rho := lambda / mu
	switch {
	case !(lambda > 0) || math.IsInf(mu, 1):
		return 0
	case !(rho < 1):
		return math.Inf(1)
	case compat:
		return rho * rho / (1 - rho) / lambda
	}
	return rho / (2 * mu * (1 - rho))
}

// latency is what a frame of the query takes as the stations and links are, seconds.
func (s *cwd) latency(v *core.View, x *cwdQuery) float64 {
	own := 0.0 // of its rate that does not count: a file's frames do not wait for each other
	if x.q.Camera.Mode == core.ModeFile {
		own = x.rate
	}
	sum := x.encode
	for i := range x.q.Query.Pipeline {
		g := &x.stages[i]
		side := cwdServer
		if g.edge {
			side = cwdEdge
		}
		t := &s.stations[s.station(v, g.node[side], x.q.Query.Pipeline[i].Service)]
		sum += wait(max(0, t.rate-own)/float64(t.replicas), t.mu(t.batch), s.Compat) + batchTime(t.batch, g.work[side], t.marginal)
		if g.node[side] == x.host {
			continue
		}
		l, back := &v.Links[g.up], &v.Links[g.down]
		busy := max(0, s.links[g.up]-own*g.in)
		sum += l.RTT.Seconds() + g.in/l.Rate + wait(busy/g.in, l.Rate/g.in, s.Compat) + g.out/back.Rate
	}
	return sum
}

// meets reports whether the query is predicted to stay within its bound.
func (s *cwd) meets(v *core.View, x *cwdQuery) bool {
	t := s.latency(v, x)
	return t*s.Safety <= x.bound && !math.IsInf(t, 1)
}

// count adds a stage to its station and link, or takes it away with sign -1.
func (s *cwd) count(v *core.View, x *cwdQuery, stage int, sign float64) {
	g := &x.stages[stage]
	side := cwdServer
	if g.edge {
		side = cwdEdge
	}
	t := &s.stations[s.station(v, g.node[side], x.q.Query.Pipeline[stage].Service)]
	t.users += int(sign)
	t.rate += sign * x.rate
	t.busy += sign * x.rate * g.work[side]
	if t.users == 0 {
		t.rate, t.busy = 0, 0
	}
	s.send(x, stage, sign)
}

// send adds what a stage is sent to its link, or takes it away with sign -1.
func (s *cwd) send(x *cwdQuery, stage int, sign float64) {
	if g := &x.stages[stage]; x.side(stage) != x.host {
		s.links[g.up] = max(0, s.links[g.up]+sign*x.rate*g.in)
	}
}
