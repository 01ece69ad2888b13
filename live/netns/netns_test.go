package netns

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/live/store"
	"vidq/live/wire"
)

// query is the scenario's only one.
const query = "GLOBAL_ID_1"

// link is what the query manager tells of the way from the edge to the cloud.
func (l *lab) link() wire.ClusterLink {
	l.t.Helper()
	a, err := get[wire.ClusterInfo](l, cloud, wire.PortServices, "/get_cluster_info")
	require.NoError(l.t, err)
	n := a[machines[edge].ip]
	require.NotNil(l.t, n.ClusterExtra)
	require.Len(l.t, n.Links, 1)
	return n.Links[0]
}

// TestLinkIsKnown holds that frames of 720p tell the rate of the link that they cross to a fifth, or
// that it is said not to be known.
func TestLinkIsKnown(t *testing.T) {
	l := newLab(t)
	l.shape(20)
	for m := range machines {
		l.start(machine(m), "--scheduler", "static[plan=all-cloud,resolution=720p,fps=5]")
	}
	l.running()
	for _, mbit := range []int{20, 5, 100} {
		l.shape(mbit)
		time.Sleep(11 * time.Second) // an estimate is of the last 10 s
		known := 0
		for range 6 {
			time.Sleep(time.Second)
			e := l.link()
			if e.Rate == nil {
				assert.Zero(t, e.Samples)
				t.Logf("%d Mbit/s: not known", mbit)
				continue
			}
			known++
			got := *e.Rate * 8 / 1e6
			t.Logf("%d Mbit/s: %.2f of %d samples, %.1f s old, rtt %.2f ms", mbit, got, e.Samples, e.Age, 1e3*e.RTT)
			assert.InEpsilon(t, float64(mbit), got, .2)
		}
		assert.True(t, known > 0 || mbit > 20, "calls that take so long tell the rate")
	}
}

// TestPlanFollowsRate holds that schedulers send what fits the link: at 5 Mbit/s a frame of 720p takes
// longer than its query allows, and 480p is accurate enough.
func TestPlanFollowsRate(t *testing.T) {
	type step struct {
		mbit int
		want string
	}
	for _, c := range []struct {
		scheduler string
		steps     []step
	}{
		{"vidq", []step{{100, "720p"}, {5, "480p"}}}, // which then meets all that is asked: it stays
		{"latfirst", []step{{100, "720p"}, {5, "480p"}, {100, "720p"}}},
	} {
		t.Run(c.scheduler, func(t *testing.T) {
			l := newLab(t)
			l.shape(c.steps[0].mbit)
			for m := range machines {
				l.start(machine(m), "--scheduler", c.scheduler)
			}
			l.running()
			for _, s := range c.steps {
				l.shape(s.mbit)
				took := l.until("the plan follows the rate", time.Minute, func() bool {
					p, err := get[wire.Plan](l, cloud, wire.PortManager, "/query/get_plan/"+query)
					return err == nil && p.VideoConf != nil && core.Resolution(p.VideoConf.Resolution).String() == s.want &&
						p.Stages[0].NodeID == machines[cloud].node
				})
				t.Logf("%d Mbit/s: %s in the cloud after %.0f s", s.mbit, s.want, took.Seconds())
			}
		})
	}
}

// TestCutLosesNothing holds that the edge goes on while the cable is out, and that what it found then is
// in the store afterwards, once.
func TestCutLosesNothing(t *testing.T) {
	l := newLab(t)
	l.shape(20)
	url := "sqlite:" + t.TempDir() + "/vidq.db"
	plan := []string{"--scheduler", "static[plan=all-edge,resolution=360p,fps=5]", "--set", "node.edge1.class=orin-nx"} // one that is fast enough
	c := l.start(cloud, append(plan, "--store", url)...)
	e := l.start(edge, plan...)
	l.running()
	done := func() int64 {
		a, err := get[wire.QueryList](l, cloud, wire.PortManager, "/query/list")
		require.NoError(t, err)
		return a.Queries[0].FramesDone
	}
	time.Sleep(3 * time.Second)
	from := time.Now()
	l.cut()
	time.Sleep(2 * time.Second) // what was under way has arrived or has not
	before := done()
	require.Positive(t, before)
	time.Sleep(8 * time.Second)
	assert.Equal(t, before, done(), "the cable was not out")
	l.mend()
	to := time.Now()
	took := l.until("the results of the cut arrive", 30*time.Second, func() bool { return done() >= before+35 })
	t.Logf("%d results arrived within %s", done()-before, took)
	time.Sleep(3 * time.Second)
	acknowledged := done()
	e.stop(t)
	c.stop(t)

	s, err := store.Open(t.Context(), url, store.Options{})
	require.NoError(t, err)
	defer func() { assert.NoError(t, s.Close()) }()
	all, err := s.Results(t.Context(), 1, 0, store.MaxPage)
	require.NoError(t, err)
	var stored, meanwhile, failed int64
	for i := range all {
		r := &all[i]
		assert.Equal(t, uint64(i+1), r.Seq, "one is missing or is there twice")
		assert.Equal(t, all[0].Incarnation, r.Incarnation, "the edge has not begun anew")
		if r.Outcome != core.OutcomeDone {
			failed++
			continue
		}
		stored++
		if at := s.Epoch().Add(time.Duration(r.Captured)); at.After(from) && at.Before(to) {
			meanwhile++
		}
	}
	assert.GreaterOrEqual(t, stored, acknowledged)
	t.Logf("%d results, %d of the cut, %d frames without one", stored, meanwhile, failed)
	assert.GreaterOrEqual(t, meanwhile, int64(40), "of 50 frames of the cut")
}
