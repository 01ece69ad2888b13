package sim

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

// runAll handles everything that is pending and returns it in the order in which
// it happened.
func runAll(t *testing.T, k *Kernel) []Event {
	t.Helper()
	var got []Event
	require.True(t, k.Run(core.Never, func(e Event) {
		require.Equal(t, e.At, k.Now())
		got = append(got, e)
	}))
	return got
}

func byTime(a, b Event) int {
	return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Ref, b.Ref))
}

func TestKernelHandlesEventsInOrder(t *testing.T) {
	var k Kernel
	for _, e := range []Event{{30, 1, 5}, {10, 2, 6}, {10, 1, 7}, {20, 9, 8}} {
		k.Schedule(e)
	}
	assert.Equal(t, 4, k.Pending())
	assert.Equal(t, core.Time(10), k.Next())
	assert.Equal(t, []Event{{10, 1, 7}, {10, 2, 6}, {20, 9, 8}, {30, 1, 5}}, runAll(t, &k))
	assert.Equal(t, uint64(4), k.Events())
	assert.Zero(t, k.Ties())
	assert.Zero(t, k.Pending())
	assert.Equal(t, core.Never, k.Next())
}

func TestRunStopsAtUntil(t *testing.T) {
	var k Kernel
	n := 0
	k.Schedule(Event{At: 10})
	every := func(e Event) {
		n++
		e.At += 10
		k.Schedule(e)
	}
	assert.True(t, k.Run(30, every), "an event at the end of the period belongs to it")
	assert.Equal(t, 3, n)
	assert.True(t, k.Run(35, every))
	assert.Equal(t, 3, n)
	assert.Equal(t, core.Time(35), k.Now())
	assert.True(t, k.Run(20, every), "a period that is past is nothing")
	assert.Equal(t, core.Time(35), k.Now())
}

// widths are ways for events to be spread over time: dense, sparse, in bursts, over
// many scales. Each is a shape that a queue of buckets has to cope with.
var widths = map[string]func(r *rand.Rand) core.Time{
	"instant": func(*rand.Rand) core.Time { return 0 },
	"few":     func(r *rand.Rand) core.Time { return core.Time(r.IntN(3)) },
	"dense":   func(r *rand.Rand) core.Time { return core.Time(r.IntN(100)) },
	"uniform": func(r *rand.Rand) core.Time { return core.Time(r.IntN(int(core.Second))) },
	"bursts":  func(r *rand.Rand) core.Time { return core.Time(r.IntN(3)) * core.Second },
	"scales":  func(r *rand.Rand) core.Time { return core.Time(r.Uint64() >> (20 + r.UintN(44))) },
	"years":   func(r *rand.Rand) core.Time { return core.Time(r.IntN(2)) * 3000 * core.Hour },
}

func TestKernelAgreesWithSorting(t *testing.T) {
	for name, delay := range widths {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			var k Kernel
			var want, got []Event
			add := func() {
				e := Event{k.Now() + delay(r), r.Uint64N(50), uint32(len(want))}
				want = append(want, e)
				k.Schedule(e)
			}
			for range 500 {
				add()
			}
			k.Run(core.Never, func(e Event) {
				got = append(got, e)
				for n := r.IntN(3); n > 0 && len(want) < 30_000; n-- {
					add()
				}
				if len(want) < 30_000 && k.Pending() < 10 {
					add()
				}
			})
			require.Equal(t, len(want), len(got))
			require.True(t, slices.IsSortedFunc(got, func(a, b Event) int {
				return cmp.Compare(a.At, b.At)
			}), "time never goes back; what comes in at the present instant may have a smaller key")
			slices.SortFunc(want, byTime)
			slices.SortFunc(got, byTime)
			assert.Equal(t, want, got)
		})
	}
}

func TestOrderDoesNotDependOnScheduling(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for name, delay := range widths {
		events := make([]Event, 5000)
		for i := range events {
			events[i] = Event{delay(r), uint64(i), uint32(i)}
		}
		want := slices.Clone(events)
		slices.SortFunc(want, byTime)
		for range 5 {
			r.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
			var k Kernel
			for _, e := range events {
				k.Schedule(e)
			}
			require.Equal(t, want, runAll(t, &k), name)
			require.Zero(t, k.Ties())
		}
	}
}

func TestTiesAreCounted(t *testing.T) {
	var k Kernel
	for i := range uint32(4) {
		k.Schedule(Event{7, 1, i})
	}
	k.Schedule(Event{7, 2, 9})
	k.Schedule(Event{8, 2, 9})
	got := runAll(t, &k)
	assert.Equal(t, uint64(3), k.Ties())
	assert.Equal(t, []Event{{7, 1, 0}, {7, 1, 1}, {7, 1, 2}, {7, 1, 3}, {7, 2, 9}, {8, 2, 9}}, got,
		"ties go in order of scheduling")
}

