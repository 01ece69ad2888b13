package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/live/client"
	"vidq/live/serve"
	"vidq/live/serve/pipenet"
	"vidq/live/serve/servetest"
	"vidq/live/wire"
)

// peer serves a handler at 127.0.0.1:5500 of a network in memory, in a bubble, and calls f with that peer.
func peer(t *testing.T, o client.Options, h http.HandlerFunc, f func(t *testing.T, p client.Peer), plain ...bool) {
	synctest.Test(t, func(t *testing.T) {
		n := &pipenet.Net{}
		l, err := n.Listen("127.0.0.1:5500")
		require.NoError(t, err)
		s := &http.Server{Handler: h}
		go s.Serve(l)
		defer time.Sleep(time.Second) // until handlers have seen it
		defer s.Close()
		o.Dial = n.Dialer(netip.MustParseAddr("127.0.0.2"))
		c := client.New(o)
		defer c.Close()
		f(t, c.Peer("127.0.0.1:5500", len(plain) > 0))
	})
}

func execute(ctx context.Context, t *testing.T, p client.Peer) error {
	_, err := p.Execute(ctx, "face_detection", &wire.Task{Encoding: wire.EncodingJPEG, Image: picture(t)}, nil)
	return err
}

// TestWhatAnswersMean: what a service answers to a task, and what that is to core.
func TestWhatAnswersMean(t *testing.T) {
	refuse := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			wire.Errorf(code, "no").Write(w)
		}
	}
	for _, c := range []struct {
		name string
		h    http.HandlerFunc
		want core.CallError
		http int // of a *wire.Error; 0 = another error
	}{
		{"full", refuse(503), core.CallRejected, 503},
		{"too many", refuse(429), core.CallRejected, 429},
		{"unknown", refuse(404), core.CallUnknown, 404},
		{"failed", refuse(500), core.CallFailed, 500},
		{"in vain", refuse(504), core.CallFailed, 504},
		{"a page of HTML", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, core.CallFailed, 502},
		{"elsewhere", func(w http.ResponseWriter, r *http.Request) {
			assert.NotEqual(t, "/away", r.URL.Path, "a redirect was followed")
			http.Redirect(w, r, "/away", http.StatusTemporaryRedirect)
		}, core.CallFailed, 502},
		{"endless", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", wire.JSONType)
			for range 64 {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
			assert.Fail(t, "all was read")
		}, core.CallFailed, 502},
		{"announced to be endless", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", wire.JSONType)
			w.Header().Set("Content-Length", "100000000000")
			w.WriteHeader(http.StatusOK)
		}, core.CallFailed, 502},
		{"broken off", func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }, core.CallUnreachable, 0},
		{"broken off in the middle", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", wire.JSONType)
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "{")
			panic(http.ErrAbortHandler)
		}, core.CallUnreachable, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			peer(t, client.Options{Limits: wire.Limits{Body: 1 << 20}}, c.h, func(t *testing.T, p client.Peer) {
				err := execute(t.Context(), t, p)
				assert.Equal(t, c.want, client.CallError(err), "%v", err)
				var told *wire.Error
				if assert.Equal(t, c.http != 0, errors.As(err, &told), "%v", err) && c.http != 0 {
					assert.Equal(t, c.http, told.HTTP)
				}
			})
		})
	}
	assert.Equal(t, core.CallOK, client.CallError(nil))
}

