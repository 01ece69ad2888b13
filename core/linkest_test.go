package core

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// linkWorld is a link whose transfers share its rate, and calls that cross it.
type linkWorld struct {
	rate     float64                // bytes/s
	delay    Time                   // each way
	overhead Time                   // of a call
	back     bool                   // whether the way back is told
	rateAt   func(now Time) float64 // instead of rate
	jitter   func() Time            // on top of the delay there
	see      func(now Time)         // after each look
	calls    []*linkCall
	meter    linkMeter
}

type linkCall struct {
	at, end   Time // called; arrived
	sent, got float64
	work      Time
	left      float64
	answered  Time
}

// run lets the link carry all calls until t and tells the meter of each answer, as a
// heartbeat each second looks at it.
func (w *linkWorld) run(t Time) {
	const tick = 100 * Microsecond
	slices.SortFunc(w.calls, func(a, b *linkCall) int { return cmp.Compare(a.at, b.at) })
	beat := Second
	var open []*linkCall
	for now := Time(0); now < t; now += tick {
		if w.rateAt != nil {
			w.rate = w.rateAt(now)
		}
		for len(w.calls) > 0 && w.calls[0].at <= now {
			open = append(open, w.calls[0])
			w.calls = w.calls[1:]
		}
		sharing := 0
		for _, c := range open {
			if c.end == 0 && c.at+w.overhead <= now {
				sharing++
			}
		}
		horizon := now
		for _, c := range open {
			if c.end == 0 && c.at+w.overhead <= now {
				if c.left -= w.rate * tick.Seconds() / float64(sharing); c.left <= 0 {
					c.end = now + tick + w.delay
					if w.jitter != nil {
						c.end += w.jitter()
					}
					c.answered = c.end + c.work + w.delay + FromSeconds(c.got/w.rate)
				}
			}
			horizon = min(horizon, c.at)
		}
		open = slices.DeleteFunc(open, func(c *linkCall) bool { return c.end > 0 && c.answered <= now && w.answer(now, c) })
		if now >= beat {
			beat += Second
			w.meter.fold(now, horizon)
			if w.see != nil {
				w.see(now)
			}
		}
	}
}

func (w *linkWorld) answer(now Time, c *linkCall) bool {
	p := callParts{work: c.work, there: c.end - c.at, back: c.answered - c.end - c.work}
	if !w.back {
		p.there, p.back = p.there+p.back, 0
	}
	w.meter.add(now, c.at, &p, c.sent, c.got)
	return true
}

func (w *linkWorld) add(at Time, sent, got float64, work Time) {
	w.calls = append(w.calls, &linkCall{at: at, sent: sent, left: sent, got: got, work: work})
}

func TestLinkEstimates(t *testing.T) {
	const rate = 2.5e6 // 20 Mbit/s
	tests := map[string]struct {
		within  float64
		silent  bool // the way back is not told
		traffic func(w *linkWorld, r *rand.Rand)
	}{
		"one after the other": {.02, false, func(w *linkWorld, r *rand.Rand) {
			for i := range Time(100) {
				w.add(i*80*Millisecond, 90_000+20_000*r.Float64(), 1000, 10*Millisecond)
				w.add(i*80*Millisecond+60*Millisecond, 2000, 500, 5*Millisecond)
			}
		}},
		"large calls only": {.06, false, func(w *linkWorld, r *rand.Rand) { // the call's overhead cannot be told from the transfer
			for i := range Time(100) {
				w.add(i*80*Millisecond, 100_000, 1000, 10*Millisecond)
			}
		}},
		"concurrent": {.03, false, func(w *linkWorld, r *rand.Rand) {
			w.add(0, 1000, 500, 0)
			for i := range Time(60) {
				for range 4 {
					w.add(100*Millisecond+i*130*Millisecond+Time(r.IntN(int(20*Millisecond))), 30_000+60_000*r.Float64(), 1000, Time(r.IntN(int(10*Millisecond))))
				}
			}
		}},
		"saturated": {.05, false, func(w *linkWorld, r *rand.Rand) {
			w.add(0, 1000, 500, 0)
			for i := range Time(160) { // 2.4 MB/s on average, in bursts
				w.add(50*Millisecond+i*50*Millisecond+Time(r.IntN(int(50*Millisecond))), 60_000+120_000*r.Float64(), 1000, Time(r.IntN(int(30*Millisecond))))
			}
		}},
		"way back not told": {.03, true, func(w *linkWorld, r *rand.Rand) {
			for i := range Time(90) {
				w.add(i*90*Millisecond, 90_000+20_000*r.Float64(), 1000, 10*Millisecond)
				w.add(i*90*Millisecond+65*Millisecond, 2000, 500, 5*Millisecond)
			}
		}},
		"key frames, way back not told": {.05, true, func(w *linkWorld, r *rand.Rand) {
			for i := range Time(80) {
				sent := 20_000 + 2000*r.Float64()
				if i%10 == 0 {
					sent *= 7
				}
				w.add(i*100*Millisecond, sent, 1000, 10*Millisecond)
			}
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := &linkWorld{rate: rate, delay: 10 * Millisecond, overhead: 2 * Millisecond, back: !test.silent}
			test.traffic(w, rand.New(rand.NewPCG(1, 2)))
			w.run(9 * Second)
			e := w.meter.estimate(9 * Second)
			t.Logf("%+v", e)
			require.Positive(t, e.Samples)
			assert.InEpsilon(t, rate, e.Rate, test.within)
			if !test.silent {
				assert.InDelta(t, 21.5, float64(e.RTT)/float64(Millisecond), 2)
			}
			assert.Less(t, e.Age, 2*Second)
			e = w.meter.estimate(25 * Second)
			assert.Equal(t, 0, e.Samples, "too old")
			assert.Zero(t, e.Rate)
		})
	}
}

