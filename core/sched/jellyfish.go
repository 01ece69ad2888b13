package sched

import (
	"math"
	"slices"

	"vidq/core"
)

func init() {
	Register("jellyfish", "clients mapped to workers by dynamic programming within their end-to-end budgets, the workers' models chosen by annealing",
		jellyfishConfig{FPS: 15, MaxBatch: 12, Start: .0125, End: .0005, Cooling: .99, Hold: 30 * core.Second, InFlight: 2, Buffer: 1},
		func(c jellyfishConfig, d Deps) (core.Scheduler, error) {
			if c.End > c.Start {
				return nil, &Error{Key: "end", Msg: "must not be above start"}
			}
			return &jellyfish{jellyfishConfig: c, seed: d.Seed}, nil
		})
}

// jellyfishConfig's defaults are those of the public code (vuhpdc/jellyfish) where not said otherwise.
type jellyfishConfig struct {
	FPS      float64   `toml:"fps" knob:"fps" min:"0.01" max:"1000" doc:"frames per second that every client sends; the experiments have 15 and 25"`
	MaxBatch int       `toml:"max_batch" min:"1" max:"64" doc:"largest batch of a worker"`
	Start    float64   `toml:"start" min:"0.000001" max:"1000" doc:"first temperature of the annealing"`
	End      float64   `toml:"end" min:"0.000001" max:"1000" doc:"last temperature"`
	Cooling  float64   `toml:"cooling" min:"0.5" max:"0.9999" search:"0.9..0.998" doc:"factor of the temperature at each step"`
	Hold     core.Time `toml:"hold" min:"0" doc:"from a worker's change of network to the next one for more accuracy (chosen here: a network takes seconds to load, which the paper leaves out); 0s = as published"`
	InFlight int       `toml:"in_flight" min:"1" max:"64" doc:"frames of a live query under way at once (chosen here: clients do not wait for results)"`
	Buffer   int       `toml:"buffer" min:"1" max:"1000" doc:"frames that wait when the window is full; 1 = the newest only (chosen here)"`
}

// jellyfish is Nigade et al., "Jellyfish: Timely Inference Serving for Dynamic Edge
// Networks" (RTSS 2022). A worker has one model active at a time; a client, here a query,
// sends its frames in the size of the model of the worker that it is mapped to. A
// client's budget at a model is its bound less the network time of such a frame; it may be
// in batches of b if
//
//	budget >= 2 * l(model, b)
//
// a batch that it waits for and its own. The workers, the most accurate model first, each
// take the subset of the clients left that has the most frames per second within the
// throughput of the largest batch that its tightest member allows: a subset sum for each
// prefix of the clients in descending order of what they allow. The models are chosen by
// simulated annealing: a phase that only degrades, until all clients that can be served are
// mapped, then one that moves models both ways and keeps them mapped, for the most
// accuracy per request.
//
// What is a model there (17 input sizes of one network) is here a resolution, a quality of
// the encoder and a model of the stages' services, of which those are kept that no other beats in
// accuracy, work and bytes. A worker is a node for the queries of one pipeline: its
// services' workers take batches alike, and l is the sum over the stages.
//
// Deviations. Bandwidth: a client counts on an equal share of the measured rate of its
// link, since here clients of one host share it. Services that several pipelines use are
// divided among them, and so are a node's gpu slots among those that it could run.
// Throughput is that of the busiest stage or device. As there l is a profile, nothing that
// is measured on: the belief's for a typical picture. Frames per second are rounded up to
// integers in the subset sum where clients differ in them, as in the code; where a worker
// could take more than 2048 of them it takes the clients in order. In a step of the
// annealing each worker moves, as there, but no more than four on average, and the steps
// are fewer where there are many clients and workers, at least 8: the next round goes on
// from the models that are active. A worker that has loaded another network does not load a
// better one for a while. Clients that cannot be mapped are served as well as it goes, at
// the lowest rate, and not dropped. The rounds are the scenario's; the code's are .5 s apart.
//
// As published it does not adapt the rate, and budgets know means of the network only.
type jellyfish struct {
	jellyfishConfig
	seed    uint64
	active  []jellyActive // what the workers had in the last round
	apps    []jellyApp
	clients []jellyClient
	workers []jellyWorker
	routes  []jellyRoute // of (host, node)
	perHost []int        // clients of each node
	tenants []int        // applications that each node could run
	frames  []jellyFrame // of (client, resolution, quality)
	byQuery []int        // clients in the order of the view
	shared  []jellyShared

	seats  []jellySeat // scratch of mapping: clients that a worker can take
	rank   []int       // workers, the most accurate first
	ranks  []int       // scratch of load: models of the stages
	sums   []uint64    // reachable sums, a row for each seat and one more
	now    jellyTry
	next   jellyTry
	best   jellyTry
	levels struct{ resolution, quality int }
}

// jellyActive is what is remembered of a worker.
type jellyActive struct {
	app      uint64 // its pipeline
	node     core.NodeID
	accuracy float64   // of its model
	changed  core.Time // when it last got another one
}

