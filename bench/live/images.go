package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"vidq/core"
	"vidq/live/serve"
	"vidq/live/wire"
)

// What is asked of a service that does nothing.
const (
	rate        = 2000 // requests per second
	connections = 32
	imageBytes  = 29_000
	imageP99    = 20 * time.Millisecond
)

// images sends raw JPEGs at a rate, whether or not the ones before have been answered, and tells how
// long each took since it was due.
func images(ctx context.Context, length time.Duration) (ok bool, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return false, err
	}
	server, err := serve.New(serve.Compute(idle{}), serve.Options{})
	if err != nil {
		return false, err
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	picture, err := noise()
	if err != nil {
		return false, err
	}
	transport := &http.Transport{MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections, DisableCompression: true}
	url := "http://" + l.Addr().String() + "/execute_task/nothing"
	begin, used := time.Now(), cpu()
	var mu sync.Mutex
	var took []time.Duration
	var failed error
	var group sync.WaitGroup
	n := int(length.Seconds() * rate)
	for i := range n {
		due := begin.Add(time.Duration(i) * time.Second / rate)
		time.Sleep(time.Until(due))
		group.Go(func() {
			err := post(ctx, transport, url, picture)
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(due))
			if err != nil {
				failed = err
			}
		})
	}
	group.Wait()
	elapsed, spent := time.Since(begin), cpu()-used
	transport.CloseIdleConnections()
	if err := server.Shutdown(ctx); err != nil {
		return false, err
	}
	if err := <-served; err != nil {
		return false, err
	}
	if failed != nil {
		return false, failed
	}
	slices.Sort(took)
	fmt.Printf("raw images: %d requests of %d bytes over %d connections at %d/s (asked: %d)\n", n, len(picture), connections, int(float64(n)/elapsed.Seconds()), rate)
	fmt.Printf("  since due: median %.2f ms, p99 %.2f ms (asked: %d), max %.1f ms; processor time, both sides: %.0f us a request, %.2f of a core\n",
		ms(took[n/2]), ms(took[n*99/100]), imageP99.Milliseconds(), ms(took[n-1]), spent.Seconds()*1e6/float64(n), spent.Seconds()/elapsed.Seconds())
	return true, nil
}

func ms(d time.Duration) float64 { return d.Seconds() * 1e3 }

func post(ctx context.Context, t *http.Transport, url string, picture []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(picture))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "image/jpeg")
	a, err := t.RoundTrip(r)
	if err != nil {
		return err
	}
	defer func() { _ = a.Body.Close() }()
	body, err := io.ReadAll(a.Body)
	if err == nil && a.StatusCode != http.StatusOK {
		err = fmt.Errorf("HTTP %d: %s", a.StatusCode, body)
	}
	return err
}

// noise makes a JPEG of about imageBytes.
func noise() ([]byte, error) {
	r := rand.New(rand.NewPCG(1, 2))
	m := image.NewGray(image.Rect(0, 0, 480, 360))
	for y := range 360 {
		for x := range 480 {
			m.SetGray(x, y, color.Gray{Y: uint8(128 + r.IntN(24))})
		}
	}
	var best []byte
	for q := 20; q <= 95; q += 5 {
		var b bytes.Buffer
		if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: q}); err != nil {
			return nil, err
		}
		best = b.Bytes()
		if b.Len() >= imageBytes {
			break
		}
	}
	return best, nil
}

// idle is compute services that do nothing.
type idle struct{}

// List implements serve.Services.
func (idle) List(context.Context) (wire.ServiceList, error) { return wire.ServiceList{"nothing"}, nil }

// Resources implements serve.Services.
func (idle) Resources(context.Context) (wire.ResourceInfo, error) { return nil, nil }

// Cluster implements serve.Services.
func (idle) Cluster(context.Context) (wire.ClusterInfo, error) { return nil, nil }

// Execute implements serve.Services.
func (idle) Execute(context.Context, serve.Caller, string, *wire.Task, *wire.FrameRef) (*wire.TaskAnswer, error) {
	return &wire.TaskAnswer{Counts: wire.Counts{"total": 0}, Timed: true}, nil
}

// Configure implements serve.Services.
func (idle) Configure(context.Context, serve.Caller, *core.ConfigureServices) error { return nil }
