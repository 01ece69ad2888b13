package live_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// keysOf returns the keys of a JSON object at every depth, but for those below a key that is itself
// an id or an address.
func keysOf(v any) (all []string) {
	switch v := v.(type) {
	case obj:
		for k, x := range v {
			all = append(all, k)
			all = append(all, keysOf(x)...)
		}
	case []any:
		for _, x := range v {
			all = append(all, keysOf(x)...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// The keys of what the original's nodes are sent, by the captured exchanges.
var plainKeys = map[string][]string{
	"/job/submit_job":              {"accuracy", "delay", "job_uid", "node_addr", "pipeline", "user_constraint", "video_id"},
	"/job/update_plan":             {"encoder", "face_alignment", "face_detection", "flow_mapping", "fps", "job_uid", "model_id", "node_ip", "node_role", "resolution", "video_conf"},
	"/execute_task/face_detection": {"image"},
	"/execute_task/face_alignment": {"bbox", "faces", "prob"},
}

// nothingExtra holds that an edge has heard of nothing that the original does not know.
func nothingExtra(t *testing.T, e *edge) {
	t.Helper()
	for _, h := range e.heardAt("/") {
		if strings.HasPrefix(h.from, e.ip+":") {
			continue // it calls itself
		}
		if strings.HasPrefix(h.path, "/job/get_runtime/") {
			assert.Nil(t, h.body)
		} else if assert.Contains(t, plainKeys, h.path) {
			assert.Equal(t, plainKeys[h.path], keysOf(h.body), h.path)
		}
		for k := range h.header {
			assert.Contains(t, []string{"Accept-Encoding", "Content-Length", "Content-Type", "User-Agent"}, k)
		}
	}
}

// TestOriginalEdge: a node of the original under vidq's query manager is given jobs and plans in
// words that it knows, and its results are told to users; its services are called by nodes of vidq, it
// calls theirs.
func TestOriginalEdge(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		// The first stage at the edge of the original, for others' queries as well, the second in vidq's cloud.
		sc := original(t, `scheduler.static.plan=given`, `scheduler.static.place=["edge1", "cloud"]`, `scheduler.static.fps=10`)
		w.vidq(sc, "cloud", "edge2")
		e := newEdge(w, "127.0.0.1")
		e.start(0, 1, 3)
		own := w.submit("127.0.0.1:5001", 1, faces...)
		other := w.submit("127.0.0.3:5001", 0, faces...)
		assert.Equal(t, []string{"GLOBAL_ID_1", "GLOBAL_ID_2"}, []string{own, other})
		time.Sleep(10 * time.Second)

		jobs := e.heardAt("/job/submit_job")
		require.Len(t, jobs, 1)
		assert.Equal(t, obj{
			"job_uid": own, "node_addr": "127.0.0.1:5001", "video_id": 1., "pipeline": []any{"face_detection", "face_alignment"},
			"user_constraint": obj{"delay": .3, "accuracy": .9},
		}, jobs[0].body)
		plans := e.heardAt("/job/update_plan")
		require.Len(t, plans, 1)
		assert.Equal(t, obj{
			"job_uid": own, "video_conf": obj{"resolution": "480p", "fps": 10., "encoder": "JPEG"},
			"flow_mapping": obj{
				"face_detection": obj{"model_id": 0., "node_role": "host", "node_ip": "127.0.0.1"},
				"face_alignment": obj{"model_id": 0., "node_role": "cloud", "node_ip": "127.0.0.2"},
			},
		}, plans[0].body)
		nothingExtra(t, e)

		results := w.get("127.0.0.1:5000/query/get_result/" + own)
		loops := w.loops(own)
		require.Len(t, loops, 10)
		for i, n := range loops[1:] {
			assert.Equal(t, loops[i]+1, n)
		}
		frame := results.at(t, "appended_result").([]any)[9]
		assert.Equal(t, obj{"up": 1., "total": 1.}, within(frame, "count_result"), "vidq's service saw the one face that it was sent")
		assert.Equal(t, within(plans[0].body, "video_conf", "fps"), within(frame, "ext_plan", "video_conf", "fps"))
		assert.Equal(t, 1., within(frame, "ext_runtime", "obj_n"))
		assert.Equal(t, 1200., within(frame, "ext_runtime", "obj_size"))
		assert.Equal(t, w.done(own), loops[9], "each is stored once")

		// What the service of the original found at edge2's frames: one face of 30 by 40.
		frame = w.get("127.0.0.1:5000/query/get_result/"+other).at(t, "appended_result").([]any)[9]
		assert.Equal(t, 1., within(frame, "ext_runtime", "obj_n"))
		assert.Equal(t, 1200., within(frame, "ext_runtime", "obj_size"))
		for _, l := range w.get("127.0.0.1:5000/query/list").at(t, "queries").([]any) {
			assert.Equal(t, "running", within(l, "state_name"))
		}
	})
}

// TestOriginalRepeatsAreDropped: results of the original are known by n_loop.
func TestOriginalRepeatsAreDropped(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		w.vidq(original(t), "cloud")
		e := newEdge(w, "127.0.0.1")
		e.mute = true
		e.start(0)
		id := w.submit("127.0.0.1:5001", 0, faces...)
		time.Sleep(5 * time.Second)
		tell := func(loop int, frame float64) {
			a := w.ask("127.0.0.1", http.MethodPost, "127.0.0.1:5000/query/sync_result", obj{"job_uid": id, "job_result": obj{"appended_result": obj{
				"count_result": obj{"up": loop, "total": loop}, "frame_id": frame, "n_loop": loop, "delay": .1,
				"ext_plan": obj{"video_conf": nil, "flow_mapping": nil}, "ext_runtime": obj{},
			}}})
			assert.Equal(t, obj{"status": 0.}, a.json(t))
		}
		for _, loop := range []int{1, 2, 2, 1, 3, 3, 5, 4} {
			tell(loop, float64(3*loop))
		}
		assert.Equal(t, []float64{1, 2, 3, 5}, w.loops(id))
		assert.Equal(t, 4., w.done(id))
		frames := w.get("127.0.0.1:5000/query/get_result/"+id).at(t, "appended_result").([]any)
		assert.InDelta(t, .2, within(frames[0], "delay"), 1e-9, "the original divides by one frame too many")
		assert.InDelta(t, .1*4/3, within(frames[1], "delay"), 1e-9)

		// After a restart it counts anew.
		e.stop()
		e.start(0)
		time.Sleep(5 * time.Second)
		tell(1, 1)
		assert.Equal(t, []float64{1, 2, 3, 5, 1}, w.loops(id))
	})
}