// jellyApp is all queries of one pipeline.
type jellyApp struct {
	id          uint64 // of the pipeline
	first, have int    // clients
	at, workers int    // first worker and number
}

type jellyClient struct {
	q      *core.QueryView
	app    int
	host   int // index of the node
	widest int // index of the largest resolution that its camera has
	fps    float64
	bound  float64 // seconds from capture to result
	served bool    // it can be, by some worker
	was    int     // worker of its present plan, -1 = none
}

// jellyWorker is a node for one application.
type jellyWorker struct {
	app, node int
	ladder    []jellyModel // descending in accuracy
	was       int          // in it, when the round began
	held      bool         // it may not load another network for more accuracy
	changed   core.Time
}

// jellyModel is what a worker may have active.
type jellyModel struct {
	resolution, quality, model int
	accuracy                   float64
	work                       float64 // seconds of a frame alone, all stages
	slowest                    float64 // seconds of a frame at what is busiest, a stage's workers, the cores or the gpu slots, by their number
	marginal                   float64
	bytes                      float64 // of a frame
}

// jellyFrame is what a client's frame is at a resolution and quality.
type jellyFrame struct{ encode, up, down float64 } // seconds, bytes

// jellyRoute is what the network takes between a host and another node.
type jellyRoute struct{ rtt, up, down float64 } // seconds of one call, seconds per byte; up 0 = none

// jellyShared is how many pipelines use a service.
type jellyShared struct {
	service string
	apps    int
}

// jellyTry is a choice of models and what came of it.
type jellyTry struct {
	model  []int // of each worker, in its ladder
	at     []int // worker of each client, -1 = none
	batch  []int // of each worker
	fps    []float64
	mapped float64 // frames per second of the mapped clients
	value  float64 // accuracy that they get, summed over those
}

func (t *jellyTry) copy(o *jellyTry) {
	t.model, t.at = append(t.model[:0], o.model...), append(t.at[:0], o.at...)
	t.batch, t.fps = append(t.batch[:0], o.batch...), append(t.fps[:0], o.fps...)
	t.mapped, t.value = o.mapped, o.value
}

const (
	jellySums   = 2048 // frames per second up to which subsets are summed exactly
	jellyVisits = 1e6  // pairs of client and worker that a round's annealing looks at
	jellyMoves  = 4    // workers that move in a step on average, at most
)

// Schedule implements core.Scheduler.
func (s *jellyfish) Schedule(v *core.View, d *core.Decision) {
	k := &v.Knobs
	if v.Predictor == nil || len(k.FPS) == 0 || len(k.Resolutions) == 0 || len(k.Encoders) == 0 {
		return
	}
	s.levels.resolution, s.levels.quality = len(k.Resolutions), max(1, len(k.Encoders[0].Qualities))
	s.gather(v)
	s.equip(v)
	s.recall(v)
	s.anneal(v)
	s.remember(v)
	s.settings(v, d)
	s.plans(v, d)
	clear(s.clients[:cap(s.clients)]) // let go of the view
}

// batchLimit is the largest batch, up to most, of which a request with the budget can wait for one
// and be in the next; 0 = none. Alone a request takes work, in a batch each further one
// marginal times that. All in seconds.
func batchLimit(budget, work, marginal float64, most int) int {
	if !(budget >= 2*work) {
		return 0
	}
	b := 1
	for b < most && budget >= 2*batchTime(b+1, work, marginal)-1e-12 {
		b++
	}
	return b
}

// batchTime is what a batch of n takes.
func batchTime(n int, work, marginal float64) float64 {
	return work * core.Work{Marginal: marginal}.Batch(n)
}

// throughput is how many frames per second a worker serves in batches of b.
func (m *jellyModel) throughput(b int) float64 {
	if !(m.slowest > 0) {
		return math.Inf(1)
	}
	return float64(b) / batchTime(b, m.slowest, m.marginal)
}

// limit is the largest batch that client i allows at worker w with model m.
func (s *jellyfish) limit(i, w int, m *jellyModel) int {
	c := &s.clients[i]
	f := &s.frames[(i*s.levels.resolution+m.resolution)*s.levels.quality+m.quality]
	t := f.encode
	if node := s.workers[w].node; node != c.host {
		r := &s.routes[c.host*len(s.perHost)+node]
		if r.up == 0 {
			return 0
		}
		t += r.rtt + f.up*r.up*float64(s.perHost[c.host]) + f.down*r.down
	}
	return batchLimit(c.bound-t, m.work, m.marginal, s.MaxBatch)
}

