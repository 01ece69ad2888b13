package video

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/live/loop"
)

// network is one in memory with one server in it.
type network struct {
	l      *pipes
	server *http.Server
	dials  atomic.Int64
	down   atomic.Bool
}

// pipes is a net.Listener of pipes.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
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

func serve(t *testing.T, h http.HandlerFunc) *network {
	n := &network{l: &pipes{conns: make(chan net.Conn), done: make(chan struct{})}, server: &http.Server{Handler: h}}
	go n.server.Serve(n.l)
	t.Cleanup(func() { n.server.Close() })
	return n
}

func (n *network) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	n.dials.Add(1)
	if n.down.Load() {
		return nil, errors.New("connection refused")
	}
	a, b := net.Pipe()
	select {
	case n.l.conns <- b:
		return a, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// camera returns options of a live MJPEG camera of 10 frames per second.
func (n *network) camera() (Options, *reports) {
	r := &reports{}
	return Options{
		Camera: core.Camera{ID: "gate", FPS: 10, Resolution: hd}, URL: "http://user:secret@camera/video?token=secret",
		Clock: loop.NewClock(), Dial: n.dial, Report: r.add,
	}, r
}

// stream sends a picture every interval for as long as somebody listens, n at most.
func stream(t testing.TB, w http.ResponseWriter, r *http.Request, interval time.Duration, n int) {
	w.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary=--frame")
	for i := range n {
		if _, err := w.Write(part(flat(t, 16, 16, uint8(10*i)))); err != nil {
			return
		}
		w.(http.Flusher).Flush()
		select {
		case <-time.After(interval):
		case <-r.Context().Done():
			return
		}
	}
}

// Frames have the number of their arrival, slow readers get the newest, and what none reads stalls nothing.
func TestMJPEG(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := serve(t, func(w http.ResponseWriter, r *http.Request) {
			user, password, _ := r.BasicAuth()
			assert.Equal(t, "user secret secret", user+" "+password+" "+r.FormValue("token"))
			stream(t, w, r, 100*time.Millisecond, 1000)
		})
		o, reported := n.camera()
		s, err := Open(t.Context(), o)
		require.NoError(t, err)
		for k := range int64(3) {
			f, err := s.Next(t.Context(), k)
			require.NoError(t, err)
			assert.Equal(t, k, f.Number)
			assert.Equal(t, core.Time(k)*100*core.Millisecond, f.At)
			assert.Equal(t, o.Clock.Now(), f.At)
			assert.InDelta(t, 10*k, light(t, f.Picture), 2)
			assert.NotEmpty(t, f.Picture.JPEG())
			_, known := f.Picture.Objects()
			assert.False(t, known)
		}
		time.Sleep(1050 * time.Millisecond)
		for range 2 { // as often as one likes
			f, err := s.Next(t.Context(), 3)
			require.NoError(t, err)
			assert.EqualValues(t, 12, f.Number)
			assert.Equal(t, 1200*core.Millisecond, f.At)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = s.Next(ctx, 500)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, s.Close())
		_, err = s.Next(t.Context(), 0)
		require.ErrorIs(t, err, ErrClosed)
		assert.Empty(t, reported.texts())
		assert.EqualValues(t, 1, n.dials.Load())
	})
}

// A camera that comes early and late loses no more than one number, and one that is too
// fast gives no more numbers than there are.
func TestArrivalNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &Options{Camera: core.Camera{ID: "gate", FPS: 10}, Clock: loop.NewClock(), Phase: 50 * core.Millisecond}
		r := &footage{feed: newFeed(), o: o}
		arrive := func(ms int) int64 {
			time.Sleep(o.Clock.Until(core.Time(ms) * core.Millisecond))
			r.arrived(&Picture{})
			if r.newest.Picture == nil {
				return -1
			}
			assert.GreaterOrEqual(t, r.newest.At, core.Time(50+100*r.newest.Number)*core.Millisecond)
			return r.newest.Number
		}
		var got []int64
		for _, ms := range []int{10, 51, 149, 251, 349, 451, 549, 651} { // every 100 ms, give or take 1 and 2 ms
			got = append(got, arrive(ms))
		}
		assert.Equal(t, []int64{-1, 0, 0, 1, 2, 3, 4, 5}, got)
		got = nil
		for ms := 700; ms < 1000; ms += 50 { // twice as fast
			got = append(got, arrive(ms))
		}
		assert.Equal(t, []int64{6, 7, 7, 8, 8, 9}, got)
		assert.EqualValues(t, 58, arrive(6000), "after a break at most one behind")
	})
}