// TestOriginalResultsAtOnce: many frames of several jobs arrive while the store is busy; each is acknowledged
// when it is stored, none is lost.
func TestOriginalResultsAtOnce(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		w.vidq(original(t), "cloud")
		e := newEdge(w, "127.0.0.1")
		e.mute = true
		e.start(0, 1)
		ids := []string{w.submit("127.0.0.1:5001", 0, faces...), w.submit("127.0.0.1:5001", 1, faces...)}
		time.Sleep(5 * time.Second)
		took := make(chan time.Duration, 20)
		for loop := 1; loop <= 10; loop++ {
			for _, id := range ids {
				go func() {
					a := w.ask("127.0.0.1", http.MethodPost, "127.0.0.1:5000/query/sync_result", obj{"job_uid": id, "job_result": obj{"appended_result": obj{
						"frame_id": float64(loop), "n_loop": loop, "delay": .1, "ext_plan": obj{"video_conf": nil, "flow_mapping": nil}, "ext_runtime": obj{},
					}}})
					assert.Equal(t, obj{"status": 0.}, a.json(t))
					took <- a.took
				}()
			}
			time.Sleep(time.Millisecond)
		}
		for range cap(took) {
			assert.Less(t, <-took, 100*time.Millisecond)
		}
		for _, id := range ids {
			assert.Len(t, w.loops(id), 10)
			assert.Equal(t, 10., w.done(id))
		}
	})
}

