package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/core/coretest"
	"vidq/core/result"
	"vidq/core/sched"
	"vidq/scenarios"
)

// checked lets a Checker see a run.
type checked struct {
	c     *coretest.Checker
	s     *Sim
	until core.Time
	// newest plans as the manager wanted them two heartbeats (and what a message
	// takes) before the end
	wanted map[core.QueryID]uint64
}

func (w *checked) told(now core.Time, node core.NodeID, ev core.Event) {
	if w.wanted == nil && now > w.until-3*core.Second && w.s.manager.m != nil {
		w.wanted = map[core.QueryID]uint64{}
		for _, q := range w.s.manager.m.Queries() {
			w.wanted[q.Query.ID] = q.Plan.Revision
		}
	}
	if f, ok := ev.(*core.FrameCaptured); ok {
		w.c.Captured(now, node, f)
	}
}

func (w *checked) backend(s *Sim, node core.NodeID, _ core.Part, b core.Backend) core.Backend {
	return &seen{b, s, node, w.c}
}
func (w *checked) stored(now core.Time, sv *core.Save)         { w.c.Stored(now, sv) }
func (w *checked) restored(now core.Time, snap *core.Snapshot) { w.c.Restored(now, snap) }
func (w *checked) crashed(node core.NodeID)                    { w.c.Crashed(node) }

type seen struct {
	core.Backend
	s    *Sim
	node core.NodeID
	c    *coretest.Checker
}

func (b *seen) Record(r core.Record)  { b.c.Record(b.s.k.Now(), r); b.Backend.Record(r) }
func (b *seen) Invoke(i *core.Invoke) { b.c.Invoked(b.s.k.Now(), b.node, i); b.Backend.Invoke(i) }
func (b *seen) Release(r *core.Release) {
	b.c.Released(b.s.k.Now(), b.node, r)
	b.Backend.Release(r)
}
func (b *seen) Send(m *core.Send) { b.c.Sent(b.s.k.Now(), m); b.Backend.Send(m) }

// randomScenario makes a small system, a load and a number of faults from a seed.
func randomScenario(seed uint64) (*scenarios.Scenario, sched.Spec) {
	r := rand.New(rand.NewPCG(seed, 0x5eed))
	text := fmt.Sprintf("name = \"random-%d\"\nduration = \"%ds\"\n[kb]\nbelief = \"measured\"\ntruth = \"measured\"\nbias = %.2f\nstaleness = \"%ds\"\n", seed, 11+r.IntN(3), r.Float64()-.5, seed%3)
	text += fmt.Sprintf("[scheduler]\nname = \"latfirst\"\nperiod = %q\ndecision_time = { constant = \"%dms\" }\n", []string{"500ms", "1s", "3s"}[r.IntN(3)], r.IntN(200))
	edges := 1 + r.IntN(3)
	classes := []string{"tx2-gpu", "tx2-cpu", "rack-cpu", "rack-gpu"}
	for i := range edges + 1 {
		id, role := fmt.Sprintf("edge%d", i), "edge"
		if i == 0 {
			id, role = "cloud", "cloud"
		}
		text += fmt.Sprintf("[[node]]\nid = %q\nrole = %q\nclass = %q\nservices = { face_detection = %d, face_alignment = %d }\n",
			id, role, classes[r.IntN(4)], 1+r.IntN(3), 1+r.IntN(3))
		if i > 0 {
			text += fmt.Sprintf("[[link]]\nbetween = [%q, \"cloud\"]\nrate = \"%dMbit/s\"\ndelay = \"%dms\"\njitter = \"%dms\"\nloss = %.3f\n",
				id, 1+r.IntN(50), 1+r.IntN(40), r.IntN(5), []float64{0, 0, .02}[r.IntN(3)])
		}
	}
	if edges > 1 {
		text += "[[link]]\nbetween = [\"edge1\", \"edge2\"]\nrate = \"100Mbit/s\"\ndelay = \"1ms\"\n"
	}
	text += randomLoad(r, edges) + randomFaults(r, edges)
	sc, err := scenarios.Parse("random.toml", []byte(text), nil)
	if err != nil {
		panic(fmt.Sprint(err, "\n", text))
	}
	if os.Getenv("VIDQ_SEED") != "" {
		fmt.Println(text) // for who replays a failure
	}
	specs := []string{"random", "random", "latfirst", "latfirst[mode=peer]", "static[plan=all-cloud]", "static[plan=all-edge]"}
	spec, err := sched.ParseSpecs(specs[r.IntN(len(specs))])
	if err != nil {
		panic(err)
	}
	return sc, spec[0]
}