// A camera that goes away is come back to, later and later; what goes wrong is reported once each time,
// without passwords.
func TestReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := serve(t, func(w http.ResponseWriter, r *http.Request) { stream(t, w, r, 100*time.Millisecond, 5) })
		n.down.Store(true)
		o, reported := n.camera()
		s, err := Open(t.Context(), o)
		require.NoError(t, err, "a camera need not be there yet")
		time.Sleep(5 * time.Minute)
		tries := n.dials.Load()
		assert.Greater(t, tries, int64(10))
		assert.Less(t, tries, int64(25), "at most half a minute apart, in the end at least 15 s")
		n.down.Store(false)
		f, err := s.Next(t.Context(), 0)
		require.NoError(t, err)
		assert.Greater(t, f.At, 5*core.Minute)
		texts := reported.texts()
		assert.Equal(t, "again", texts[len(texts)-1])
		assert.Contains(t, texts[0], `camera "gate": http://camera/video: `)
		assert.Contains(t, texts[0], "connection refused")
		assert.NotContains(t, strings.Join(texts, "\n"), "secret")
		// It ends each stream after five pictures, and there is another one soon.
		next, err := s.Next(t.Context(), f.Number+20)
		require.NoError(t, err)
		assert.Less(t, next.At-f.At, 4*core.Second)
		assert.Contains(t, strings.Join(reported.texts()[len(texts):], "\n"), "the stream ended")
		require.NoError(t, s.Close())
	})
}

// A camera that is silent is given up, whether it never answers or stops in the middle.
func TestSilence(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"never answers": func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"begins": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "image/jpeg")
			w.Write([]byte{0xff, 0xd8, 0xff})
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
		"rubbish": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "multipart/x-mixed-replace")
			for r.Context().Err() == nil {
				w.Write([]byte("nothing that is a picture"))
				w.(http.Flusher).Flush()
				time.Sleep(100 * time.Millisecond)
			}
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := serve(t, h)
			o, reported := n.camera()
			o.Patience = 2 * core.Second
			s, err := Open(t.Context(), o)
			require.NoError(t, err)
			time.Sleep(2100 * time.Millisecond)
			require.Equal(t, []string{`camera "gate": http://camera/video: there was no picture for 2s`}, reported.texts(), name)
			time.Sleep(20 * time.Second)
			assert.Greater(t, n.dials.Load(), int64(3))
			require.NoError(t, s.Close())
		})
	}
}

func TestMJPEGRefuses(t *testing.T) {
	for want, h := range map[string]http.HandlerFunc{
		"401 Unauthorized; write http://USER:PASSWORD@HOST": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
		"404 Not Found": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
		"redirects are not followed": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://elsewhere/", http.StatusFound)
		},
		`"text/html", which is no MJPEG stream`: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			io.WriteString(w, "<html>")
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := serve(t, h)
			o, reported := n.camera()
			s, err := Open(t.Context(), o)
			require.NoError(t, err)
			time.Sleep(100 * time.Millisecond)
			require.Len(t, reported.texts(), 1)
			assert.Contains(t, reported.texts()[0], want)
			require.NoError(t, s.Close())
		})
	}
}

// In mode file a stream is read on demand, and its end is the video's.
func TestMJPEGAsFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := serve(t, func(w http.ResponseWriter, r *http.Request) { stream(t, w, r, time.Millisecond, 5) })
		o, _ := n.camera()
		o.Camera.Mode = core.ModeFile
		s, err := Open(t.Context(), o)
		require.NoError(t, err)
		time.Sleep(time.Second)
		for i, f := range rest(t, s, 0) {
			assert.EqualValues(t, i, f.Number)
			assert.InDelta(t, 10*i, light(t, f.Picture), 2)
		}
		require.NoError(t, s.Close())
	})
}

// The end of Open's context closes a source.
func TestOpenContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := serve(t, func(w http.ResponseWriter, r *http.Request) { stream(t, w, r, time.Second, 1000) })
		o, _ := n.camera()
		ctx, cancel := context.WithCancel(t.Context())
		s, err := Open(ctx, o)
		require.NoError(t, err)
		_, err = s.Next(t.Context(), 0)
		require.NoError(t, err)
		cancel()
		synctest.Wait()
		_, err = s.Next(t.Context(), 0)
		require.ErrorIs(t, err, ErrClosed)
		require.NoError(t, s.Close())
	})
}