// mapClients maps the clients under the models of t.
func (s *jellyfish) mapClients(t *jellyTry) {
	t.mapped, t.value = 0, 0
	t.at, t.batch, t.fps = t.at[:0], t.batch[:0], t.fps[:0]
	for range s.clients {
		t.at = append(t.at, -1)
	}
	s.rank = s.rank[:0]
	for w := range s.workers {
		s.rank = append(s.rank, w)
		t.batch, t.fps = append(t.batch, 1), append(t.fps, 0)
	}
	slices.SortFunc(s.rank, func(a, b int) int {
		switch x, y := s.model(t, a).accuracy, s.model(t, b).accuracy; {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return a - b
	})
	for _, w := range s.rank {
		s.fill(t, w)
	}
}

func (s *jellyfish) model(t *jellyTry, w int) *jellyModel { return &s.workers[w].ladder[t.model[w]] }

// jellySeat is a client that a worker can take.
type jellySeat struct {
	client int
	limit  int  // largest batch that it allows
	here   bool // it is at the worker already
}

// fill gives worker w its clients.
func (s *jellyfish) fill(t *jellyTry, w int) {
	m, app := s.model(t, w), &s.apps[s.workers[w].app]
	s.seats = s.seats[:0]
	equal := true
	for i := app.first; i < app.first+app.have; i++ {
		if t.at[i] >= 0 || !s.clients[i].served {
			continue
		}
		if b := s.limit(i, w, m); b > 0 {
			s.seats = append(s.seats, jellySeat{i, b, s.clients[i].was == w})
			equal = equal && s.clients[i].fps == s.clients[s.seats[0].client].fps
		}
	}
	if len(s.seats) == 0 {
		return
	}
	slices.SortFunc(s.seats, func(a, b jellySeat) int { // who allows most first, then who is here already
		switch {
		case a.limit != b.limit:
			return b.limit - a.limit
		case a.here != b.here && a.here:
			return -1
		case a.here != b.here:
			return 1
		}
		return a.client - b.client
	})
	if most := m.throughput(s.seats[0].limit); equal || most > jellySums {
		s.seats = s.seats[:s.leading(m)]
	} else {
		s.subset(m, int(most))
	}
	for _, seat := range s.seats {
		c := &s.clients[seat.client]
		t.at[seat.client], t.batch[w] = w, seat.limit
		t.fps[w] += c.fps
		t.mapped += c.fps
		t.value += float64(c.fps * m.accuracy)
	}
}

// leading is how many seats to take in order for the most frames per second: where the rates are
// equal that is the best subset.
func (s *jellyfish) leading(m *jellyModel) (count int) {
	best := 0.0
	for from := 0; from < len(s.seats); { // for each limit the clients that allow it
		b := s.seats[from].limit
		for from < len(s.seats) && s.seats[from].limit == b {
			from++
		}
		total, n, most := 0.0, 0, m.throughput(b)+1e-9
		for n < from && total+s.clients[s.seats[n].client].fps <= most {
			total += s.clients[s.seats[n].client].fps
			n++
		}
		if total > best {
			best, count = total, n
		}
	}
	return count
}

// subset keeps the seats of the best subset; most is the largest throughput in question.
func (s *jellyfish) subset(m *jellyModel, most int) {
	words := most/64 + 1
	need := (len(s.seats) + 1) * words
	s.sums = slices.Grow(s.sums[:0], need)[:need] // bit x of row n: the first n can have the sum x
	clear(s.sums[:words])
	s.sums[0] = 1
	best, last := 0, 0
	for n := range s.seats {
		row, next := s.sums[n*words:(n+1)*words], s.sums[(n+1)*words:(n+2)*words]
		shifted(next, row, s.units(n))
		for k := range next {
			next[k] |= row[k]
		}
		if b := s.seats[n].limit; n+1 == len(s.seats) || s.seats[n+1].limit < b {
			if sum := highest(next, int(min(float64(most), m.throughput(b)+1e-9))); sum > best {
				best, last = sum, n+1
			}
		}
	}
	taken := len(s.seats) // from here on the seats that are kept
	for n := last; n > 0 && best > 0; n-- {
		if s.sums[(n-1)*words+best/64]>>(best%64)&1 == 1 {
			continue // reached without it
		}
		best -= s.units(n - 1)
		taken--
		s.seats[taken], s.seats[n-1] = s.seats[n-1], s.seats[taken]
	}
	s.seats = s.seats[taken:]
}

// units is a client's rate as it counts in sums.
func (s *jellyfish) units(seat int) int {
	return int(min(math.Ceil(s.clients[s.seats[seat].client].fps-1e-9), 1<<20))
}

// shifted sets dst to the bits of src moved up by n.
func shifted(dst, src []uint64, n int) {
	clear(dst)
	for k := n / 64; k < len(dst); k++ {
		dst[k] = src[k-n/64] << (n % 64)
		if j := k - n/64 - 1; j >= 0 && n%64 > 0 {
			dst[k] |= src[j] >> (64 - n%64)
		}
	}
}

// highest is the highest bit that is set, at most limit.
func highest(bits []uint64, limit int) int {
	for k := min(limit, len(bits)*64-1); k > 0; k-- {
		if bits[k/64]>>(k%64)&1 == 1 {
			return k
		}
	}
	return 0
}
