package emu

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/kb"
	"vidq/kb/world"
	"vidq/live/loop"
)

const mb = 1e6 // bytes per second

func node(clock loop.Clock) *Node {
	return NewNode(clock, world.NodeConfig{
		Capacity: core.Capacity{Cores: 2},
		Services: []world.ServiceConfig{{Name: "s", Workers: 1, MaxBatch: 1, Queue: 1, Models: []world.Model{{Needs: core.Needs{CPU: 1}}}}},
	})
}

func TestNodeTakesTheTimeThatTheWorldSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := loop.NewClock()
		n := node(clock)
		defer n.Close()
		d, err := n.Run(t.Context(), 1, 30*core.Millisecond, 1)
		require.NoError(t, err)
		assert.Equal(t, 30*core.Millisecond, d.At)
		assert.Equal(t, 30*core.Millisecond, clock.Now())

		var wg sync.WaitGroup
		var waits [3]core.Time
		var errs [3]core.CallError
		for i := range 3 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				d, err := n.Call(t.Context(), 0, world.Request{ID: uint64(i), Work: 100 * core.Millisecond})
				assert.NoError(t, err)
				waits[i], errs[i] = d.Wait, d.Err
			})
		}
		wg.Wait()
		assert.Equal(t, [3]core.Time{0, 99 * core.Millisecond, 0}, waits)
		assert.Equal(t, [3]core.CallError{0, 0, core.CallRejected}, errs)
		assert.Equal(t, 230*core.Millisecond, clock.Now())
	})
}

func TestNodeGoesOnForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := node(loop.NewClock())
		defer n.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		_, err := n.Call(ctx, 0, world.Request{ID: 1, Work: 100 * core.Millisecond})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		d, err := n.Call(t.Context(), 0, world.Request{ID: 2, Work: core.Millisecond})
		require.NoError(t, err)
		assert.Equal(t, 90*core.Millisecond, d.Wait, "the work that nobody wants is still done")
		n.With(func(now core.Time, w *world.Node) { w.SetDown(now, true) })
		d, err = n.Call(t.Context(), 0, world.Request{ID: 3, Work: core.Millisecond})
		require.NoError(t, err)
		assert.Equal(t, core.CallUnreachable, d.Err)
	})
}

func TestLinkSharesItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := loop.NewClock()
		l := NewLink(clock, world.LinkConfig{Rate: kb.Constant(mb), Delay: 10 * core.Millisecond})
		defer l.Close()
		var wg sync.WaitGroup
		for i := range 2 {
			wg.Go(func() {
				assert.NoError(t, l.Transfer(t.Context(), uint64(i), .1*mb, 0))
				assert.Equal(t, 210*core.Millisecond, clock.Now())
			})
		}
		var heard []core.Time
		for range 2 {
			l.Message(0, func() { heard = append(heard, clock.Now()) })
		}
		wg.Wait()
		assert.Equal(t, []core.Time{10 * core.Millisecond, 10 * core.Millisecond}, heard)

		// One that is interrupted leaves its part of the rate to the others.
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		begin := clock.Now()
		wg.Go(func() { assert.Error(t, l.Transfer(ctx, 2, mb, 0)) })
		require.NoError(t, l.Transfer(t.Context(), 3, .1*mb, 0))
		assert.Equal(t, 160*core.Millisecond, clock.Now()-begin)
		wg.Wait()

		lossy := NewLink(clock, world.LinkConfig{Rate: kb.Constant(mb), Loss: 1})
		defer lossy.Close()
		ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.ErrorIs(t, lossy.Transfer(ctx, 1, 1, 0), context.DeadlineExceeded)
		lossy.Message(0, func() { t.Error("it was lost") })
	})
}
