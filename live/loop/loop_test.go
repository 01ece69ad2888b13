package loop

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

// ticker is a machine that wants to be woken every second, and notes when it was.
type ticker struct{ told []core.Time }

func (m *ticker) Step(now core.Time, ev core.Event, fx *core.Effects) {
	m.told = append(m.told, now)
	if _, ok := ev.(*core.Timer); ok {
		fx.Wakes = append(fx.Wakes, core.Wake{At: now.Add(core.Second)})
	}
}

// waker is a backend that only wakes.
type waker struct {
	core.Backend
	l *Loop
}

func (w *waker) Wake(e *core.Wake) { w.l.Wake(e.At) }

func TestLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		m, w := &ticker{}, &waker{}
		w.l = New(NewClock(), m, w)
		go w.l.Run(ctx)
		time.Sleep(2500 * time.Millisecond)
		require.True(t, w.l.Post(&core.VideoEnded{}))
		synctest.Wait()
		var told []core.Time
		require.NoError(t, w.l.Ask(t.Context(), func() { told = append(told, m.told...) }))
		assert.Equal(t, []core.Time{0, core.Second, 2 * core.Second, 2500 * core.Millisecond}, told)

		// Once it has ended nobody waits for it.
		cancel()
		<-w.l.Done()
		assert.False(t, w.l.Post(&core.VideoEnded{}))
		require.ErrorIs(t, w.l.Ask(t.Context(), func() { t.Error("asked") }), ErrStopped)
		time.Sleep(time.Minute) // for the wake that was under way
		assert.Len(t, m.told, 4)
	})
}

// More events than fit make the poster wait, and none is lost.
func TestLoopIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		m, w := &ticker{}, &waker{}
		w.l = New(NewClock(), m, w)
		posted := 0
		go func() {
			for range 3 * queueLength {
				w.l.Post(&core.VideoEnded{})
				posted++
			}
		}()
		synctest.Wait()
		assert.Equal(t, queueLength, posted)
		go w.l.Run(ctx)
		synctest.Wait()
		assert.Len(t, m.told, 3*queueLength+1)
	})
}

func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		zero := time.Now().Add(-time.Hour)
		c := NewClockAt(zero)
		assert.Equal(t, core.Time(time.Hour), c.Now())
		assert.True(t, zero.Equal(c.Wall(0)))
		assert.Equal(t, core.Minute, c.Time(zero.Add(time.Minute)))
		late := false
		c.At(core.Minute, func() { late = true })
		c.At(core.Never, func() { t.Error("never came") })
		time.Sleep(time.Millisecond)
		synctest.Wait()
		assert.True(t, late, "what is past is done at once")
		time.Sleep(2 * time.Hour)
	})
}
