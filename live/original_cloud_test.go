package live_test

import (
	"net/http"
	"sync/atomic"

	"github.com/stretchr/testify/require"

	"vidq/live/wire"
	"vidq/live/wiretest"
)

// cloud plays a cloud of the original: query manager (127.0.0.1:5000), side channel (5100) and, at 127.0.0.2, compute
// services.
type cloud struct {
	program
	crop  string // a literal
	known atomic.Pointer[map[string]bool]
}

// newCloud starts a cloud.
func newCloud(w *town) *cloud {
	c := &cloud{program: program{w: w}, crop: wire.FormatLiteral(wiretest.Noise(w, 24, 32))}
	w.Cleanup(c.close)
	c.start()
	return c
}

func (c *cloud) start() {
	c.known.Store(&map[string]bool{})
	c.listen("127.0.0.1:5000", c.answer)
	c.listen("127.0.0.2:5500", c.answerServices)
}

func (c *cloud) answer(path string, body any) any {
	uid, _ := within(body, "job_uid").(string)
	switch {
	case path == "/node/join" && within(body, "video_id") != nil && within(body, "video_type") != nil:
		return obj{"status": 0, "msg": "joined one video to query_manager", "node_addr": "127.0.0.1:5001"}
	case path == "/query/sync_result" && (*c.known.Load())[uid]:
		return obj{"status": 500}
	}
	return nil
}

func (c *cloud) answerServices(path string, body any) any {
	in, _ := body.(obj)
	switch {
	case path == "/execute_task/face_detection" && in["image"] != nil:
		return obj{"faces": []string{c.crop, c.crop}, "bbox": [][]float64{{0, 0, 10, 20}, {20, 0, 40, 30}}, "prob": []float64{.75, .5}}
	case path == "/execute_task/face_alignment" && (in["faces"] != nil || in["image"] != nil):
		return obj{"count_result": obj{"up": 2, "total": 5}}
	}
	return nil
}

// submit gives the edge at 127.0.0.1 a job, as the original does: without a plan.
func (c *cloud) submit(uid string, video int) {
	c.w.Helper()
	known := map[string]bool{uid: true}
	for k := range *c.known.Load() {
		known[k] = true
	}
	c.known.Store(&known)
	a := c.w.ask("127.0.0.1", http.MethodPost, "127.0.0.1:5001/job/submit_job", jobOf(uid, video))
	require.Equal(c.w, obj{"status": 0., "msg": "submitted to manager from api: node/submit_job", "job_uid": uid}, a.json(c.w))
}

func jobOf(uid string, video int) obj {
	return obj{
		"job_uid": uid, "node_addr": "127.0.0.1:5001", "video_id": video, "pipeline": faces,
		"user_constraint": obj{"delay": .3, "accuracy": .9},
	}
}

// planOf is a plan as the original's cloud tells it.
func planOf(fps float64, detection, alignment obj) obj {
	return obj{
		"video_conf":   obj{"resolution": "480p", "fps": fps, "encoder": "JPEG"},
		"flow_mapping": obj{"face_detection": detection, "face_alignment": alignment},
	}
}

func placed(role, ip string) obj {
	return obj{"model_id": 0., "node_role": role, "node_ip": ip}
}

// plan changes a job's plan.
func (c *cloud) plan(uid string, plan obj) *said {
	c.w.Helper()
	return c.w.ask("127.0.0.1", http.MethodPost, "127.0.0.1:5001/job/update_plan", obj{"job_uid": uid, "video_conf": plan["video_conf"], "flow_mapping": plan["flow_mapping"]})
}

// results returns the frames that a job has told.
func (c *cloud) results(uid string) (all []obj) {
	for _, h := range c.heardAt("/query/sync_result") {
		if within(h.body, "job_uid") == uid {
			all = append(all, within(h.body, "job_result", "appended_result").(obj))
		}
	}
	return all
}