// upOf returns whether get_video_info says that an edge is up.
func upOf(w *town, addr string) any {
	return w.get("127.0.0.1:5000/node/get_video_info").at(w, addr, "0", "up")
}

// TestOriginalEdgeDies: a node of the original that does not answer three times is down, and nobody else
// notices; when it is back it is given its job again.
func TestOriginalEdgeDies(t *testing.T) {
	for name, die := range map[string]func(*edge){
		"killed": (*edge).stop,
		"frozen": func(e *edge) { e.frozen.Store(true) },
	} {
		t.Run(name, func(t *testing.T) {
			inTown(t, func(t *testing.T, w *town) {
				w.vidq(original(t), "cloud", "edge2")
				e := newEdge(w, "127.0.0.1")
				e.start(0)
				own, other := w.submit("127.0.0.1:5001", 0, faces...), w.submit("127.0.0.3:5001", 0, faces...)
				time.Sleep(10 * time.Second)
				require.NotEmpty(t, w.loops(own))
				die(e)
				time.Sleep(4 * time.Second) // one poll
				assert.Equal(t, true, upOf(w, "127.0.0.1:5001"), "one failure is none")
				time.Sleep(24 * time.Second)
				assert.Equal(t, false, upOf(w, "127.0.0.1:5001"))
				assert.Equal(t, true, upOf(w, "127.0.0.3:5001"))

				// Plans of others go on, also of who comes now; for the dead node's queries a plan waits.
				before := w.done(other)
				late := w.submit("127.0.0.3:5001", 0, faces...)
				w.submit("127.0.0.1:5001", 0, faces...)
				time.Sleep(6 * time.Second)
				assert.Greater(t, w.done(other), before)
				assert.NotEmpty(t, w.loops(late))
				assert.NotNil(t, w.get("127.0.0.1:5000/query/get_plan/"+late).at(t, "video_conf"))

				stored := w.done(own)
				if name == "frozen" { // it thaws with all that it had
					e.frozen.Store(false)
				} else {
					e.start(0)
				}
				time.Sleep(10 * time.Second)
				assert.Equal(t, true, upOf(w, "127.0.0.1:5001"))
				assert.Greater(t, w.done(own), stored)
				nothingExtra(t, e)
				submitted := 0
				for _, h := range e.heardAt("/job/submit_job") {
					if within(h.body, "job_uid") == own {
						submitted++
					}
				}
				assert.Equal(t, map[string]int{"killed": 2, "frozen": 1}[name], submitted)
			})
		})
	}
}

// TestOriginalEdgeForgets: an edge that was started again while nobody listened to its join
// has no jobs and does not say so: that a runtime context cannot be told does.
func TestOriginalEdgeForgets(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		w.vidq(original(t), "cloud")
		e := newEdge(w, "127.0.0.1")
		e.start(0)
		id := w.submit("127.0.0.1:5001", 0, faces...)
		time.Sleep(6 * time.Second)
		e.stop()
		e.start() // no join
		time.Sleep(10 * time.Second)
		assert.Len(t, e.heardAt("/job/submit_job"), 2)
		stored := w.done(id)
		time.Sleep(30 * time.Second)
		assert.Greater(t, w.done(id), stored)
	})
}

// TestOriginalEdgeFails: HTTP 500 in answer to everything breaks nothing, and is healed.
func TestOriginalEdgeFails(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		w.vidq(original(t), "cloud", "edge2")
		e := newEdge(w, "127.0.0.1")
		e.start(0)
		e.sick.Store(true)
		own, other := w.submit("127.0.0.1:5001", 0, faces...), w.submit("127.0.0.3:5001", 0, faces...)
		time.Sleep(20 * time.Second)
		assert.Equal(t, true, upOf(w, "127.0.0.1:5001"), "it answers")
		assert.Empty(t, w.loops(own))
		assert.NotEmpty(t, w.loops(other))
		n := len(e.heardAt("/job/submit_job"))
		assert.LessOrEqual(t, n, 30, "a request that is refused is not hammered")
		e.sick.Store(false)
		time.Sleep(15 * time.Second)
		assert.NotEmpty(t, w.loops(own))
		nothingExtra(t, e)
	})
}

