package live_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/live/wire"
)

// TestOriginalCloud: a node of vidq under the query manager of the original joins video by video, takes jobs and
// plans in the original's words, and tells results frame by frame.
func TestOriginalCloud(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		c := newCloud(w)
		w.vidq(original(t), "edge1")
		joins := c.heardAt("/node/join")
		require.Len(t, joins, 5, "the first asks whether the query manager is vidq's")
		for i, kind := range []string{"student in classroom", "people in meeting-room", "", "traffic flow outdoor"} {
			assert.Equal(t, obj{"node_port": 5001., "video_id": float64(i), "video_type": kind}, joins[i+1].body)
		}

		const id = "GLOBAL_ID_1"
		c.submit(id, 1)
		time.Sleep(2 * time.Second)
		assert.Empty(t, c.results(id), "no plan, no frame")
		assert.Equal(t, obj{}, w.get("127.0.0.1:5001/job/get_runtime/"+id).json(t))
		split := planOf(10, placed("host", "127.0.0.1"), placed("cloud", "127.0.0.2"))
		assert.Equal(t, obj{"status": 0., "msg": "node updated plan (manager.update_job_plan)"}, c.plan(id, split).json(t))
		time.Sleep(10 * time.Second)

		all := c.results(id)
		require.Greater(t, len(all), 20)
		for i, f := range all {
			assert.Equal(t, float64(i+1), f["n_loop"])
			assert.Equal(t, float64(3*i+1), f["frame_id"], "every third of 30 a second")
			assert.Equal(t, obj{"up": 2., "total": 5.}, f["count_result"])
			assert.Equal(t, split, f["ext_plan"])
			assert.Equal(t, []string{"delay", "obj_n", "obj_size", "obj_stable"}, keysOf(f["ext_runtime"]))
			assert.Equal(t, f["delay"], within(f, "ext_runtime", "delay"))
			assert.Equal(t, []string{"count_result", "delay", "ext_plan", "ext_runtime", "frame_id", "n_loop"}, topKeys(f))
		}
		assert.Empty(t, c.heardAt("/node/heartbeat"))
		assert.Empty(t, c.heardAt("/query/sync_results"))
		for _, h := range c.heardAt("/execute_task/") {
			assert.Equal(t, []string{"bbox", "faces", "prob"}, topKeys(h.body.(obj)))
			assert.Empty(t, h.header.Get(wire.FrameHeader))
			for _, s := range h.body.(obj)["faces"].([]any) {
				assert.Regexp(t, `^b'\\xff\\xd8`, s)
			}
		}

		// The other way round: what the original's service finds is what is told, whatever the picture showed.
		swapped := planOf(5, placed("cloud", "127.0.0.2"), placed("host", "127.0.0.1"))
		c.plan(id, swapped)
		time.Sleep(20 * time.Second) // the runtime context is of the last frames
		last := c.results(id)[len(c.results(id))-1]
		assert.Equal(t, swapped, last["ext_plan"])
		assert.Equal(t, 2., within(last, "ext_runtime", "obj_n"))
		assert.Equal(t, 400., within(last, "ext_runtime", "obj_size"))
		assert.Equal(t, true, within(last, "ext_runtime", "obj_stable"))
		assert.Equal(t, obj{"up": 1., "total": 2.}, last["count_result"])
		runtime := w.get("127.0.0.1:5001/job/get_runtime/" + id)
		assert.Equal(t, true, runtime.at(t, "obj_stable"))
		assert.Equal(t, 2., runtime.at(t, "obj_n"))
	})
}

