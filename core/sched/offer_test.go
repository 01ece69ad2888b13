package sched_test

import (
	"testing"

	"vidq/core"
	"vidq/core/sched"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func offer() *sched.Offer {
	return &sched.Offer{
		Scenario: "lab", Nodes: []core.NodeID{"host1", "rack"}, Models: 2,
		Knobs: core.Knobs{
			FPS:         []float64{1, 2.5},
			Resolutions: []core.Resolution{{Width: 480, Height: 360}, {Width: 1280, Height: 720}},
			Encoders:    []core.Encoder{{Name: "jpeg", Qualities: []int{90, 75}}, {Name: "h264", Qualities: []int{23}}},
		},
	}
}

// Every scheduler refuses a value that its scenario does not have, takes one that it
// has, and runs with its defaults whatever the scenario has.
func TestParametersNameWhatTheScenarioHas(t *testing.T) {
	values := map[string]struct {
		good, bad any
		message   string
	}{
		"fps":        {2.5, int64(7), `7 is not in the knobs.fps of lab: 1, 2.5`},
		"resolution": {"720p", "480p", `"480p" is not in the knobs.resolutions of lab: 360p, 720p (did you mean "360p"?)`},
		"encoder":    {"h264", "h265", `"h265" is not in the knobs.encoder of lab: jpeg, h264 (did you mean "h264"?)`},
		"quality":    {int64(75), int64(80), `80 is not in the knobs.encoder's qualities of jpeg of lab: 90, 75`},
		"model":      {int64(1), int64(2), `want 0 to 1, the models of the services of lab, got 2`},
		"place":      {[]any{"host", "rack"}, []any{"host", "rak"}, `"rak" is neither host, edge, cloud nor a node of lab (did you mean "rack"?)`},
	}
	seen := map[string]int{}
	for _, name := range sched.Names() {
		for _, p := range sched.Describe(name).Params {
			v, ok := values[p.Knob]
			if !ok {
				require.Empty(t, p.Knob, "%s.%s", name, p.Key)
				continue
			}
			seen[p.Knob]++
			params := map[string]any{}
			if p.Knob == "place" {
				params["plan"] = "given"
			}
			build := func(x any, o *sched.Offer) error {
				params[p.Key] = x
				_, err := sched.New(sched.Spec{Name: name, Params: params}, sched.Deps{Offer: o})
				return err
			}
			require.EqualError(t, build(v.bad, offer()), "scheduler "+name+": "+p.Key+": "+v.message)
			require.NoError(t, build(v.good, offer()), "%s.%s", name, p.Key)
			require.NoError(t, build(v.bad, nil), "%s.%s", name, p.Key)
		}
		_, err := sched.New(sched.Spec{Name: name}, sched.Deps{Offer: &sched.Offer{}})
		require.NoError(t, err, "%s's defaults", name)
	}
	for knob := range values {
		assert.Positive(t, seen[knob], knob)
	}
}

func TestQualityIsTheEncoders(t *testing.T) {
	for spec, message := range map[string]string{
		"static[encoder=h264,quality=23]":       "",
		"static[encoder=h264,quality=75]":       "scheduler static: quality: 75 is not in the knobs.encoder's qualities of h264 of lab: 23",
		"static[encoder=h264,quality=-1]":       "",
		"round-robin[quality=23,encoder=jpeg]":  "scheduler round-robin: quality: 23 is not in the knobs.encoder's qualities of jpeg of lab: 90, 75",
		"static[resolution=1280x720,fps=2.5]":   "",
		"static[plan=given,place=[edge,cloud]]": "",
	} {
		specs, err := sched.ParseSpecs(spec)
		require.NoError(t, err)
		_, err = sched.New(specs[0], sched.Deps{Offer: offer()})
		if message == "" {
			assert.NoError(t, err, spec)
		} else {
			assert.EqualError(t, err, message)
		}
	}
}
