package sidechan

import (
	"bytes"
	"image"
	"image/jpeg"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/live/wire"
)

// Every viewer sees the frames; each is drawn once for all, and not at all when nobody watches.
func TestViewers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New()
		_, client := serve(t, c)
		c.Open(1)
		c.Open(2)
		drawn := 0
		show := func(light uint8) {
			c.Show(1, Shot{Image: counted{flat(64, 48, light), &drawn}})
			synctest.Wait()
		}
		assert.False(t, c.Watched(1))
		show(10)
		show(20)
		assert.Zero(t, drawn)
		var all []*watcher
		for range 5 {
			w := watch(t, client, "GLOBAL_ID_1")
			assert.InDelta(t, 20, lightOf(w.next(t)), 2, "who comes sees the newest at once")
			all = append(all, w)
		}
		once := drawn
		assert.Positive(t, once)
		assert.True(t, c.Watched(1))
		assert.False(t, c.Watched(2))
		for _, light := range []uint8{30, 40} {
			before := drawn
			show(light)
			for _, w := range all {
				assert.InDelta(t, light, lightOf(w.next(t)), 2)
			}
			assert.Equal(t, once, drawn-before)
		}
		for _, w := range all {
			w.cancel()
		}
		synctest.Wait()
		assert.False(t, c.Watched(1))
		before := drawn
		show(50)
		assert.Equal(t, before, drawn)
	})
}

// A viewer that does not read misses frames; the job and other viewers do not notice. One that
// reads nothing for 10 s is gone.
func TestSlowViewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New()
		_, client := serve(t, c)
		c.Open(1)
		slow, fast := watch(t, client, "GLOBAL_ID_1"), watch(t, client, "GLOBAL_ID_1")
		began := time.Now()
		for i := range 10 {
			c.Show(1, Shot{Image: flat(640, 480, uint8(10*i))})
			assert.InDelta(t, 10*i, lightOf(fast.next(t)), 2)
			time.Sleep(100 * time.Millisecond)
		}
		assert.Equal(t, time.Second, time.Since(began), "nobody has waited")
		first, second := lightOf(slow.next(t)), lightOf(slow.next(t))
		assert.InDelta(t, 0, first, 2, "it was under way")
		assert.InDelta(t, 90, second, 2, "the newest")
		c.Show(1, Shot{Image: flat(640, 480, 7)})
		assert.InDelta(t, 7, lightOf(fast.next(t)), 2)
		time.Sleep(patience + time.Second)
		fast.cancel()
		synctest.Wait()
		assert.False(t, c.Watched(1))
	})
}

// A stream ends with its query, after the last frame.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New()
		_, client := serve(t, c)
		c.Open(1)
		c.Open(2)
		c.Open(1) // again is no other
		one, two := watch(t, client, "GLOBAL_ID_1"), watch(t, client, "GLOBAL_ID_2")
		c.Show(1, Shot{Image: flat(64, 48, 90)})
		c.End(1)
		c.End(1)
		c.Show(1, Shot{Image: flat(64, 48, 50)})
		assert.InDelta(t, 90, lightOf(one.next(t)), 2)
		assert.True(t, one.ended())
		status, text := refused(t, client, "GLOBAL_ID_1")
		assert.Equal(t, http.StatusNotFound, status)
		assert.Contains(t, text, "no query GLOBAL_ID_1 at this node")
		c.Close()
		assert.True(t, two.ended())
		c.Open(3)
		status, _ = refused(t, client, "GLOBAL_ID_3")
		assert.Equal(t, http.StatusNotFound, status, "closed")
		status, text = refused(t, client, "nonsense")
		assert.Equal(t, http.StatusNotFound, status)
		assert.Contains(t, text, `"nonsense"`)
	})
}

// What cannot be shown is left out, and the stream goes on.
func TestBrokenShots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New()
		_, client := serve(t, c)
		c.Open(1)
		w := watch(t, client, "GLOBAL_ID_1")
		var whole bytes.Buffer
		require.NoError(t, jpeg.Encode(&whole, flat(640, 480, 80), nil))
		text := []string{"x"}
		for _, s := range []Shot{
			{},
			{JPEG: []byte("no picture"), Text: text},
			{JPEG: whole.Bytes()[:900], Text: text},
			{Image: image.NewGray(image.Rect(0, 0, 0, 0))},
		} {
			c.Show(1, s)
			synctest.Wait()
		}
		c.Show(1, Shot{JPEG: whole.Bytes(), Text: text})
		assert.InDelta(t, 80, lightOf(w.next(t)), 2)
	})
}

// A JPEG with nothing to be drawn is sent as it came.
func TestPlainJPEG(t *testing.T) {
	s := &shot{Shot: Shot{JPEG: []byte("as it is")}}
	b, err := s.encoded()
	require.NoError(t, err)
	assert.Equal(t, "as it is", string(b))
}

// Boxes and text are drawn where they belong, and nothing else changes.
func TestAnnotate(t *testing.T) {
	m := flat(640, 480, 100)
	annotate(m, []wire.Box{
		{100, 200, 180, 260},
		{600, 400, 9e9, math.Inf(1)}, // is cut off
		{math.NaN(), 50, -7, 60},     // is none
		{300, 300, 200, 200},
	}, []string{"up 3 of 12", "é"})
	at := func(x, y int) ink {
		i := m.COffset(x, y)
		return ink{m.Y[m.YOffset(x, y)], m.Cb[i], m.Cr[i]}
	}
	for _, p := range []image.Point{{100, 200}, {179, 259}, {140, 200}, {140, 259}, {100, 230}, {179, 230}, {600, 450}, {639, 479}} {
		assert.Equal(t, green, at(p.X, p.Y), "%v", p)
	}
	for _, p := range []image.Point{{140, 230}, {97, 230}, {182, 230}, {140, 196}, {250, 250}, {0, 55}, {630, 100}} {
		assert.Equal(t, ink{100, 128, 128}, at(p.X, p.Y), "%v", p)
	}
	whites, darks := 0, 0
	for y := margin; y < margin+lineHeight; y++ {
		for x := margin; x < margin+10*7; x++ {
			switch at(x, y).y {
			case white.y:
				whites++
			case dark.y:
				darks++
			}
		}
	}
	assert.Equal(t, 10*7*lineHeight, whites+darks)
	assert.Greater(t, whites, 60)
	assert.Greater(t, darks, 3*whites)
	// However small or full, nothing is drawn outside.
	for _, size := range []image.Point{{1, 1}, {3, 20}, {20, 3}} {
		annotate(flat(size.X, size.Y, 0), []wire.Box{{0, 0, 1, 1}, {0, 0, 99, 99}}, make([]string, 1000))
		annotate(flat(size.X, size.Y, 0), nil, []string{"a line that does not fit", "another"})
	}
}

// A response that can neither flush nor have a deadline will do; and what HEAD asks for has no body.
func TestPlainWriter(t *testing.T) {
	c := New()
	c.Open(1)
	c.Show(1, Shot{Image: flat(64, 48, 1)})
	c.find(1).end() // ends after the frame
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	r.SetPathValue("id", "GLOBAL_ID_1")
	w := httptest.NewRecorder()
	c.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
	assert.Equal(t, 2, bytes.Count(w.Body.Bytes(), []byte(boundary)))
	r.Method = http.MethodHead
	w = httptest.NewRecorder()
	c.ServeHTTP(w, r)
	assert.Equal(t, wire.MJPEGType, w.Header().Get("Content-Type"))
	assert.Empty(t, w.Body.Bytes())
}