func TestLinkIsNotGuessed(t *testing.T) {
	var l linkMeter
	assert.Equal(t, LinkEstimate{}, l.estimate(Second))
	small := callParts{there: 10 * Millisecond, back: 10 * Millisecond}
	for i := range Time(100) {
		l.add(i*100*Millisecond, i*100*Millisecond-20*Millisecond, &small, 1000, 200)
	}
	l.fold(10*Second, 10*Second)
	assert.Equal(t, LinkEstimate{RTT: 20 * Millisecond, Least: 100_000}, l.estimate(10*Second), "equal small calls tell the round trip, and how fast it is at least")

	medium := callParts{there: 15 * Millisecond, back: 10 * Millisecond} // 30 kB in 5 ms
	l.add(11*Second, 11*Second-25*Millisecond, &medium, 30_000, 200)
	l.fold(12*Second, 12*Second)
	assert.Zero(t, l.estimate(12*Second).Samples, "below 64 kB and 5 round trips")
	slow := callParts{there: 210 * Millisecond, back: 10 * Millisecond}
	l.add(13*Second, 13*Second-220*Millisecond, &slow, 31_000, 200)
	l.fold(14*Second, 14*Second-Second-230*Millisecond)
	assert.Zero(t, l.estimate(14*Second).Samples, "another call may overlap with it")
	l.fold(14*Second, 14*Second)
	e := l.estimate(14 * Second)
	assert.Equal(t, 1, e.Samples)
	assert.InEpsilon(t, 150_000, e.Rate, 1e-6, "(31,000 - 1,000) bytes in (210 - 10) ms")
	assert.Equal(t, 14*Second-(13*Second-20*Millisecond), e.Age)

	equal := linkMeter{}
	for i := range Time(50) {
		p := callParts{there: 60*Millisecond + i%3*Millisecond}
		equal.add(i*100*Millisecond, i*100*Millisecond-60*Millisecond, &p, 100_000, 100)
	}
	equal.fold(5*Second, 5*Second)
	assert.Zero(t, equal.estimate(5*Second).Samples, "large calls alone, the way back unknown: nothing tells the latency from the transfer")
}

func TestLinkMinimumForgets(t *testing.T) {
	var m linkMinimum
	m.add(Second, 10, 1)
	m.add(2*Second, 20, 2)
	assert.Equal(t, linkReading{10, 1, true}, m.get(3*Second))
	m.add(31*Second, 30, 3)
	assert.Equal(t, Time(10), m.get(32*Second).time)
	m.add(62*Second, 40, 4)
	assert.Equal(t, Time(30), m.get(63*Second).time)
	assert.False(t, m.get(500*Second).ok)
}