func randomLoad(r *rand.Rand, edges int) (text string) {
	pipelines := []string{
		`["face_detection"]`, `["face_detection", "face_alignment"]`,
		`[{ service = "face_detection" }, { name = "a", service = "face_alignment", after = ["face_detection"] }, ` +
			`{ name = "b", service = "face_alignment", after = ["face_detection"] }, { name = "c", service = "face_alignment", after = ["a", "b"] }]`,
		`[{ name = "x", service = "face_detection" }, { name = "y", service = "face_detection" }, { name = "z", service = "face_alignment", after = ["x", "y"] }]`,
	}
	for i := range 1 + r.IntN(3) {
		text += fmt.Sprintf("[[camera]]\nid = \"cam%d\"\nnode = \"edge%d\"\nmode = %q\nfps = %d\nresolution = \"1080p\"\ncontent = %q\n",
			i, 1+r.IntN(edges), []string{"live", "live", "file"}[r.IntN(3)], []int{10, 30}[r.IntN(2)], []string{"classroom", "street"}[r.IntN(2)])
		for j := range 1 + r.IntN(2) {
			text += fmt.Sprintf("[[query]]\nid = \"q%d-%d\"\ncamera = \"cam%d\"\npipeline = %s\nconstraint = { delay = \"%dms\", latency = \"%dms\", accuracy = 0.%d }\nstart = \"%dms\"\n",
				i, j, i, pipelines[r.IntN(len(pipelines))], 100+r.IntN(400), 200+r.IntN(800), 5+r.IntN(5), r.IntN(3000))
			if r.IntN(4) == 0 {
				text += fmt.Sprintf("stop = \"%ds\"\n", 5+r.IntN(5))
			}
		}
	}
	return text
}

func randomFaults(r *rand.Rand, edges int) (text string) {
	text = fmt.Sprintf("[store]\ndelay = \"%dms\"\n", r.IntN(50))
	for range r.IntN(5) {
		at, length := r.IntN(3500), 200+r.IntN(3000)
		node := fmt.Sprintf("edge%d", r.IntN(edges+1))
		if node == "edge0" {
			node = "cloud"
		}
		edge := fmt.Sprintf("edge%d", 1+r.IntN(edges))
		what := []string{
			fmt.Sprintf("kind = \"node_down\"\nnode = %q", node),
			fmt.Sprintf("kind = \"link_down\"\nlink = [%q, \"cloud\"]", edge),
			fmt.Sprintf("kind = \"link_degraded\"\nlink = [%q, \"cloud\"]\nrate = \"200kbit/s\"\nloss = 0.3", edge),
			fmt.Sprintf("kind = \"service_down\"\nnode = %q\nservice = \"face_alignment\"", node),
			fmt.Sprintf("kind = \"service_slow\"\nnode = %q\nservice = \"face_detection\"\nfactor = 4", node),
			fmt.Sprintf("kind = \"message_loss\"\nloss = 0.%d", 1+r.IntN(9)),
			"kind = \"store\"",
			fmt.Sprintf("kind = \"crash\"\nnode = %q", node),
		}[r.IntN(8)]
		text += fmt.Sprintf("[[fault]]\nat = \"%dms\"\nfor = \"%dms\"\n%s\n", at, length, what)
	}
	return text
}

// TestRandomScenarios runs random systems under random faults and holds the
// invariants. VIDQ_SEEDS sets how many, VIDQ_SEED the first.
func TestRandomScenarios(t *testing.T) {
	first, count := uint64(1), coretest.Cases(3000)
	if v := os.Getenv("VIDQ_SEED"); v != "" {
		n, err := strconv.ParseUint(v, 10, 64)
		require.NoError(t, err)
		first, count = n, 1
	}
	if v := os.Getenv("VIDQ_SEEDS"); v != "" {
		n, err := strconv.Atoi(v)
		require.NoError(t, err)
		count = n
	}
	var done atomic.Int64
	t.Cleanup(func() { t.Logf("%d scenarios, %d frames done", count, done.Load()) })
	for part := range uint64(min(runtime.GOMAXPROCS(0), count)) {
		t.Run(fmt.Sprint("part-", part), func(t *testing.T) {
			t.Parallel()
			for seed := first + part; seed < first+uint64(count); seed += uint64(runtime.GOMAXPROCS(0)) {
				run, err := runRandom(seed)
				if err != nil {
					t.Fatalf("seed %d: %v\nreplay it with: VIDQ_SEED=%d go test ./sim -run TestRandomScenarios", seed, err, seed)
				}
				done.Add(run.Frames.Done)
			}
			if count > 100 {
				require.Positive(t, done.Load())
			}
		})
	}
}

func runRandom(seed uint64) (run *result.Run, err error) {
	sc, spec := randomScenario(seed)
	s, err := New(sc, Options{Scheduler: spec, Seed: seed})
	if err != nil {
		return nil, err
	}
	c := coretest.NewChecker()
	w := &checked{c: c, s: s, until: sc.Duration}
	s.watch = w
	defer func() {
		if p := recover(); p != nil {
			panic(fmt.Sprintf("seed %d: %v", seed, p))
		}
	}()
	if run, err = s.Run(context.Background()); err != nil {
		return nil, err
	}
	if ties := s.Ties(); ties > 0 {
		return nil, fmt.Errorf("%d pairs of events were told apart only by the order in which they were scheduled", ties)
	}
	for _, n := range s.nodes {
		if !n.up {
			continue
		}
		for _, j := range n.jobs.Jobs() {
			if want := w.wanted[j.Query]; j.Revision < want && !j.State.Ended() {
				return nil, fmt.Errorf("%s runs r%d of query %d, not r%d", n.id, j.Revision, j.Query, want)
			}
		}
	}
	if err := c.Err(); err != nil {
		return nil, err
	}
	return run, run.Check()
}