// TestTimeIsUp: a peer that does not answer, that answers by drops, that does not accept, and a
// caller that no longer wants to know, each to the nanosecond.
func TestTimeIsUp(t *testing.T) {
	o := client.Options{Task: 3 * time.Second, Timeout: 2 * time.Second, Connect: time.Second}
	silent := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}
	took := func(t *testing.T, want time.Duration, f func() error) error {
		t.Helper()
		start := time.Now()
		err := f()
		assert.Error(t, err)
		assert.Equal(t, want, time.Since(start))
		return err
	}
	peer(t, o, silent, func(t *testing.T, p client.Peer) {
		err := took(t, 3*time.Second, func() error { return execute(t.Context(), t, p) })
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, core.CallTimeout, client.CallError(err))
		took(t, 2*time.Second, func() error { _, err := p.Health(t.Context()); return err })
		_, _, err = p.Video(t.Context(), 7)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		took(t, time.Second, func() error { return execute(ctx, t, p) })
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Second/2, stop)
		err = took(t, time.Second/2, func() error { return execute(ctx, t, p) })
		assert.ErrorIs(t, err, context.Canceled)
	})
	peer(t, o, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", wire.JSONType)
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, " ")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(time.Second / 4)
		}
	}, func(t *testing.T, p client.Peer) {
		err := took(t, 2*time.Second, func() error { return p.Ready(t.Context()) })
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
	synctest.Test(t, func(t *testing.T) { // nobody accepts
		n := &pipenet.Net{}
		l, err := n.Listen("127.0.0.1:5500")
		require.NoError(t, err)
		defer l.Close()
		o.Dial = n.Dialer(netip.MustParseAddr("127.0.0.2"))
		c := client.New(o)
		defer c.Close()
		err = took(t, time.Second, func() error { return execute(t.Context(), t, c.Peer("127.0.0.1:5500", false)) })
		assert.Equal(t, core.CallUnreachable, client.CallError(err))
	})
}

// TestNobodyThere: where nobody listens, over TCP and in memory.
func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	free := l.Addr().String()
	require.NoError(t, l.Close())
	for _, w := range []network{loopback(), pipes("127.0.0.2")} {
		c := w.caller(client.Options{})
		defer c.Close()
		for _, addr := range []string{free, "not an address"} {
			err = execute(t.Context(), t, c.Peer(addr, false))
			var away *client.Unreachable
			require.ErrorAs(t, err, &away)
			assert.Equal(t, addr, away.Addr)
			assert.Equal(t, core.CallUnreachable, client.CallError(err))
			assert.Equal(t, addr == free, errors.Is(err, syscall.ECONNREFUSED), "%v", err)
		}
	}
}

// TestClosedWhileIdle: a peer that starts anew breaks connections that lie idle; the next call
// does not fail by that. What must not be done twice is tried once.
func TestClosedWhileIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := pipes("127.0.0.2")
		n := &servetest.Node{}
		addr, down := w.up(t, n, wire.PortManager, "127.0.0.1:5000", serve.Options{})
		c := w.caller(client.Options{})
		defer c.Close()
		p := c.Peer(addr, false)
		_, err := p.Heartbeat(t.Context(), beat)
		require.NoError(t, err)
		down()
		_, err = p.Heartbeat(t.Context(), beat)
		assert.Equal(t, core.CallUnreachable, client.CallError(err))
		_, down = w.up(t, n, wire.PortManager, "127.0.0.1:5000", serve.Options{})
		defer down()
		_, err = p.Heartbeat(t.Context(), beat)
		assert.NoError(t, err)
	})
	// A peer that reads a request on a used connection and then breaks off.
	for name, key := range map[string]string{"with a key": "k", "without": ""} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			peer(t, client.Options{}, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				assert.Empty(t, r.Header["Idempotency-Key"])
				if calls++; calls == 2 {
					panic(http.ErrAbortHandler)
				}
				w.Header().Set("Content-Type", wire.JSONType)
				_, _ = io.WriteString(w, `{"status": 0, "msg": "", "query_id": "GLOBAL_ID_7", "r_sidechan": ""}`)
			}, func(t *testing.T, p client.Peer) {
				q := wire.FromSubmitQuery(&core.SubmitQuery{Query: query}, servetest.Book{})
				q.Key = key
				_, err := p.SubmitQuery(t.Context(), q)
				require.NoError(t, err)
				_, err = p.SubmitQuery(t.Context(), q)
				assert.Equal(t, key == "", err != nil, "%v", err)
				assert.Equal(t, map[string]int{"k": 3, "": 2}[key], calls)
			})
		})
	}
}