func TestLinkMemoryIsBounded(t *testing.T) {
	var l linkMeter
	p := callParts{there: 100 * Millisecond, back: Millisecond}
	for i := range Time(50_000) {
		now := Second + i*Millisecond
		l.add(now, now-101*Millisecond, &p, 100_000, 100)
		if l.full() {
			l.fold(now, now-101*Millisecond)
		}
		require.LessOrEqual(t, len(l.open), linkOpen)
	}
	l.fold(52*Second, 52*Second)
	assert.LessOrEqual(t, len(l.samples), linkSamples)
	for range 3 { // a call without answer
		for range linkOpen {
			l.add(60*Second, 60*Second-101*Millisecond, &p, 100_000, 100)
		}
		l.fold(60*Second, 50*Second)
	}
	assert.Less(t, len(l.open), linkOpen)
}

func TestWindow(t *testing.T) {
	var w Window
	assert.Equal(t, RuntimeInfo{}, w.Info())
	add := func(latency Time, objects float64, known bool) {
		w.Add(&Observation{Latency: latency, RoundTrip: latency, Gap: 2, Objects: objects, Size: 100 * objects, Area: objects / 100, Known: known})
	}
	add(10, 0, false)
	assert.Equal(t, RuntimeInfo{Frames: 1, Delay: 5, Latency: 10, LatencyP95: 10}, w.Info())
	for range 4 {
		add(10, 4, true)
	}
	assert.False(t, w.Info().ObjStable, "four frames do not tell")
	add(10, 4, true)
	assert.Equal(t, RuntimeInfo{
		Frames: 6, Delay: 5, Latency: 10, LatencyP95: 10, ObjN: 4, ObjSize: 400, ObjArea: .04, ObjKnown: true, ObjStable: true,
	}, w.Info())
	add(10, 0, true)
	assert.False(t, w.Info().ObjStable)
	assert.Equal(t, 400., w.Info().ObjSize, "an empty picture has no sizes")
	w.Reset()
	assert.Equal(t, RuntimeInfo{}, w.Info())

	r := rand.New(rand.NewPCG(1, 2))
	var all []Time
	for n := range 200 {
		x := Time(r.IntN(1000))
		all = append(all, x)
		add(x, 1, true)
		last := slices.Clone(all[max(0, len(all)-WindowFrames):])
		slices.Sort(last)
		rank := int(math.Ceil(.95 * float64(len(last))))
		require.Equal(t, last[rank-1], w.Info().LatencyP95, "after %d", n)
		require.Equal(t, len(last), w.Info().Frames)
	}
	assert.Zero(t, testing.AllocsPerRun(100, func() { add(1, 1, true); w.Info() }))
}

func TestDeadlineTable(t *testing.T) {
	var d deadlines
	r := rand.New(rand.NewPCG(1, 2))
	want := make([]Time, 40)
	for i := range want {
		d.add()
		want[i] = Never
	}
	now := Time(0)
	for range 20_000 {
		id := r.IntN(len(want))
		at := now + 1 + Time(r.IntN(50))
		switch r.IntN(4) {
		case 0:
			d.set(int32(id), at)
			want[id] = at
		case 1:
			d.atMost(int32(id), at)
			want[id] = min(want[id], at)
		case 2:
			d.clear(int32(id))
			want[id] = Never
		case 3:
			now += Time(r.IntN(3))
			for {
				first := slices.Index(want, slices.Min(want))
				id, ok := d.pop(now)
				require.Equal(t, want[first] <= now, ok)
				if !ok {
					break
				}
				require.Equal(t, first, int(id), "by instant, then id")
				want[first] = Never
			}
		}
		require.Equal(t, slices.Min(want), d.next())
	}
}

func TestDeque(t *testing.T) {
	var d deque[int]
	var want []int
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 10_000 {
		switch k := r.IntN(5); {
		case k < 3:
			*d.push() = i
			want = append(want, i)
		case len(want) > 0 && k == 3:
			require.Equal(t, want[0], *d.pop())
			want = want[1:]
		case len(want) > 0:
			j := r.IntN(len(want))
			d.remove(j)
			want = slices.Delete(want, j, j+1)
		}
		require.Equal(t, len(want), d.len())
		if n := len(want); n > 0 {
			j := r.IntN(n)
			require.Equal(t, want[j], *d.at(j))
		}
	}
}
