package sim_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/core/coretest"
	"vidq/kb/world"
	"vidq/sim"
)

// unit is the mean service time of the queues below, in which times are given.
const unit = core.Millisecond

// queues is a chain of stations, each a service on a node of its own, or a link,
// driven by the kernel as any user of the package would.
type queues struct {
	k        sim.Kernel
	stations []*world.Node
	link     *world.Link // in place of stations
	timers   []sim.Timer
	jobs     []job
	arrive   func(i int) core.Time             // after job i-1
	work     func(i, station int) core.Time    // of job i; a byte takes a ns on the link
	done     func(i int, j *job, at core.Time) // in order of completion
	finished int
	d        world.Done
}

type job struct {
	arrived core.Time
	waited  core.Time
}

const arrival = 1 << 20 // reference of the arrivals' events

func newQueues(stations, servers, n int) *queues {
	q := &queues{jobs: make([]job, n)}
	for i := range stations {
		q.stations = append(q.stations, world.NewNode(world.NodeConfig{
			Capacity: core.Capacity{Cores: float64(servers)},
			Services: []world.ServiceConfig{{Name: "s", Workers: servers, Models: []world.Model{{Needs: core.Needs{CPU: 1}}}}},
		}))
		q.timers = append(q.timers, q.k.NewTimer(uint64(i), uint32(i)))
	}
	return q
}

func newLinkQueue(n int) *queues {
	q := &queues{jobs: make([]job, n), link: world.NewLink(world.LinkConfig{Rate: gigabyte{}})}
	q.timers = append(q.timers, q.k.NewTimer(0, 0))
	return q
}

type gigabyte struct{}

func (gigabyte) At(core.Time) (float64, core.Time) { return 1e9, core.Never }

// run lets all jobs through.
func (q *queues) run(t *testing.T) {
	t.Helper()
	next := 0
	schedule := func() {
		if next < len(q.jobs) {
			q.k.Schedule(sim.Event{At: q.k.Now() + q.arrive(next), Key: arrival + uint64(next), Ref: arrival})
		}
	}
	schedule()
	require.True(t, q.k.Run(core.Never, func(e sim.Event) {
		if e.Ref != arrival {
			q.pop(int(e.Ref))
			return
		}
		q.jobs[next].arrived = e.At
		q.enter(0, next)
		next++
		schedule()
	}))
	require.Equal(t, len(q.jobs), q.finished, "every job that came is done")
	require.Zero(t, q.k.Ties())
}

func (q *queues) enter(station, i int) {
	if q.link != nil {
		q.link.Transfer(q.k.Now(), uint64(i), float64(q.work(i, 0)), 0)
		q.k.Arm(q.timers[0], q.link.Next())
		return
	}
	n := q.stations[station]
	n.Call(q.k.Now(), 0, world.Request{ID: uint64(i), Work: q.work(i, station)})
	q.k.Arm(q.timers[station], n.Next())
}

func (q *queues) pop(station int) {
	if q.link != nil {
		for a, ok := q.link.Pop(q.k.Now()); ok; a, ok = q.link.Pop(q.k.Now()) {
			q.finish(int(a.ID), a.At)
		}
		q.k.Arm(q.timers[0], q.link.Next())
		return
	}
	n := q.stations[station]
	for n.Pop(q.k.Now(), &q.d) {
		i := int(q.d.ID)
		q.jobs[i].waited += q.d.Wait
		if station+1 < len(q.stations) {
			q.enter(station+1, i)
		} else {
			q.finish(i, q.d.At)
		}
	}
	q.k.Arm(q.timers[station], n.Next())
}

func (q *queues) finish(i int, at core.Time) {
	q.finished++
	q.done(i, &q.jobs[i], at)
}

// poisson makes the arrivals a Poisson process at a load of one server, and returns
// the stream for the rest.
func (q *queues) poisson(seed uint64, lambda float64) world.Stream {
	root := world.Root(seed, 0)
	arrivals := root.Name("arrivals").Stream()
	q.arrive = func(int) core.Time { return core.Time(arrivals.Exp() / lambda * float64(unit)) }
	return root.Name("work").Stream()
}

