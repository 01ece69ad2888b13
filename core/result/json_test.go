package result

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"vidq/core"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func sampleDocument() *Document {
	c := NewCollector(Meta{Scheduler: "static[plan=golden]", Seed: 7, Nodes: []core.NodeID{"edge1", "cloud"}, Links: []LinkID{{"edge1", "cloud"}}})
	c.Query(1, live(core.Constraint{Latency: 300 * ms}))
	c.Add(doneAt(0, 100*ms, .9, 0))
	c.Add(lost(1, core.OutcomeDropped, core.ReasonOverrun))
	c.SwitchCost(1, .5)
	c.SwitchCost(0, .25)
	c.Add(&core.LinkRecord{At: 1, Span: 1, Link: core.LinkSample{From: "edge1", To: "cloud", Bytes: 10, Utilization: .5}})
	c.Add(&core.LinkRecord{At: 2, Span: 1, Link: core.LinkSample{From: "edge1", To: "cloud", Bytes: 4, Utilization: .1}})
	c.Add(&core.RoundRecord{Invalid: 2})
	r := c.End(core.Second)
	return &Document{
		Vidq: "devel", Scenario: "a<b", Runs: []*Run{r}, Summary: Summarize([]*Run{r}),
		Wall: &Wall{DecisionS: map[string]Dist[float64]{"b": {}, "a": {}}},
	}
}

func TestEncode(t *testing.T) {
	var a, b bytes.Buffer
	require.NoError(t, Encode(&a, sampleDocument()))
	require.NoError(t, Encode(&b, sampleDocument()))
	assert.Equal(t, a.String(), b.String())
	assert.True(t, strings.HasSuffix(a.String(), "}\n"))
	assert.Contains(t, a.String(), `"scenario": "a<b"`)
	assert.Contains(t, a.String(), `"delay": null`)
	assert.NotContains(t, a.String(), "interrupted", "only where it is true")

	var d Document
	dec := json.NewDecoder(&a)
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&d))
	var again bytes.Buffer
	require.NoError(t, Encode(&again, &d))
	assert.Equal(t, b.String(), again.String(), "what is read back is the same")

	r := d.Runs[0]
	assert.EqualValues(t, 1, r.DropReasons[core.ReasonOverrun])
	assert.Equal(t, .5, r.Queries[0].SwitchCostS)
	assert.Equal(t, .75, r.SwitchCostS)
	assert.Equal(t, 14.0, r.Links[0].Bytes, "a restart counts from zero")
	assert.InDelta(t, .3, *r.Links[0].Utilization, 1e-12)
	assert.Equal(t, Overhead[int64]{1, 2}, r.SchedulerOverhead)
	assert.Equal(t, core.NodeID("cloud"), r.Nodes[0].ID)
	assert.Nil(t, r.Nodes[0].Utilization, "never sampled")
}

func TestReasons(t *testing.T) {
	b, err := json.Marshal(Reasons{core.ReasonOverrun: 3, core.ReasonService: 1, core.ReasonDeadline: 2})
	require.NoError(t, err)
	assert.Equal(t, `{"overrun":3,"deadline":2,"service":1}`, string(b))
	var r Reasons
	assert.Error(t, json.Unmarshal([]byte(`{"nonsense":1}`), &r))
	assert.Error(t, json.Unmarshal([]byte(`[]`), &r))
}

func TestPlanAndKnobChanges(t *testing.T) {
	base := core.Plan{Video: core.VideoConf{FPS: 30, Quality: 80}, Stages: []core.Assignment{{Node: "a"}, {Node: "b"}}, InFlight: 1}
	c := NewCollector(Meta{Warmup: 10})
	c.Query(1, live(core.Constraint{}))
	apply := func(at core.Time, change func(*core.Plan)) {
		base.Stages = append([]core.Assignment(nil), base.Stages...)
		change(&base)
		base.Revision++
		c.Add(&core.PlanRecord{At: at, Query: 1, Plan: base.Seal()})
	}
	apply(0, func(*core.Plan) {})
	apply(1, func(p *core.Plan) { p.Video.FPS = 20 }) // in the warm-up
	apply(20, func(p *core.Plan) { p.Video.FPS, p.Stages[0].Node, p.Stages[1].Node = 10, "b", "c" })
	apply(21, func(*core.Plan) {}) // applied again
	apply(22, func(p *core.Plan) { p.Stages[1].Model = 1 })
	apply(23, func(p *core.Plan) { p.Refused = true })
	apply(24, func(p *core.Plan) { p.Refused, p.InFlight, p.Buffer, p.Pace = false, 2, 3, 4 })
	apply(25, func(p *core.Plan) {
		p.Video.Encoder, p.Video.Resolution, p.Video.Quality = "h264", core.Resolutions()[0], 30
	})
	r := c.End(core.Second)
	assert.EqualValues(t, 5, r.PlanChanges)
	assert.Equal(t, KnobChanges[int64]{
		FPS: 1, Resolution: 1, Encoder: 1, Quality: 1, Placement: 1, Model: 1,
		InFlight: 1, Buffer: 1, Pace: 1, Refused: 2,
	}, r.KnobChanges)
	assert.Equal(t, r.KnobChanges, r.Queries[0].KnobChanges)
}

// TestEveryKeyIsDocumented looks for every key of the document, and every reason, in
// docs/result.md.
func TestEveryKeyIsDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "result.md"))
	require.NoError(t, err)
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("`([a-z0-9_]+)`").FindAllSubmatch(text, -1) {
		documented[string(m[1])] = true
	}
	seen := map[reflect.Type]bool{}
	var walk func(t reflect.Type)
	var all []string
	walk = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || seen[t] {
			return
		}
		seen[t] = true
		for i := range t.NumField() {
			f := t.Field(i)
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "-" && name != "" {
				all = append(all, name)
			} else if name == "-" {
				continue
			}
			walk(f.Type)
		}
	}
	walk(reflect.TypeFor[Document]())
	for i := 1; i < core.NumReasons; i++ {
		all = append(all, core.Reason(i).String())
	}
	assert.Greater(t, len(all), 80)
	for _, k := range all {
		assert.True(t, documented[k], "key %q is not in docs/result.md", k)
	}
}
