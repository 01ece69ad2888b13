package world

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

// steps is a rate in steps of one second.
type steps []float64

func (s steps) At(t core.Time) (float64, core.Time) {
	i := int(t / core.Second)
	if i >= len(s)-1 {
		return s[len(s)-1], core.Never
	}
	return s[i], core.Time(i+1) * core.Second
}

// arrivals pops the link as a driver does.
func arrivals(l *Link) (got []Arrival) {
	for l.Next() != core.Never {
		now := l.Next()
		for {
			a, ok := l.Pop(now)
			if !ok {
				break
			}
			got = append(got, a)
		}
	}
	return got
}

func TestTransferAloneIsExact(t *testing.T) {
	l := NewLink(LinkConfig{Rate: steps{2.5e6}, Delay: 10 * ms})
	l.Transfer(0, 1, 250_000, 0)
	l.Transfer(core.Second, 2, 25_000, 0)
	l.Transfer(core.Second+20*ms, 3, 1, 0)
	l.Transfer(core.Second+20*ms+400, 4, 0, 0)
	assert.Equal(t, []Arrival{
		{ID: 1, At: 110 * ms},
		{ID: 2, At: core.Second + 20*ms},
		{ID: 3, At: core.Second + 30*ms + 400},
		{ID: 4, At: core.Second + 30*ms + 400},
	}, arrivals(l))
	bytes, busy := l.Carried(2 * core.Second)
	assert.Equal(t, 275_001.0, bytes)
	assert.Equal(t, 110*ms+400, busy)
}

func TestTransfersShareTheRate(t *testing.T) {
	l := NewLink(LinkConfig{Rate: steps{1e6}})
	l.Transfer(0, 1, 100_000, 0)
	l.Transfer(0, 2, 100_000, 0)
	l.Transfer(100*ms, 3, 25_000, 0) // the others have sent half by now
	assert.Equal(t, 3, l.Active(100*ms))
	assert.Equal(t, []Arrival{{ID: 3, At: 175 * ms}, {ID: 1, At: 225 * ms}, {ID: 2, At: 225 * ms}}, arrivals(l))
	bytes, busy := l.Carried(core.Second)
	assert.Equal(t, 225_000.0, bytes)
	assert.Equal(t, 225*ms, busy)
}

func TestTransferFollowsTheTrace(t *testing.T) {
	l := NewLink(LinkConfig{Rate: steps{1e6, 0, 2e6}, Delay: ms})
	l.Transfer(900*ms, 1, 300_000, 0)
	half, _ := l.Carried(1500 * ms)
	assert.Equal(t, 100_000.0, half)
	assert.Zero(t, l.Rate(1500*ms))
	assert.Equal(t, []Arrival{{ID: 1, At: 2101 * ms}}, arrivals(l))
	_, busy := l.Carried(5 * core.Second)
	assert.Equal(t, 200*ms, busy, "a stalled link is not busy")
}

func TestMessagesTakeTheDelayOnly(t *testing.T) {
	l := NewLink(LinkConfig{Rate: steps{1}, Delay: 5 * ms})
	l.Transfer(0, 1, 1e6, 0)
	l.Message(ms, 2, 0)
	assert.Equal(t, 6*ms, l.Next())
	_, ok := l.Pop(5 * ms)
	assert.False(t, ok)
	a, ok := l.Pop(6 * ms)
	assert.True(t, ok)
	assert.Equal(t, Arrival{ID: 2, At: 6 * ms}, a)
}

func TestFaultsOfALink(t *testing.T) {
	l := NewLink(LinkConfig{Rate: steps{1e6}, Delay: ms})
	l.Transfer(0, 1, 100_000, 0)
	l.Message(49*ms+500*core.Microsecond, 9, 0)
	l.Impair(50*ms, Impairment{Down: true})
	l.Message(60*ms, 2, 0)
	a, ok := l.Pop(60 * ms)
	assert.True(t, ok)
	assert.Equal(t, Arrival{ID: 9, At: 50500 * core.Microsecond}, a, "what was on its way arrives")
	a, ok = l.Pop(61 * ms)
	assert.True(t, ok)
	assert.Equal(t, Arrival{ID: 2, At: 61 * ms, Lost: true}, a)
	assert.Equal(t, core.Never, l.Next(), "transfers stall")
	l.Impair(150*ms, Impairment{Rate: 5e5, Delay: 2 * ms})
	assert.Equal(t, []Arrival{{ID: 1, At: 253 * ms}}, arrivals(l))
	l.Impair(300*ms, Impairment{})
	l.Transfer(300*ms, 3, 1000, 0)
	assert.Equal(t, []Arrival{{ID: 3, At: 302 * ms}}, arrivals(l))
}