func exponential(s *world.Stream) func(i, station int) core.Time {
	return func(int, int) core.Time { return core.Time(s.Exp() * float64(unit)) }
}

// mean collects a mean in units.
type mean struct {
	sum float64
	n   int
}

func (m *mean) add(t core.Time) { m.sum += float64(t) / float64(unit); m.n++ }
func (m *mean) value() float64  { return m.sum / float64(m.n) }

// sdWait is the standard deviation of the mean wait of n customers in a row in an
// M/M/1 queue, service times of mean 1 (Daley, Stochastic Processes and their
// Applications 1968, also in Whitt, Management Science 1989).
func sdWait(rho float64, n int) float64 {
	c := rho * (2 + 5*rho - 4*rho*rho + rho*rho*rho) / math.Pow(1-rho, 4)
	return math.Sqrt(c / float64(n))
}

// waits runs a queue and returns the mean wait and sojourn of its jobs.
func waits(t *testing.T, q *queues) (wait, sojourn mean, waited int) {
	q.done = func(i int, j *job, at core.Time) {
		wait.add(j.waited)
		sojourn.add(at - j.arrived)
		if j.waited > 0 {
			waited++
		}
	}
	q.run(t)
	return wait, sojourn, waited
}

func TestMM1(t *testing.T) {
	for _, rho := range []float64{.5, .8, .9} {
		n := coretest.Cases(400_000)
		q := newQueues(1, 1, n)
		s := q.poisson(1, rho)
		q.work = exponential(&s)
		wait, sojourn, waited := waits(t, q)
		sd := sdWait(rho, n)
		assert.InDelta(t, rho/(1-rho), wait.value(), 4*sd, "rho %v", rho)
		assert.InDelta(t, 1/(1-rho), sojourn.value(), 4*(sd+1/math.Sqrt(float64(n))), "rho %v", rho)
		assert.InDelta(t, rho, float64(waited)/float64(n), 4*sd*(1-rho), "rho %v: part that waits", rho)
		cores, _ := q.stations[0].Busy(q.k.Now())
		assert.InDelta(t, rho, cores/q.k.Now().Seconds(), 4*math.Sqrt(2*rho/float64(n)), "rho %v: utilisation", rho)
	}
}

// TestMD1: the wait is half that of M/M/1, and varies less.
func TestMD1(t *testing.T) {
	const rho = .8
	n := coretest.Cases(400_000)
	q := newQueues(1, 1, n)
	q.poisson(2, rho)
	q.work = func(int, int) core.Time { return unit }
	wait, _, _ := waits(t, q)
	assert.InDelta(t, rho/(2*(1-rho)), wait.value(), 4*sdWait(rho, n)/2)
}

// A queue of eight servers moves, while all are busy, as one of a server eight times
// as fast does: its waits vary less than that one's, which are never shorter in the mean.
func sdWait8(lambda float64, n int) float64 { return sdWait(lambda/8, n) / 8 }

func TestMM8(t *testing.T) {
	const lambda = 6
	n := coretest.Cases(600_000)
	q := newQueues(1, 8, n)
	s := q.poisson(3, lambda)
	q.work = exponential(&s)
	wait, sojourn, waited := waits(t, q)
	sd := sdWait8(lambda, n)
	assert.InDelta(t, .178491, wait.value(), 4*sd)
	assert.InDelta(t, 1.178491, sojourn.value(), 4*(sd+1/math.Sqrt(float64(n))))
	assert.InDelta(t, .356981, float64(waited)/float64(n), 4*sd*(8-lambda), "Erlang C")
}

// TestTandem: by Burke's theorem each of five stations in a row is an M/M/8 queue
// of its own.
func TestTandem(t *testing.T) {
	const lambda = 6
	n := coretest.Cases(100_000)
	q := newQueues(5, 8, n)
	s := q.poisson(4, lambda)
	q.work = exponential(&s)
	_, sojourn, _ := waits(t, q)
	assert.InDelta(t, 5.892453, sojourn.value(), 4*(5*sdWait8(lambda, n)+math.Sqrt(5/float64(n))))
}

