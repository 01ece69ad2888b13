package world

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

const ms = core.Millisecond

type end struct {
	id uint64
	at core.Time
}

// ends pops the device's jobs as a driver does, each at its time.
func ends(d *Device) (got []end) {
	for d.Next() != core.Never {
		for {
			id, at, ok := d.Pop(d.Next())
			if !ok {
				break
			}
			got = append(got, end{id, at})
		}
	}
	return got
}

func TestDeviceWithRoomStretchesNobody(t *testing.T) {
	d := NewDevice(4)
	d.Start(0, 1, 100, 2)
	d.Start(7, 2, 50, 1)
	d.Start(13, 3, 44, 1)
	assert.Equal(t, []end{{2, 57}, {3, 57}, {1, 100}}, ends(&d))
	assert.Equal(t, core.Never, d.Next())
	assert.InDelta(t, (200+50+44)*1e-9, d.Busy(1000), 1e-15)
}

func TestDeviceSharesWhatIsTooLittle(t *testing.T) {
	d := NewDevice(1)
	d.Start(0, 1, 100*ms, 1)
	d.Start(0, 2, 100*ms, 1)
	d.Start(100*ms, 3, 25*ms, 1) // 1 and 2 have 50 ms each by now
	assert.Equal(t, []end{{3, 175 * ms}, {1, 225 * ms}, {2, 225 * ms}}, ends(&d))
	assert.InDelta(t, .225, d.Busy(core.Second), 1e-12)

	d = NewDevice(4)
	d.Start(0, 1, 60*ms, 4) // shares 4 + 2 on 4: all at 2/3
	d.Start(0, 2, 20*ms, 2)
	got := ends(&d)
	require.Len(t, got, 2)
	assert.Equal(t, uint64(2), got[0].id)
	assert.InDelta(t, float64(30*ms), float64(got[0].at), 1, "a rate that is no binary fraction is good to a ns")
	assert.InDelta(t, float64(70*ms), float64(got[1].at), 1)
}

func TestDeviceSlowsDown(t *testing.T) {
	d := NewDevice(2)
	d.Start(0, 1, 100*ms, 1)
	d.SetSlow(40*ms, 2)
	assert.Equal(t, 160*ms, d.Next())
	d.SetSlow(80*ms, 1)
	assert.Equal(t, []end{{1, 120 * ms}}, ends(&d))
	d.Start(200*ms, 2, 100, 1)
	assert.Equal(t, 200*ms+100, d.Next(), "exact again")
}

func TestDeviceOccupyAndCancel(t *testing.T) {
	d := NewDevice(1)
	d.Occupy(0, 1)
	d.Start(0, 1, 100*ms, 1)
	d.Start(0, 2, 10*ms, 0)
	assert.Equal(t, 20*ms, d.Next())
	d.Vacate(50*ms, 1)
	assert.True(t, d.Cancel(50*ms, 2))
	assert.False(t, d.Cancel(50*ms, 2))
	assert.Equal(t, 125*ms, d.Next())
	assert.Equal(t, 1.0, d.Utilization())
	d.Clear(60 * ms)
	assert.Equal(t, core.Never, d.Next())
	assert.Zero(t, d.Utilization())

	none := NewDevice(0)
	none.Start(0, 1, 1, 1)
	assert.Equal(t, core.Never, none.Next(), "without capacity no job ends")
}

// TestLateDeviceGivesTheSameAnswers: a real timer comes late; the ends are those of
// a driver in time.
func TestLateDeviceGivesTheSameAnswers(t *testing.T) {
	fill := func() Device {
		d := NewDevice(2)
		for i := range uint64(9) {
			d.Start(core.Time(i), i, core.Time(1000*(i+1)), .7)
		}
		return d
	}
	d, late := fill(), fill()
	var got []end
	for {
		id, at, ok := late.Pop(core.Second)
		if !ok {
			break
		}
		got = append(got, end{id, at})
	}
	assert.Equal(t, ends(&d), got)
}

// TestDeviceConservesWork: over random jobs, the capacity that was used is the work
// that was asked for, jobs end no earlier than alone, and order of insertion at one
// instant does not matter.
func TestDeviceConservesWork(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		type job struct {
			at, work core.Time
			share    float64
		}
		var jobs []job
		now, asked := core.Time(0), 0.0
		for range 100 {
			now += core.Time(r.IntN(3)) * core.Time(r.IntN(1000))
			j := job{now, core.Time(r.IntN(5000)), float64(r.IntN(4)) / 2}
			jobs = append(jobs, j)
			asked += j.work.Seconds() * j.share
		}
		run := func(d Device, backwards bool) map[uint64]core.Time {
			got := map[uint64]core.Time{}
			pop := func(until core.Time) {
				for d.Next() <= until && d.Next() != core.Never {
					if id, at, ok := d.Pop(d.Next()); ok {
						got[id] = at
					}
				}
			}
			for lo := 0; lo < len(jobs); {
				hi := lo
				for hi < len(jobs) && jobs[hi].at == jobs[lo].at {
					hi++
				}
				pop(jobs[lo].at - 1)
				for k := range hi - lo {
					i := lo + k
					if backwards {
						i = hi - 1 - k
					}
					d.Start(jobs[i].at, uint64(i), jobs[i].work, jobs[i].share)
				}
				lo = hi
			}
			pop(core.Never)
			require.InEpsilon(t, asked, d.Busy(core.Second), 1e-4)
			return got
		}
		got := run(NewDevice(2), false)
		require.Len(t, got, len(jobs))
		for i, j := range jobs {
			require.GreaterOrEqual(t, got[uint64(i)], j.at+j.work)
		}
		require.Equal(t, got, run(NewDevice(2), true))
	}
}