// docs/scenario.md: a fault's rate is an upper bound, a trace below it counts.
func TestRateOfAFaultIsAnUpperBound(t *testing.T) {
	l := NewLink(LinkConfig{Rate: steps{2e6, 1e5, 4e6}})
	l.Impair(0, Impairment{Rate: 5e5})
	for at, want := range map[core.Time]float64{0: 5e5, core.Second: 1e5, 2 * core.Second: 5e5} {
		l := *l
		assert.Equal(t, want, l.Rate(at), "%v", at)
	}
}

func TestCancelledTransferFreesTheRate(t *testing.T) {
	l := NewLink(LinkConfig{Rate: steps{1e6}})
	l.Transfer(0, 1, 100_000, 0)
	l.Transfer(0, 2, 100_000, 0)
	assert.True(t, l.Cancel(100*ms, 1))
	assert.False(t, l.Cancel(100*ms, 1))
	assert.Equal(t, []Arrival{{ID: 2, At: 150 * ms}}, arrivals(l))
	bytes, _ := l.Carried(core.Second)
	assert.Equal(t, 150_000.0, bytes)
}

func TestLossAndJitterAreKeyed(t *testing.T) {
	const n = 20_000
	draw := func(order func(i uint64) uint64) map[uint64]Arrival {
		l := NewLink(LinkConfig{Rate: steps{1e9}, Delay: ms, Jitter: ms, Loss: .1, Key: Root(1, 0).Name("link")})
		for i := range uint64(n) {
			k := order(i)
			l.Message(0, k, Root(1, 0).With(k))
		}
		got := map[uint64]Arrival{}
		for _, a := range arrivals(l) {
			got[a.ID] = a
		}
		return got
	}
	got := draw(func(i uint64) uint64 { return i })
	assert.Equal(t, got, draw(func(i uint64) uint64 { return n - 1 - i }))
	lost, mean := 0.0, 0.0
	for _, a := range got {
		if a.Lost {
			lost++
		}
		require.GreaterOrEqual(t, a.At, ms)
		require.Less(t, a.At, 2*ms)
		mean += a.At.Seconds() / n
	}
	assert.InDelta(t, .1, lost/n, 4*math.Sqrt(.09/n))
	assert.InDelta(t, .0015, mean, 4*.001/math.Sqrt(12*n))
}

func TestLateLinkGivesTheSameAnswers(t *testing.T) {
	fill := func() *Link {
		l := NewLink(LinkConfig{Rate: steps{1e6, 3e5, 2e6}, Delay: ms, Jitter: 20 * ms})
		for i := range uint64(20) {
			l.Transfer(core.Time(i)*10*ms, i, float64(1+i*7919%50_000), Key(i))
		}
		return l
	}
	late := fill()
	var got []Arrival
	for {
		a, ok := late.Pop(core.Minute)
		if !ok {
			break
		}
		got = append(got, a)
	}
	require.Len(t, got, 20)
	assert.Equal(t, arrivals(fill()), got)
}

func TestIdleLinkSkipsItsTrace(t *testing.T) {
	calls := 0
	l := NewLink(LinkConfig{Rate: counted{&calls}})
	l.Transfer(core.Hour, 1, 1000, 0)
	assert.Less(t, calls, 5)
	assert.Equal(t, []Arrival{{ID: 1, At: core.Hour + ms}}, arrivals(l))
}

type counted struct{ calls *int }

func (c counted) At(t core.Time) (float64, core.Time) {
	*c.calls++
	return 1e6, t - t%ms + ms
}
