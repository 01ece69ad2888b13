package netns

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/core/sched"
	"vidq/live"
	"vidq/live/loop"
	"vidq/live/serve"
	"vidq/live/store"
	"vidq/live/wire"
	"vidq/scenarios"
)

func TestMain(m *testing.M) {
	if os.Getenv("VIDQ_NODE") != "" {
		node()
		return
	}
	os.Exit(m.Run())
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func node() {
	ctx, _ := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	id := core.NodeID(os.Getenv("VIDQ_NODE"))
	sc := must(scenarios.Load(os.Getenv("VIDQ_SCENARIO"), nil))
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	o := live.Options{Scenario: sc, Scheduler: must(sched.ParseSpecs(os.Getenv("VIDQ_SCHED")))[0], Seed: 1, Nodes: []core.NodeID{id}, RealLinks: true, Video: true,
		HTTP: &live.HTTP{Access: serve.Access{Insecure: true}}, Log: log}
	if id == "cloud" {
		st := must(store.Open(ctx, os.Getenv("VIDQ_STORE"), store.Options{}))
		defer st.Close()
		o.Clock = loop.NewClock()
		o.Store = live.Durable{Store: st}
		o.Round = func(r *core.RoundRecord) { log.Info("round", "r", fmt.Sprintf("%+v", *r)) }
	} else {
		o.Clock = loop.NewClockAt(must(live.Epoch(ctx, &o)))
		o.Records = func(m string, r core.Record) {
			if s, ok := r.(*core.StageRecord); ok && os.Getenv("VIDQ_CALLS") != "" {
				fmt.Fprintf(os.Stderr, "CALL %s %s on=%s err=%v sent=%.0f got=%.0f enc=%v tr=%v wait=%v work=%v ret=%v\n", time.Duration(s.At), s.Service, s.On, s.Err, s.Sent, s.Got, time.Duration(s.Encode), time.Duration(s.Transfer), time.Duration(s.Wait), time.Duration(s.Work), time.Duration(s.Return))
			}
		}
	}
	s := must(live.New(o))
	if err := s.Open(); err != nil {
		panic(err)
	}
	s.Start(ctx)
	<-ctx.Done()
	c, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_, err := s.Stop(c)
	log.Info("stopped", "err", err)
}

const scenario = `
name = "two"
duration = "1h"
[kb]
belief = "devices"
truth = "devices"
[scheduler]
name = "static"
period = "2s"
[knobs]
resolutions = ["360p", "480p", "720p"]
[[node]]
id = "cloud"
role = "cloud"
class = "server-gpu"
addr = "10.213.77.1:5001"
services = { %s = 2 }
[[node]]
id = "edge1"
role = "edge"
class = "orin-nx"
addr = "10.213.77.2:5001"
services = { %s = 1 }
[[link]]
between = ["edge1", "cloud"]
rate = "30Mbit/s"
delay = "1ms"
[[camera]]
id = "door"
node = "edge1"
fps = 10
resolution = "720p"
content = "%s"
[[query]]
id = "people"
camera = "door"
pipeline = ["%s"]
constraint = { latency = "500ms", accuracy = 0.5 }
`

func TestTwo(t *testing.T) {
	l := newLab(t)
	dir := t.TempDir()
	file := dir + "/two.toml"
	svc := os.Getenv("SVC")
	require.NoError(t, os.WriteFile(file, []byte(fmt.Sprintf(scenario, svc, svc, os.Getenv("CONTENT"), svc)), 0o644))
	l.rate(20)
	for i, id := range []string{"cloud", "edge1"} {
		c := l.command(t.Context(), i, "/proc/self/exe")
		c.Path = must(os.Readlink("/proc/self/exe"))
		c = l.command(t.Context(), i, c.Path)
		c.Env = append(os.Environ(), "VIDQ_NODE="+id, "VIDQ_SCENARIO="+file, "VIDQ_SCHED="+os.Getenv("SCHED"), "VIDQ_STORE=sqlite:"+dir+"/s.db")
		f := must(os.Create("/tmp/netns-" + id + ".log"))
		c.Stdout, c.Stderr = f, f
		require.NoError(t, c.Start())
		t.Cleanup(func() {
			_ = c.Process.Signal(os.Interrupt)
			_ = c.Wait()
		})
	}
	for _, r := range []int{20, 5, 100, 20, 100, 5} {
		l.rate(r)
		for range must(strconv.Atoi(os.Getenv("SECS"))) {
			time.Sleep(time.Second)
			a, err := l.http[edge].Get("http://10.213.77.1:5500/get_cluster_info")
			if err != nil {
				t.Log(err)
				continue
			}
			var ci wire.ClusterInfo
			require.NoError(t, json.NewDecoder(a.Body).Decode(&ci))
			a.Body.Close()
			e := ci["10.213.77.2"].Links
			if len(e) > 0 && e[0].Rate != nil {
				t.Logf("%d Mbit/s: %.2f = %.2f age %.1f n %d rtt %.4f", r, *e[0].Rate*8/1e6, *e[0].Rate*8/1e6/float64(r), e[0].Age, e[0].Samples, e[0].RTT)
			} else {
				t.Logf("%d Mbit/s: unknown %+v", r, e)
			}
		}
	}
}