func topKeys(v obj) (all []string) {
	for k := range v {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// TestOriginalCloudErrs: what the original's cloud may get wrong is answered by JSON that says so, and
// changes nothing.
func TestOriginalCloudErrs(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		c := newCloud(w)
		w.vidq(original(t), "edge1")
		c.submit("GLOBAL_ID_1", 0)
		host := placed("host", "127.0.0.1")
		plan := planOf(10, host, host)
		c.plan("GLOBAL_ID_1", plan)
		with := func(uid string, change obj) obj {
			p := obj{"job_uid": uid}
			for k, v := range plan {
				p[k] = v
			}
			for k, v := range change {
				p[k] = v
			}
			return p
		}
		other := jobOf("GLOBAL_ID_1", 2)
		empty := jobOf("GLOBAL_ID_9", 0)
		empty["pipeline"] = []string{}
		for _, e := range []struct {
			name, path string
			body       any
			status     int
		}{
			{"a plan of an unknown job", "update_plan", with("GLOBAL_ID_2", nil), 404},
			{"a plan that forgets a service", "update_plan", with("GLOBAL_ID_1", obj{"flow_mapping": obj{"face_detection": host}}), 422},
			{"a plan on a node that nobody knows", "update_plan", with("GLOBAL_ID_1", obj{"flow_mapping": obj{"face_detection": host, "face_alignment": placed("cloud", "10.0.0.1")}}), 404},
			{"a plan without a rate", "update_plan", with("GLOBAL_ID_1", obj{"video_conf": obj{"resolution": "480p", "encoder": "JPEG"}}), 422},
			{"an unknown video", "submit_job", jobOf("GLOBAL_ID_3", 99), 404},
			{"an empty pipeline", "submit_job", empty, 422},
			{"an id that is another query's", "submit_job", other, 409},
			{"no JSON", "submit_job", "{", 400},
		} {
			a := w.ask("127.0.0.1", http.MethodPost, "127.0.0.1:5001/job/"+e.path, e.body)
			assert.Equal(t, e.status, a.status, "%s: %s", e.name, a.body)
			assert.NotEmpty(t, a.at(t, "error"), e.name)
			assert.NotZero(t, a.at(t, "status"), e.name)
		}
		again := w.ask("127.0.0.1", http.MethodPost, "127.0.0.1:5001/job/submit_job", jobOf("GLOBAL_ID_1", 0))
		assert.Equal(t, 200, again.status, "the same job twice is one")
		time.Sleep(5 * time.Second)
		assert.NotEmpty(t, c.results("GLOBAL_ID_1"))
		assert.Len(t, w.get("127.0.0.1:5001/job/list").at(t, "jobs"), 1)
	})
}

// TestOriginalCloudDies: a query manager of the original that is gone for a while is joined again, video by
// video. Of jobs that it has forgotten it takes nothing; those that it gives are served.
func TestOriginalCloudDies(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		c := newCloud(w)
		w.vidq(original(t), "edge1")
		host := placed("host", "127.0.0.1")
		c.submit("GLOBAL_ID_1", 0)
		c.plan("GLOBAL_ID_1", planOf(10, host, host))
		time.Sleep(5 * time.Second)
		require.NotEmpty(t, c.results("GLOBAL_ID_1"))
		c.close()
		time.Sleep(20 * time.Second)
		joins := len(c.heardAt("/node/join"))
		c.start()
		time.Sleep(10 * time.Second)
		assert.Len(t, c.heardAt("/node/join"), joins+5)
		c.submit("GLOBAL_ID_2", 3)
		c.plan("GLOBAL_ID_2", planOf(10, host, host))
		time.Sleep(5 * time.Second)
		all := c.results("GLOBAL_ID_2")
		require.NotEmpty(t, all)
		for i, f := range all {
			assert.Equal(t, float64(i+1), f["n_loop"])
		}
	})
}

// TestExperimentScript: the original's own experiment script takes the last frames and, of the newest one,
// the plan and what each service took.
func TestExperimentScript(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		w.vidq(original(t))
		id := w.submit("127.0.0.1:5001", 0, faces...)
		assert.Nil(t, w.get("127.0.0.1:5000/query/get_result/"+id).json(t))
		time.Sleep(10 * time.Second)
		a := w.get("127.0.0.1:5000/query/get_result/" + id)
		frames := a.at(t, "appended_result").([]any)
		require.Len(t, frames, 10)
		newest := frames[9].(obj)
		plan := a.at(t, "latest_result", "plan").(obj)
		assert.Equal(t, newest["ext_plan"], plan)
		assert.Equal(t, "480p", within(plan, "video_conf", "resolution"))
		assert.Equal(t, "host", within(plan, "flow_mapping", "face_alignment", "node_role"))
		delay := a.at(t, "latest_result", "plan_result", "delay").(obj)
		require.Equal(t, []string{"face_alignment", "face_detection"}, topKeys(delay))
		sum := delay["face_alignment"].(float64) + delay["face_detection"].(float64)
		assert.InDelta(t, newest["delay"], sum, 1e-6, "at every frame nothing is amortised")
		assert.Equal(t, a.json(t), w.get("127.0.0.1:5000/query/get_agg_info/"+id).json(t))
	})
}
