package live_test

import (
	"bufio"
	"bytes"
	"image/jpeg"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/live"
	"vidq/live/wire"
	"vidq/live/wiretest"
	"vidq/scenarios"
)

// failing is the scenario of what the original fails at: beside the videos of the exchanges one in which
// nobody is seen, one that ends and one whose file is missing.
func failing(t *testing.T) *scenarios.Scenario {
	text, err := os.ReadFile("testdata/original.toml")
	require.NoError(t, err)
	for _, c := range []string{
		`id = "nobody"` + "\n" + `content = "empty"` + "\n" + `class = "faces"` + "\n" + `loop = true`,
		`id = "short"` + "\n" + `content = "classroom"` + "\n" + `frames = 20`,
	} {
		text = append(text, "\n[[camera]]\nnode = \"edge2\"\nmode = \"file\"\n"+c+"\n"...)
	}
	sc, err := scenarios.Parse("failing", text, nil)
	require.NoError(t, err)
	return sc
}

// The numbers of edge2's videos.
const (
	videoOther = iota
	videoNobody
	videoShort
)

// submission is a request for a query at edge2, with other values for some keys; nil = without the key.
func submission(change obj) obj {
	q := obj{"node_addr": "127.0.0.3:5001", "video_id": videoOther, "pipeline": faces, "user_constraint": obj{"delay": .3, "accuracy": .9}}
	for k, v := range change {
		if q[k] = v; v == nil {
			delete(q, k)
		}
	}
	return q
}

// failure is a way in which the original fails.
type failure struct {
	name string
	do   func(w *town)
}

// refusedWith is a failure that vidq refuses.
func refusedWith(status int, name, method, url string, body any) failure {
	return failure{name, func(w *town) {
		a := w.ask("127.0.0.1", method, url, body)
		assert.Equal(w, status, a.status, "%s: %s", name, a.body)
		assert.Equal(w, "application/json", a.kind, name)
		assert.NotZero(w, a.at(w, "status"), name)
		assert.NotEmpty(w, a.at(w, "error"), name)
	}}
}

// served is a query that the original accepts and that stops something; vidq serves it.
func served(name string, change obj, then func(w *town, id string)) failure {
	return failure{name, func(w *town) {
		a := w.ask("127.0.0.1", http.MethodPost, "127.0.0.1:5000/query/submit_query", submission(change))
		require.Equal(w, http.StatusOK, a.status, "%s: %s", name, a.body)
		id := a.at(w, "query_id").(string)
		time.Sleep(10 * time.Second)
		then(w, id)
		w.ask("127.0.0.1", http.MethodPost, "127.0.0.1:5000/query/stop_query/"+id, "")
	}}
}

// hasResults holds that a query is planned and served.
func hasResults(w *town, id string) {
	assert.NotNil(w, w.get("127.0.0.1:5000/query/get_plan/"+id).at(w, "video_conf"))
	assert.NotEmpty(w, w.loops(id))
}

const (
	managerAt  = "127.0.0.1:5000"
	jobsAt     = "127.0.0.3:5001"
	servicesAt = "127.0.0.3:5500"
)

