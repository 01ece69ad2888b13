package sched

import (
	"errors"
	"testing"

	"vidq/core"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// paramsOf are those of a struct type with their defaults.
func paramsOf[C any](t *testing.T, defaults C) map[string]Param {
	t.Helper()
	const name = "a scheduler of the search's tests"
	Register(name, "x", defaults, func(C, Deps) (core.Scheduler, error) { return nil, errors.New("never built") })
	all := map[string]Param{}
	for _, p := range Describe(name).Params {
		all[p.Key] = p
	}
	i, found := find(name)
	require.True(t, found)
	registry = append(registry[:i:i], registry[i+1:]...)
	return all
}

func TestRange(t *testing.T) {
	all := paramsOf(t, struct {
		Gain   float64   `toml:"gain" doc:"x" min:"0" max:"100"`
		Share  float64   `toml:"share" doc:"x" min:"0.5" max:"1"`
		Window int       `toml:"window" doc:"x" min:"1"`
		Hold   core.Time `toml:"hold" doc:"x"`
		Zero   float64   `toml:"zero" doc:"x" min:"0" max:"1"`
		Index  int       `toml:"index" doc:"x" min:"0" max:"255"`
		Free   float64   `toml:"free" doc:"x"`
		Tagged int       `toml:"tagged" doc:"x" search:"0..3"`
		Log    core.Time `toml:"log" doc:"x" search:"0.1..10"`
		Mode   string    `toml:"mode" doc:"x" choices:"a|b|c"`
		Size   string    `toml:"size" doc:"x" search:"360p|720p"`
		Word   string    `toml:"word" doc:"x"`
		List   []string  `toml:"list" doc:"x" search:"a|a,b"`
		Any    []string  `toml:"any" doc:"x"`
		Flag   bool      `toml:"flag" doc:"x"`
		Cheat  bool      `toml:"cheat" doc:"x" search:"-"`
	}{Gain: 1, Share: .9, Window: 2, Hold: 10 * core.Second, Mode: "a", Size: "720p", List: []string{"a"}, Log: core.Second})
	for key, want := range map[string]Range{
		"gain":   {Lo: .25, Hi: 4, Log: true},
		"share":  {Lo: .5, Hi: 1, Log: true},
		"window": {Lo: 1, Hi: 8, Log: true},
		"hold":   {Lo: 2.5, Hi: 40, Log: true},
		"zero":   {Lo: 0, Hi: 1},
		"tagged": {Lo: 0, Hi: 3},
		"log":    {Lo: .1, Hi: 10, Log: true},
		"mode":   {Values: []any{"a", "b", "c"}},
		"size":   {Values: []any{"360p", "720p"}},
		"list":   {Values: []any{[]string{"a"}, []string{"a", "b"}}},
		"flag":   {Values: []any{false, true}},
	} {
		p := all[key]
		want.Key, want.kind = key, p.Type
		got, ok := p.Range(nil)
		assert.True(t, ok, key)
		assert.Equal(t, want, got, key)
	}
	for _, key := range []string{"index", "free", "word", "any", "cheat"} {
		p := all[key]
		_, ok := p.Range(nil)
		assert.False(t, ok, key)
	}
	at := func(key string, u float64) any {
		p := all[key]
		r, _ := p.Range(nil)
		return r.At(u)
	}
	assert.Equal(t, []any{.25, 1.0, 4.0, 1.62}, []any{at("gain", 0), at("gain", .5), at("gain", 1), at("gain", .675)})
	assert.Equal(t, []any{int64(1), int64(8), int64(3)}, []any{at("window", -1), at("window", 2), at("window", .5)})
	assert.Equal(t, []any{"2.5s", "10s", "40s"}, []any{at("hold", 0), at("hold", .5), at("hold", 1)})
	assert.Equal(t, []any{"a", "b", "c", "c"}, []any{at("mode", 0), at("mode", .4), at("mode", .9), at("mode", 1)})
	near := func(key string, v any, step float64) []any {
		p := all[key]
		r, _ := p.Range(nil)
		return r.Near(v, step)
	}
	assert.Equal(t, []any{2.0, .5}, near("gain", 1.0, .25))
	assert.Equal(t, []any{2.0}, near("gain", 4.0, .25), "the other is outside")
	assert.Equal(t, []any{1.0, .25}, near("gain", int64(0), .5), "from the nearest that is within")
	assert.Equal(t, []any{int64(3), int64(1)}, near("window", int64(2), .01), "by one at least")
	assert.Equal(t, []any{"a", "c"}, near("mode", "b", .25))
	assert.Equal(t, []any{[]string{"a", "b"}}, near("list", []any{"a"}, .25))
	assert.Equal(t, []any{"20s", "5s"}, near("hold", "10s", .25))
}

// TestRangesAreValid takes every value that a search over a registered scheduler may try:
// it is of the right type and within the bounds, and the scheduler takes some of them
// with the other parameters as they are.
func TestRangesAreValid(t *testing.T) {
	searched := 0
	offers := []*Offer{
		{Knobs: core.Knobs{FPS: []float64{1, 5, 10, 20}, Resolutions: core.Resolutions(), Encoders: []core.Encoder{{Name: "jpeg"}}}, Models: 5},
		{Knobs: core.Knobs{FPS: []float64{1, 2, 5, 10}, Resolutions: core.Resolutions()[1:], Encoders: []core.Encoder{{Name: "jpeg"}, {Name: "h264"}}}, Models: 2},
	}
	assert.Equal(t, []any{1.0, 5.0, 10.0}, common(offerFPS, offers))
	assert.Equal(t, []any{"480p", "720p", "1080p"}, common(offerResolution, offers))
	assert.Equal(t, []any{"jpeg"}, common(offerEncoder, offers))
	assert.Equal(t, []any{int64(0), int64(1)}, common(offerModel, offers))
	assert.Empty(t, common(offerPlace, offers))
	assert.Len(t, common(offerModel, offers[:1]), mostModels)
	for _, name := range Names() {
		info := Describe(name)
		for i := range info.Params {
			p := &info.Params[i]
			r, ok := p.Range(offers)
			if !ok {
				continue
			}
			searched++
			taken := 0
			for k := range 33 {
				v := r.At(float64(k) / 32)
				_, err := New(Spec{Name: name, Params: map[string]any{p.Key: v}}, Deps{Offer: offers[1]})
				if err != nil {
					own := &Error{}
					require.ErrorAs(t, err, &own)
					require.NotContains(t, own.Msg, "want", "%s: %v", name, err)
				} else if FormatValue(v) != FormatValue(p.Default) {
					taken++
				}
				for _, w := range append(r.Near(v, .25), r.Near(p.Default, .25)...) {
					if r.Values == nil {
						assert.GreaterOrEqual(t, scalar(w), r.Lo)
						assert.LessOrEqual(t, scalar(w), r.Hi)
					}
				}
				for _, w := range r.Near(v, 1./32) {
					assert.NotEqual(t, FormatValue(v), FormatValue(w), "%s.%s", name, p.Key)
				}
			}
			if !info.Fixed {
				assert.NotZero(t, taken, "%s.%s: nothing of its range may be tried alone", name, p.Key)
			}
		}
		if !info.Fixed {
			assert.NotZero(t, searched, name)
		}
	}
	assert.Greater(t, searched, 50)
	assert.True(t, Describe("static").Fixed)
	assert.True(t, Describe("random").Fixed)
}

func TestSearchTagMustFit(t *testing.T) {
	type misfit struct {
		A int `toml:"a" doc:"a" search:"3"`
	}
	assert.Panics(t, func() {
		Register("x", "x", misfit{}, func(misfit, Deps) (core.Scheduler, error) { return nil, nil })
	})
	for tag, kind := range map[string]string{"3..1": "int", "a..b": "float", "1|2": "duration", "x": "string", "true": "bool", "1..": "int"} {
		assert.False(t, checkSearch(kind, tag), tag)
	}
}
