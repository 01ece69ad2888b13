package sidechan

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/live/wire"
)

// relayed serves a node's handler, and a relay to it for query 1.
func relayed(t testing.TB, node http.Handler) (*pipes, *http.Client) {
	t.Helper()
	p, toNode := serve(t, node)
	toNode.Timeout = time.Minute // is not heeded
	_, client := serve(t, NewRelay(toNode, func(id core.QueryID) (string, bool) { return "node:5101", id == 1 }))
	return p, client
}

// A viewer of the cloud sees each frame when a viewer of the edge would, for as long as it likes.
func TestRelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New()
		_, client := relayed(t, c)
		c.Open(1)
		a, b := watch(t, client, "GLOBAL_ID_1"), watch(t, client, "GLOBAL_ID_1")
		for i := range 5 {
			c.Show(1, Shot{Image: flat(640, 480, uint8(20*i))})
			began := time.Now()
			assert.InDelta(t, 20*i, lightOf(a.next(t)), 2)
			assert.InDelta(t, 20*i, lightOf(b.next(t)), 2)
			assert.Zero(t, time.Since(began))
			time.Sleep(time.Minute)
		}
		// When the viewer leaves, so does the relay.
		a.cancel()
		synctest.Wait()
		assert.Equal(t, 1, c.find(1).viewers)
		c.End(1)
		assert.True(t, b.ended())
		status, text := refused(t, client, "GLOBAL_ID_1")
		assert.Equal(t, http.StatusNotFound, status)
		assert.Contains(t, text, "the node at node:5101 has no query GLOBAL_ID_1")
		status, text = refused(t, client, "GLOBAL_ID_2")
		assert.Equal(t, http.StatusNotFound, status)
		assert.Contains(t, text, "unknown, has ended or has no node yet")
		status, _ = refused(t, client, "x")
		assert.Equal(t, http.StatusNotFound, status)
	})
}

// A viewer that does not read does not let the cloud fill up: what it misses is dropped at the node.
func TestRelaySlowViewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New()
		_, client := relayed(t, c)
		c.Open(1)
		slow := watch(t, client, "GLOBAL_ID_1")
		for i := range 25 {
			c.Show(1, Shot{Image: flat(640, 480, uint8(10*i))})
			time.Sleep(100 * time.Millisecond)
		}
		seen := 0
		for last := 0; last < 238; seen++ {
			last = lightOf(slow.next(t))
		}
		assert.Less(t, seen, 12, "what was under way, and the newest")
		c.Show(1, Shot{Image: flat(640, 480, 1)})
		time.Sleep(2*patience + time.Second)
		synctest.Wait()
		assert.False(t, c.Watched(1), "who reads nothing at all is gone at both ends")
	})
}

// What is wrong with a node is told as JSON.
func TestRelayErrors(t *testing.T) {
	type wrong struct {
		node   http.HandlerFunc
		down   error
		status int
		text   string
	}
	for name, c := range map[string]wrong{
		"cannot be reached": {http.NotFound, errors.New("connection refused"), http.StatusBadGateway, "the node at node:5101 cannot be reached: connection refused"},
		"never answers":     {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, nil, http.StatusGatewayTimeout, "does not answer"},
		"fails":             {func(w http.ResponseWriter, _ *http.Request) { wire.Errorf(500, "no").Write(w) }, nil, http.StatusBadGateway, "answers 500"},
		"sends elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://10.0.0.1/", http.StatusFound)
		}, nil, http.StatusBadGateway, "answers 302"},
		"is no vidq": {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") }, nil, http.StatusBadGateway, "answers no video"},
		"other boundary": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary=other")
		}, nil, http.StatusBadGateway, "answers no video"},
	} {
		synctest.Test(t, func(t *testing.T) {
			p, client := relayed(t, c.node)
			p.down = c.down
			began := time.Now()
			status, text := refused(t, client, "GLOBAL_ID_1")
			assert.Equal(t, c.status, status, name)
			assert.Contains(t, text, c.text, name)
			assert.LessOrEqual(t, time.Since(began), patience, name)
		})
	}
	client := &http.Client{}
	_, c := serve(t, NewRelay(client, func(core.QueryID) (string, bool) { return "no address/x", true }))
	status, text := refused(t, c, "GLOBAL_ID_1")
	assert.Equal(t, http.StatusBadGateway, status)
	assert.Contains(t, text, `"no address/x" is none`)
	require.Nil(t, client.CheckRedirect, "the caller's client is left as it is")
}

// A node that dies ends the stream.
func TestRelayNodeDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		die := make(chan struct{})
		_, client := relayed(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", wire.MJPEGType)
			io.WriteString(w, boundary)
			w.(http.Flusher).Flush()
			<-die
			panic(http.ErrAbortHandler)
		}))
		w := watch(t, client, "GLOBAL_ID_1")
		close(die)
		assert.True(t, w.ended())
	})
}