// TestProcessorSharing: the mean sojourn in an M/G/1 processor-sharing queue is
// 1/(1-rho) whatever the distribution of sizes (Kleinrock 1967; Sakata, Noguchi and
// Oizumi 1971). By Little's law its sample varies as that of M/M/1 in order of arrival.
func TestProcessorSharing(t *testing.T) {
	const rho = .8
	n := coretest.Cases(300_000)
	tol := 4 * (sdWait(rho, n) + 1/math.Sqrt(float64(n)))
	sizes := map[string]func(s *world.Stream) float64{
		"exponential": func(s *world.Stream) float64 { return s.Exp() },
		"equal":       func(*world.Stream) float64 { return 1 },
		"two kinds": func(s *world.Stream) float64 {
			if s.Uniform() < .5 {
				return .25
			}
			return 1.75
		},
	}
	for name, size := range sizes {
		q := newLinkQueue(n)
		s := q.poisson(5, rho)
		q.work = func(int, int) core.Time { return core.Time(size(&s) * float64(unit)) }
		_, sojourn, _ := waits(t, q)
		assert.InDelta(t, 1/(1-rho), sojourn.value(), tol, name)
		_, busy := q.link.Carried(q.k.Now())
		assert.InDelta(t, rho, busy.Seconds()/q.k.Now().Seconds(), 4*math.Sqrt(2*rho/float64(n)), name)
	}
}

// TestDeterministicPipeline is exact to the nanosecond: jobs at a fixed interval
// through three stations of fixed times.
func TestDeterministicPipeline(t *testing.T) {
	times := []core.Time{700_001, 900_017, 400_003}
	for _, tc := range []struct {
		name     string
		interval core.Time
		servers  int
	}{
		{"with room", 1_000_003, 1},
		{"first station too slow", 650_007, 1},
		{"second station too slow", 800_009, 1},
		{"two servers", 450_011, 2},
		{"two servers, too slow", 349_999, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := coretest.Cases(20_000)
			q := newQueues(len(times), tc.servers, n)
			q.arrive = func(int) core.Time { return tc.interval }
			q.work = func(_, station int) core.Time { return times[station] }
			free := make([][]core.Time, len(times)) // instants at which the servers are free
			for i := range free {
				free[i] = make([]core.Time, tc.servers)
			}
			q.done = func(i int, j *job, at core.Time) {
				want := core.Time(i+1) * tc.interval
				require.Equal(t, want, j.arrived)
				for s, w := range times {
					k := i % tc.servers // equal times: the servers take turns
					want = max(want, free[s][k]) + w
					free[s][k] = want
				}
				require.Equal(t, want, at, "job %d", i)
			}
			q.run(t)
		})
	}
}

// TestIntervalsCover: intervals of 95% from batch means hold the true mean in about
// 94% of runs; those that take customers for independent in far fewer. It is what
// a user of the simulator has to know about it.
func TestIntervalsCover(t *testing.T) {
	const n, batches, rho = 8_000, 20, .5
	runs := coretest.Cases(200)
	const want, t19 = rho / (1 - rho), 2.093 // quantile .975 of Student's t with 19 degrees of freedom
	covered, naive := 0, 0
	for r := range uint64(runs) {
		q := newQueues(1, 1, n)
		s := q.poisson(100+r, rho)
		q.work = exponential(&s)
		means := make([]float64, batches)
		single := make([]float64, 0, n)
		q.done = func(i int, j *job, _ core.Time) {
			w := float64(j.waited) / float64(unit)
			single = append(single, w)
			means[i*batches/n] += w / (n / batches)
		}
		q.run(t)
		if m, se := meanAndError(means); math.Abs(m-want) < t19*se {
			covered++
		}
		if m, se := meanAndError(single); math.Abs(m-want) < 1.96*se {
			naive++
		}
	}
	sd := math.Sqrt(.94 * .06 / float64(runs))
	assert.InDelta(t, .94, float64(covered)/float64(runs), 4*sd, "batch means")
	assert.Less(t, float64(naive)/float64(runs), .65, "naive")
}

func meanAndError(x []float64) (m, se float64) {
	for _, v := range x {
		m += v / float64(len(x))
	}
	for _, v := range x {
		se += (v - m) * (v - m)
	}
	return m, math.Sqrt(se / float64(len(x)-1) / float64(len(x)))
}