func failures(t *testing.T) []failure {
	picture := wire.FormatLiteral(wiretest.Noise(t, 24, 32))
	post, get := http.MethodPost, http.MethodGet
	all := []failure{
		refusedWith(400, "no JSON", post, managerAt+"/query/submit_query", `{"node_addr": `),
		refusedWith(422, "another shape", post, managerAt+"/query/submit_query", `[1, 2]`),
		refusedWith(422, "an empty object", post, managerAt+"/query/submit_query", `{}`),
		refusedWith(422, "a join of nothing", post, managerAt+"/node/join", `{}`),
		refusedWith(422, "a result of nothing", post, managerAt+"/query/sync_result", `{"job_uid": "GLOBAL_ID_1"}`),
		refusedWith(400, "a job that is no JSON", post, jobsAt+"/job/submit_job", `job_uid=GLOBAL_ID_1`),
		refusedWith(422, "an image that is code", post, servicesAt+"/execute_task/face_detection", obj{"image": "__import__('os').system('true')"}),
		refusedWith(404, "a service that there is none", post, servicesAt+"/execute_task/helmet_detection", obj{"image": picture}),
		refusedWith(422, "no user_constraint", post, managerAt+"/query/submit_query", submission(obj{"user_constraint": nil})),
		refusedWith(422, "an empty pipeline", post, managerAt+"/query/submit_query", submission(obj{"pipeline": []string{}})),
		refusedWith(404, "an unknown video", post, managerAt+"/query/submit_query", submission(obj{"video_id": 99})),
		refusedWith(404, "an unknown node", post, managerAt+"/query/submit_query", submission(obj{"node_addr": "127.0.0.9:5001"})),
		refusedWith(404, "a plan of an unknown job", post, jobsAt+"/job/update_plan", obj{"job_uid": "GLOBAL_ID_99", "video_conf": obj{"resolution": "480p", "fps": 1, "encoder": "JPEG"}, "flow_mapping": obj{}}),
		served("a constraint without accuracy", obj{"user_constraint": obj{"delay": .3}}, hasResults),
		served("no constraint at all", obj{"user_constraint": obj{}}, hasResults),
		served("frames without faces", obj{"video_id": videoNobody}, func(w *town, id string) {
			hasResults(w, id)
			frame := w.get(managerAt+"/query/get_result/"+id).at(w, "appended_result").([]any)[0]
			assert.Equal(w, obj{"up": 0., "total": 0.}, within(frame, "count_result"))
			assert.Equal(w, 0., within(frame, "ext_runtime", "obj_n"))
			assert.Equal(w, 0., within(frame, "ext_runtime", "obj_size"))
		}),
		served("the end of the video", obj{"video_id": videoShort}, func(w *town, id string) {
			time.Sleep(10 * time.Second)
			assert.Equal(w, "done", w.row(id)["state_name"])
			assert.Equal(w, 20., w.done(id))
			assert.Equal(w, 20., w.loops(id)[9])
		}),
	}
	for _, path := range []string{"get_result", "get_agg_info", "get_plan", "get_runtime"} {
		all = append(all, refusedWith(404, path+" of an unknown id", get, managerAt+"/query/"+path+"/GLOBAL_ID_99", nil),
			refusedWith(404, path+" of no id", get, managerAt+"/query/"+path+"/7", nil))
	}
	return append(all,
		refusedWith(404, "the runtime context of an unknown job", get, jobsAt+"/job/get_runtime/GLOBAL_ID_99", nil),
		refusedWith(404, "the video of an unknown query at the edge", get, "127.0.0.3:5101/user/video/GLOBAL_ID_99", nil),
		refusedWith(404, "the video of an unknown query in the cloud", get, "127.0.0.1:5100/user/video/GLOBAL_ID_99", nil),
		refusedWith(404, "the address of an unknown query", post, "127.0.0.1:5100/user/update_node_addr", obj{"job_uid": "GLOBAL_ID_99", "node_addr": "127.0.0.3:5101"}),
		refusedWith(404, "an address of nobody", post, "127.0.0.1:5100/user/update_node_addr", obj{"job_uid": "GLOBAL_ID_1", "node_addr": "10.0.0.1:5101"}),
	)
}

// TestHowTheOriginalFails: what stops the original, or makes it answer with a traceback, is refused or served, and
// other queries go on.
func TestHowTheOriginalFails(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		w.vidq(failing(t))
		witness := w.submit("127.0.0.1:5001", 0, faces...)
		time.Sleep(5 * time.Second)
		for _, f := range failures(t) {
			before := w.done(witness)
			f.do(w)
			time.Sleep(3 * time.Second)
			assert.Greater(t, w.done(witness), before, "after %s", f.name)
			assert.Equal(t, "running", w.row(witness)["state_name"], "after %s", f.name)
		}
		// Plans are made as ever.
		late := w.submit("127.0.0.1:5001", 1, faces...)
		time.Sleep(10 * time.Second)
		hasResults(w, late)
	})
}

