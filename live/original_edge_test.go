package live_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"vidq/live/wire"
	"vidq/live/wiretest"
)

// edge plays an edge node of the original: job manager (5001) and compute services (5500).
type edge struct {
	program
	ip   string
	crop string // a literal
	mute bool   // its jobs do nothing

	sick   atomic.Bool // answers all with HTTP 500
	frozen atomic.Bool // answers nothing

	// Of a life, as mu of program guards them.
	ctx    context.Context
	cancel context.CancelFunc
	jobs   map[string]*edgeJob
}

// edgeJob is a job of an edge.
type edgeJob struct {
	submitted obj
	plan      atomic.Pointer[obj] // what update_plan last said
}

// newEdge returns an edge that does not run yet.
func newEdge(w *town, ip string) *edge {
	e := &edge{program: program{w: w}, ip: ip, crop: wire.FormatLiteral(wiretest.Noise(w, 24, 32)), cancel: func() {}}
	w.Cleanup(e.stop)
	return e
}

// start starts the edge, which joins with each of its videos.
func (e *edge) start(videos ...int) {
	e.w.Helper()
	e.mu.Lock()
	e.ctx, e.cancel = context.WithCancel(e.w.Context())
	e.jobs = map[string]*edgeJob{}
	e.mu.Unlock()
	e.listen(e.ip+":5001", e.answerJobs)
	e.listen(e.ip+":5500", e.answerServices)
	e.join(videos...)
}

func (e *edge) join(videos ...int) {
	e.w.Helper()
	for _, v := range videos {
		a := e.w.ask(e.ip, http.MethodPost, "127.0.0.1:5000/node/join", obj{"node_port": 5001, "video_id": v, "video_type": "anything"})
		require.Equal(e.w, obj{"status": 0., "msg": "joined one video to query_manager", "node_addr": e.ip + ":5001"}, a.json(e.w))
	}
}

// stop ends the edge at once: its jobs are gone.
func (e *edge) stop() {
	e.life(func() { e.cancel() })
	e.close()
}

func (e *edge) life(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
}

// hang waits while the edge is frozen.
func (e *edge) hang() {
	over := false
	for e.frozen.Load() && !over {
		time.Sleep(100 * time.Millisecond)
		e.life(func() { over = e.ctx.Err() != nil })
	}
}

func (e *edge) answerJobs(path string, body any) any {
	e.hang()
	if e.sick.Load() {
		return nil
	}
	uid, _ := within(body, "job_uid").(string)
	e.mu.Lock()
	defer e.mu.Unlock()
	switch path {
	case "/job/submit_job":
		if e.jobs[uid] != nil || e.ctx.Err() != nil {
			return nil
		}
		j := &edgeJob{submitted: body.(obj)}
		e.jobs[uid] = j
		if !e.mute {
			ctx := e.ctx
			e.group.Go(func() { e.work(ctx, uid, j) })
		}
		return obj{"status": 0, "msg": "submitted to manager from api: node/submit_job", "job_uid": uid}
	case "/job/update_plan":
		j := e.jobs[uid]
		if j == nil {
			return nil
		}
		plan := body.(obj)
		j.plan.Store(&plan)
		return obj{"status": 0, "msg": "node updated plan (manager.update_job_plan)"}
	}
	if uid, ok := strings.CutPrefix(path, "/job/get_runtime/"); ok && e.jobs[uid] != nil {
		return obj{}
	}
	return nil
}

// answerServices finds one face, looking up, in whatever it is shown.
func (e *edge) answerServices(path string, body any) any {
	e.hang()
	in, _ := body.(obj)
	switch {
	case path == "/execute_task/face_detection" && in["image"] != nil:
		return obj{"faces": []string{e.crop}, "bbox": [][]float64{{1, 2, 31, 42}}, "prob": []float64{.75}}
	case path == "/execute_task/face_alignment" && (in["faces"] != nil || in["image"] != nil):
		return obj{"count_result": obj{"up": 1, "total": 1}}
	}
	return nil
}

// work is a job's thread: a frame after the other goes through the pipeline, and its
// result to the query manager.
func (e *edge) work(ctx context.Context, uid string, j *edgeJob) {
	for loop := 1; ; loop++ {
		select {
		case <-ctx.Done():
			return
		case <-time.After(250 * time.Millisecond):
		}
		plan := j.plan.Load()
		if plan == nil {
			loop--
			continue
		}
		begin := time.Now()
		out := e.walk(ctx, j, *plan)
		if out == nil {
			continue
		}
		delay := time.Since(begin).Seconds() / 2 // at one frame in one
		out["frame_id"], out["n_loop"], out["delay"] = float64(loop), loop, delay
		out["ext_plan"] = obj{"video_conf": (*plan)["video_conf"], "flow_mapping": (*plan)["flow_mapping"]}
		out["ext_runtime"] = obj{"delay": delay, "obj_n": 1., "obj_size": 1200., "obj_stable": true}
		e.post(ctx, "127.0.0.1:5000/query/sync_result", obj{"job_uid": uid, "job_result": obj{"appended_result": out}})
	}
}

// walk returns what the last stage answers; nil if one fails.
func (e *edge) walk(ctx context.Context, j *edgeJob, plan obj) obj {
	out := obj{"image": e.crop}
	for _, s := range j.submitted["pipeline"].([]any) {
		ip, _ := within(plan, "flow_mapping", s.(string), "node_ip").(string)
		a, _ := e.post(ctx, ip+":5500/execute_task/"+s.(string), out).(obj)
		if out = a; out == nil {
			return nil
		}
	}
	return out
}

// post posts something; nil if there is no JSON in answer.
func (e *edge) post(ctx context.Context, url string, body any) any {
	data, err := json.Marshal(body)
	if err != nil {
		return nil
	}
	a, err := e.w.request(ctx, e.ip, http.MethodPost, url, data)
	if err != nil {
		return nil
	}
	defer func() { _ = a.Body.Close() }()
	var v any
	if data, err = io.ReadAll(a.Body); err != nil || a.StatusCode != http.StatusOK || json.Unmarshal(data, &v) != nil {
		return nil
	}
	return v
}
