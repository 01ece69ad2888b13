package sidechan

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image"
	"image/jpeg"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"vidq/live/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pipes is a network in memory with one server, whose connections hold nothing back: who does
// not read makes the other side wait at once.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
	down  error
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if p.down != nil {
		return nil, p.down
	}
	a, b := net.Pipe()
	select {
	case p.conns <- b:
		return a, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// serve serves h as the side channel's path, and returns how to call it.
func serve(t testing.TB, h http.Handler) (*pipes, *http.Client) {
	t.Helper()
	p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	mux := http.NewServeMux()
	mux.Handle("GET /user/video/{id}", h)
	server := &http.Server{Handler: mux}
	go server.Serve(p)
	transport := &http.Transport{DialContext: p.dial, DisableKeepAlives: true}
	t.Cleanup(func() { server.Close(); transport.CloseIdleConnections() })
	return p, &http.Client{Transport: transport}
}

// watcher is somebody who watches.
type watcher struct {
	resp   *http.Response
	parts  *multipart.Reader
	cancel context.CancelFunc
}

func watch(t testing.TB, c *http.Client, id string) *watcher {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://node:5101/user/video/"+id, http.NoBody)
	require.NoError(t, err)
	resp, err := c.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { resp.Body.Close() })
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, wire.MJPEGType, resp.Header.Get("Content-Type"))
	return &watcher{resp, multipart.NewReader(resp.Body, "frame"), cancel}
}

// next reads the next picture.
func (w *watcher) next(t testing.TB) *image.YCbCr {
	t.Helper()
	p, err := w.parts.NextPart()
	require.NoError(t, err)
	assert.Equal(t, "image/jpeg", p.Header.Get("Content-Type"))
	b, err := io.ReadAll(p)
	require.NoError(t, err)
	m, err := jpeg.Decode(bytes.NewReader(b))
	require.NoError(t, err)
	return m.(*image.YCbCr)
}

// ended reports whether the stream ends with no further picture.
func (w *watcher) ended() bool {
	_, err := w.parts.NextPart()
	return errors.Is(err, io.EOF)
}

// flat is a picture of one light.
func flat(w, h int, light uint8) *image.YCbCr {
	m := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
	for i := range m.Y {
		m.Y[i] = light
	}
	for i := range m.Cb {
		m.Cb[i], m.Cr[i] = 128, 128
	}
	return m
}

// counted is a picture that counts how often it is drawn.
type counted struct {
	*image.YCbCr
	drawn *int
}

func (c counted) Bounds() image.Rectangle {
	*c.drawn++
	return c.YCbCr.Bounds()
}

func lightOf(m *image.YCbCr) int {
	return int(m.Y[m.YOffset(m.Rect.Dx()/2, m.Rect.Dy()/2)])
}

// refused returns the status and the text of an answer, which must be JSON.
func refused(t testing.TB, c *http.Client, id string) (int, string) {
	t.Helper()
	resp, err := c.Get("http://node:5101/user/video/" + id)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, wire.JSONType, resp.Header.Get("Content-Type"))
	var body struct {
		Status int
		Error  string
	}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&body))
	require.NotZero(t, body.Status)
	return resp.StatusCode, body.Error
}