// picturesOf reads pictures of a stream until one that is empty, or n.
func picturesOf(t *testing.T, body io.Reader, n int) (all [][]byte) {
	t.Helper()
	r := bufio.NewReader(body)
	for len(all) < n {
		length := 0
		for {
			line, err := r.ReadString('\n')
			require.NoError(t, err)
			line = strings.TrimSpace(line)
			if k, v, ok := strings.Cut(line, ": "); ok && strings.EqualFold(k, "Content-Length") {
				for _, c := range v {
					length = 10*length + int(c-'0')
				}
			}
			if line == "" && length > 0 {
				break
			}
		}
		b := make([]byte, length)
		_, err := io.ReadFull(r, b)
		require.NoError(t, err)
		all = append(all, b)
	}
	return all
}

// seeing is the scenario with small pictures and few frames of the video that is watched.
func seeing(t *testing.T, set ...string) *scenarios.Scenario {
	return original(t, append([]string{"scheduler.static.resolution=360p", "scheduler.static.fps=1", "camera.other.resolution=360p", "camera.hall.resolution=360p"}, set...)...)
}

// TestViewers: any number of viewers watch a query, through the cloud, too. One that takes nothing holds up neither them
// nor the job.
func TestViewers(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		sc := seeing(t)
		store := w.store(sc)
		w.run(&live.Options{
			Scenario: sc, Scheduler: sc.Scheduler.Spec, Seed: sc.Seed, Clock: store.clock, Store: store, Incarnation: counted(), Video: true,
			HTTP: &live.HTTP{Listen: w.net.Listen, Dial: w.net.Dialer},
		})
		id := w.submit("127.0.0.3:5001", 0, faces...)
		time.Sleep(4 * time.Second)
		var viewers []io.Reader
		for _, at := range []string{"127.0.0.3:5101", "127.0.0.3:5101", "127.0.0.3:5101", "127.0.0.1:5100", "127.0.0.1:5100"} {
			a, err := w.request(w.Context(), "127.0.0.1", http.MethodGet, at+"/user/video/"+id, nil)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, a.StatusCode)
			w.Cleanup(func() { _ = a.Body.Close() })
			viewers = append(viewers, a.Body)
		}
		before := w.done(id)
		for _, v := range viewers[1:] { // the first takes nothing
			for _, b := range picturesOf(t, v, 2) {
				c, err := jpeg.DecodeConfig(bytes.NewReader(b))
				require.NoError(t, err)
				assert.Equal(t, [2]int{480, 360}, [2]int{c.Width, c.Height})
			}
		}
		time.Sleep(5 * time.Second)
		assert.Greater(t, w.done(id), before+3)
	})
}

// TestMissingVideo: a query on a file that is not there waits for it, and nobody else does.
func TestMissingVideo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "frames")
	inTown(t, func(t *testing.T, w *town) {
		sc := seeing(t, `camera.hall.url="`+file+`"`)
		store := w.store(sc)
		w.run(&live.Options{
			Scenario: sc, Scheduler: sc.Scheduler.Spec, Seed: sc.Seed, Clock: store.clock, Store: store, Incarnation: counted(), Video: true,
			HTTP: &live.HTTP{Listen: w.net.Listen, Dial: w.net.Dialer},
		})
		missing, other := w.submit("127.0.0.1:5001", 2, faces...), w.submit("127.0.0.3:5001", 0, faces...)
		time.Sleep(10 * time.Second)
		assert.Empty(t, w.loops(missing))
		hasResults(w, other)
		require.NoError(t, os.Mkdir(file, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(file, "1.jpg"), wiretest.Noise(t, 480, 360), 0o644))
		time.Sleep(10 * time.Second)
		hasResults(w, missing)
	})
}