// TestOriginalEdgeCannotStop: what it still tells of a query that was stopped is not listened to, however often.
func TestOriginalEdgeCannotStop(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		w.vidq(original(t), "cloud")
		e := newEdge(w, "127.0.0.1")
		e.start(0)
		id, other := w.submit("127.0.0.1:5001", 0, faces...), w.submit("127.0.0.1:5001", 0, faces...)
		time.Sleep(6 * time.Second)
		a := w.ask("127.0.0.1", http.MethodPost, "127.0.0.1:5000/query/stop_query/"+id, "")
		require.Equal(t, http.StatusOK, a.status, "%s", a.body)
		time.Sleep(time.Second)
		stored, others := w.done(id), w.done(other)
		time.Sleep(20 * time.Second)
		assert.Equal(t, "stopped", w.row(id)["state_name"])
		assert.Equal(t, stored, w.done(id))
		assert.Greater(t, w.done(other), others)
		assert.Len(t, e.heardAt("/job/submit_job"), 2)
		nothingExtra(t, e)
	})
}

// TestManagerOfOriginalEdgeRestarts: the original joins once. A query manager that has lost its nodes is
// told of one by its results.
func TestManagerOfOriginalEdgeRestarts(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		sc := original(t)
		store := w.store(sc)
		stop := w.vidqOn(store, sc, "cloud")
		e := newEdge(w, "127.0.0.1")
		e.start(0)
		id := w.submit("127.0.0.1:5001", 0, faces...)
		time.Sleep(8 * time.Second)
		stop()
		time.Sleep(5 * time.Second)
		w.vidqOn(store, sc, "cloud")
		stored := w.done(id)
		time.Sleep(5 * time.Second)
		assert.Greater(t, w.done(id), stored)
		assert.Equal(t, true, upOf(w, "127.0.0.1:5001"))
		time.Sleep(10 * time.Second)
		assert.Len(t, e.heardAt("/job/submit_job"), 1, "it has the job")
		loops := w.loops(id)
		for i, n := range loops[1:] {
			assert.Equal(t, loops[i]+1, n)
		}
	})
}

// TestOriginalAndVidqAtOnePlace: a node of vidq that is up is not taken for one of the original, and may follow
// one that was.
func TestOriginalAndVidqAtOnePlace(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		sc := original(t)
		w.vidq(sc, "cloud")
		e := newEdge(w, "127.0.0.1")
		e.start(0)
		id := w.submit("127.0.0.1:5001", 0, faces...)
		time.Sleep(6 * time.Second)
		require.NotEmpty(t, w.loops(id))
		e.stop()
		time.Sleep(30 * time.Second)
		w.vidq(sc, "edge1")
		stored := w.done(id)
		time.Sleep(6 * time.Second)
		assert.Greater(t, w.done(id), stored)
		assert.NotNil(t, w.get("127.0.0.1:5000/query/get_result/"+id).at(t, "latest_result", "plan_result", "delay", "face_detection"), "as only vidq's nodes tell")
		a := w.ask("127.0.0.1", http.MethodPost, "127.0.0.1:5000/node/join", obj{"node_port": 5001, "video_id": 0, "video_type": "x"})
		assert.Equal(t, http.StatusConflict, a.status, "%s", a.body)

		// Nor is one at an address that the scenario does not know, or with a video that it has not.
		for _, c := range []struct {
			from string
			body obj
		}{
			{"127.0.0.9", obj{"node_port": 5001, "video_id": 0, "video_type": "x"}},
			{"127.0.0.3", obj{"node_port": 5002, "video_id": 0, "video_type": "x"}},
			{"127.0.0.3", obj{"node_port": 5001, "video_id": 1, "video_type": "x"}},
		} {
			a := w.ask(c.from, http.MethodPost, "127.0.0.1:5000/node/join", c.body)
			assert.Equal(t, http.StatusNotFound, a.status, "%s", a.body)
		}
	})
}