// TestPeersOfTheOriginal are sent nothing that the original lacks, and their answers are understood.
func TestPeersOfTheOriginal(t *testing.T) {
	var got string
	peer(t, client.Options{Book: servetest.Book{}, Token: "0123456789abcdef"}, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got = strings.TrimSpace(string(b))
		assert.Empty(t, r.Header[wire.FrameHeader])
		assert.Equal(t, "Bearer 0123456789abcdef", r.Header.Get("Authorization"))
		assert.NotContains(t, r.URL.String(), "0123456789abcdef")
		w.Header().Set("Content-Type", wire.JSONType)
		_, _ = io.WriteString(w, map[string]string{
			"/node/join":                   `{"status": 0, "msg": "joined", "node_addr": "127.0.0.2:5001"}`,
			"/job/submit_job":              `{"status": 0, "msg": "", "job_uid": "GLOBAL_ID_7"}`,
			"/job/update_plan":             `{"status": 0, "msg": ""}`,
			"/query/sync_result":           `{"status": 500}`,
			"/job/get_runtime/GLOBAL_ID_7": `{"obj_n": 2, "obj_size": 100, "obj_stable": true}`,
			"/execute_task/face_detection": `{"faces": [], "bbox": [], "prob": []}`,
		}[r.URL.Path])
	}, func(t *testing.T, p client.Peer) {
		addr, err := p.JoinVideo(t.Context(), 5001, 0, "people")
		require.NoError(t, err)
		assert.Equal(t, "127.0.0.2:5001", addr)
		assert.JSONEq(t, `{"node_port": 5001, "video_id": 0, "video_type": "people"}`, got)
		a, err := p.SubmitJob(t.Context(), submit)
		require.NoError(t, err)
		assert.Nil(t, a)
		assert.JSONEq(t, `{"job_uid": "GLOBAL_ID_7", "node_addr": "127.0.0.1:5001", "video_id": 0, "pipeline": ["face_detection"], "user_constraint": {"latency": 1}}`, got)
		a, err = p.UpdatePlan(t.Context(), update, &query)
		require.NoError(t, err)
		assert.Nil(t, a)
		assert.JSONEq(t, `{"job_uid": "GLOBAL_ID_7", "video_conf": {"resolution": "480p", "fps": 30, "encoder": "JPEG"},
			"flow_mapping": {"face_detection": {"model_id": 1, "node_role": "cloud", "node_ip": "127.0.0.2"}}}`, got)
		k, err := p.SyncFrame(t.Context(), wire.FromSyncResult("edge1", 2, &results.Results[0], wire.FromFrame(&results.Results[0], wire.Plan{}, up, false)))
		require.NoError(t, err)
		assert.Nil(t, k)
		r, err := p.JobRuntime(t.Context(), 7)
		require.NoError(t, err)
		assert.Equal(t, 2., r.ObjN)
		x, err := p.Execute(t.Context(), "face_detection", &wire.Task{Image: picture(t), Crops: true}, frame)
		require.NoError(t, err)
		assert.False(t, x.Timed)
		assert.True(t, strings.HasPrefix(got, `{"image":"b'`) && !strings.Contains(got, "crops"), got)
	}, true)
}

// TestFromItsOwnAddress: a node calls from its ip, by which others know it.
func TestFromItsOwnAddress(t *testing.T) {
	n := &servetest.Node{}
	addr, down := loopback().up(t, n, wire.PortManager, "127.0.0.1:0", serve.Options{})
	defer down()
	c := client.New(client.Options{From: netip.MustParseAddr("127.0.0.9")})
	defer c.Close()
	_, _, err := c.Peer(addr, false).Join(t.Context(), join, "")
	require.NoError(t, err)
	asked, _ := n.Last()
	assert.Equal(t, "127.0.0.9", asked.Caller.Addr.Addr().String())
}