func TestTimers(t *testing.T) {
	var k Kernel
	a, b := k.NewTimer(1, 11), k.NewTimer(2, 22)
	assert.Equal(t, core.Never, k.Due(a))
	k.Arm(a, 10)
	k.Arm(b, 20)
	k.Arm(a, 30) // later
	k.Arm(b, 15) // earlier
	k.Arm(b, 15)
	assert.Equal(t, 2, k.Pending())
	assert.Equal(t, core.Time(30), k.Due(a))
	assert.Equal(t, core.Time(15), k.Next())
	assert.Equal(t, []Event{{15, 2, 22}, {30, 1, 11}}, runAll(t, &k))
	assert.Equal(t, core.Never, k.Due(a))

	k.Arm(a, 40)
	k.Cancel(a)
	k.Cancel(a)
	assert.Zero(t, k.Pending())
	assert.Empty(t, runAll(t, &k))
	k.Arm(a, 50)
	k.Cancel(a)
	k.Arm(a, 45)
	assert.Equal(t, []Event{{45, 1, 11}}, runAll(t, &k))
	assert.Equal(t, uint64(3), k.Events(), "what was moved or taken back is no event")
}

// TestTimersAgreeWithReference arms, moves and cancels timers at random beside
// events, and compares with a table that is searched for the earliest each time.
func TestTimersAgreeWithReference(t *testing.T) {
	for name, delay := range widths {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(5, 6))
			var k Kernel
			const n = 40
			due := make([]core.Time, n) // by timer; its key and reference are its number
			for i := range due {
				k.NewTimer(uint64(i), uint32(i))
				due[i] = core.Never
			}
			arm := func() {
				i := r.IntN(n)
				if due[i] = k.Now() + delay(r); r.IntN(4) == 0 {
					due[i] = core.Never
				}
				k.Arm(Timer(i), due[i])
			}
			armed := func() (first, count int) {
				first = -1
				for i, at := range due {
					if at == core.Never {
						continue
					}
					if count++; first < 0 || at < due[first] {
						first = i
					}
				}
				return first, count
			}
			for range 100 {
				arm()
			}
			steps := 0
			require.True(t, k.Run(core.Never, func(e Event) {
				first, _ := armed()
				require.Equal(t, Event{due[first], uint64(first), uint32(first)}, e)
				due[first] = core.Never
				if steps++; steps > 20_000 {
					return
				}
				for range r.IntN(4) + 1 {
					arm()
				}
				_, count := armed()
				require.Equal(t, count, k.Pending())
			}))
			_, count := armed()
			assert.Zero(t, count)
		})
	}
}

func TestSequenceNumbersRunOut(t *testing.T) {
	var k Kernel
	k.seq = maxSeq - 50
	tm := k.NewTimer(3, 0)
	for i := range uint32(100) {
		k.Arm(tm, core.Time(1000-i)) // leaves stale items behind
		k.Schedule(Event{5, 1, i})
	}
	got := runAll(t, &k)
	require.Len(t, got, 101)
	for i, e := range got[:100] {
		assert.Equal(t, uint32(i), e.Ref, "ties still go in order of scheduling")
	}
	assert.Equal(t, Event{901, 3, 0}, got[100])
	assert.Less(t, k.seq, uint64(1000))
}

func TestStopIsHeard(t *testing.T) {
	var k Kernel
	k.Schedule(Event{At: 1})
	var stopped atomic.Int64
	started := time.Now()
	time.AfterFunc(20*time.Millisecond, func() {
		stopped.Store(int64(time.Since(started)))
		k.Stop()
	})
	assert.False(t, k.Run(core.Never, func(e Event) {
		e.At++
		k.Schedule(e)
	}))
	late := time.Since(started) - time.Duration(stopped.Load())
	assert.Less(t, late, 200*time.Millisecond)
	assert.Equal(t, 1, k.Pending(), "nothing is lost")
	assert.False(t, k.Run(core.Never, func(Event) { t.Error("stopped for good") }))
}

func TestMisusePanics(t *testing.T) {
	var k Kernel
	k.Schedule(Event{At: 10})
	k.Run(10, func(Event) {})
	assert.Panics(t, func() { k.Schedule(Event{At: 9}) })
	assert.Panics(t, func() { k.Schedule(Event{At: core.Never}) })
	tm := k.NewTimer(0, 0)
	assert.Panics(t, func() { k.Arm(tm, 9) })
}

func TestKernelDoesNotAllocate(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	var k Kernel
	tm := k.NewTimer(1<<40, 0)
	for i := range 1000 {
		k.Schedule(Event{core.Time(r.IntN(1e9)), uint64(i), 1})
	}
	handle := func(e Event) {
		if e.Ref == 0 {
			return
		}
		e.At += core.Time(r.IntN(1e9))
		k.Schedule(e)
		k.Arm(tm, k.Now()+core.Time(r.IntN(1e6)))
	}
	k.Run(60*core.Second, handle)
	until := k.Now()
	allocs := testing.AllocsPerRun(10, func() {
		until += core.Second
		k.Run(until, handle)
	})
	assert.Less(t, allocs, 2.0, "for about 3,000 events")
}
