package serve_test

import (
	"context"
	"net"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vidq/live/client"
	"vidq/live/serve"
	"vidq/live/wire"
)

// idler is a Services whose work costs nothing.
type idler struct{ serve.Services }

func (idler) Execute(context.Context, serve.Caller, string, *wire.Task, *wire.FrameRef) (*wire.TaskAnswer, error) {
	return &wire.TaskAnswer{Boxes: []wire.Box{{0, 0, 8, 8}}, Prob: []float64{.5}, Timed: true}, nil
}

// BenchmarkExecute is what a call of a service costs beside its work: a 480p frame of 29 kB as image/jpeg, from
// 32 connections over the loopback, client and server in this process.
func BenchmarkExecute(b *testing.B) {
	const connections = 32
	s, err := serve.New(serve.Compute(idler{}), serve.Options{Log: quiet})
	require.NoError(b, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	c := client.New(client.Options{})
	p := c.Peer(l.Addr().String(), false)
	task := &wire.Task{Encoding: wire.EncodingJPEG, Image: photo(b, 29_000)}
	var mu sync.Mutex
	var all []time.Duration
	work := make(chan struct{}, b.N)
	for range b.N {
		work <- struct{}{}
	}
	close(work)
	b.SetBytes(int64(len(task.Image)))
	var before, after syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &before))
	b.ResetTimer()
	var wg sync.WaitGroup
	for range connections {
		wg.Go(func() {
			var took []time.Duration
			for range work {
				start := time.Now()
				a, err := p.Execute(b.Context(), "face_detection", task, nil)
				if err != nil || len(a.Boxes) != 1 {
					b.Errorf("%v", err)
					return
				}
				took = append(took, time.Since(start))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
		})
	}
	wg.Wait()
	b.StopTimer()
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &after))
	spent := func(r *syscall.Rusage) int64 { return r.Utime.Nano() + r.Stime.Nano() }
	slices.Sort(all)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
	b.ReportMetric(float64(spent(&after)-spent(&before))/1000/float64(b.N), "cpu-us/op") // which a loaded machine does not change
	if len(all) > 0 {
		b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
	}
	c.Close()
	require.NoError(b, s.Shutdown(context.Background()))
	require.NoError(b, <-served)
}
