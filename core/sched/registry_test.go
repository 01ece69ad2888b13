package sched

import (
	"math"
	"testing"

	"vidq/core"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseSpecs(t *testing.T) {
	for _, c := range []struct {
		text string
		want []Spec
	}{
		{"random", []Spec{{Name: "random"}}},
		{" latfirst[ mode = peer ] , static", []Spec{{Name: "latfirst", Params: map[string]any{"mode": "peer"}}, {Name: "static"}}},
		{"a[]", []Spec{{Name: "a"}}},
		{`a[i=2,x=-0.5,b=true,s="2",w=4e]`, []Spec{{Name: "a", Params: map[string]any{"i": int64(2), "x": -.5, "b": true, "s": "2", "w": "4e"}}}},
		{"a[l=[host,cloud],e=[]]", []Spec{{Name: "a", Params: map[string]any{"l": []any{"host", "cloud"}, "e": []any{}}}}},
		{"a[t=250ms,r=720p,n=inf]", []Spec{{Name: "a", Params: map[string]any{"t": "250ms", "r": "720p", "n": "inf"}}}},
	} {
		got, err := ParseSpecs(c.text)
		require.NoError(t, err, c.text)
		assert.Equal(t, c.want, got, c.text)
	}
	for text, message := range map[string]string{
		"":               "want a scheduler's name at the end",
		"a,":             "want a scheduler's name at the end",
		"a b":            `scheduler a: want a comma or the end at "b"`,
		"a(k=1)":         "scheduler a: parameters stand in square brackets, as in a[key=value]",
		"b,a{k=1}":       "scheduler a: parameters stand in square brackets, as in a[key=value]",
		"a:k=1":          "scheduler a: parameters stand in square brackets, as in a[key=value]",
		"a[k]":           `scheduler a: k: want key=value at "]"`,
		"a[k=]":          `scheduler a: k: want a value at "]"`,
		"a[k=1":          "scheduler a: k: want a comma or ] at the end",
		"a[k=1,k=2]":     "scheduler a: k: is given twice",
		"a[k=[[1]]]":     `scheduler a: k: a list within a list at "1]]]"`,
		`a[k="1]`:        `scheduler a: k: a string does not end at "\"1]"`,
		"latfirst]mode=": `scheduler latfirst: want a comma or the end at "]mode="`,
	} {
		_, err := ParseSpecs(text)
		assert.EqualError(t, err, message, text)
	}
}

func TestSpecString(t *testing.T) {
	s := Spec{Name: "a", Params: map[string]any{"z": 2.0, "b": "x", "l": []string{"h", "c d"}, "q": "12", "t": "true", "e": ""}}
	assert.Equal(t, `a[b=x,e="",l=[h,"c d"],q="12",t="true",z=2.0]`, s.String())
	assert.Equal(t, "a", Spec{Name: "a"}.String())
}

func FuzzParseSpecs(f *testing.F) {
	for _, s := range []string{"latfirst[mode=peer],static[plan=golden]", `a[k=[1,2.5,x,"y"],t=3s]`, "a[", "a[k=1e400,n=-.5,u=0x1p-2]", "a[k=\"\\xff\"]", "é[ü=ß]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		specs, err := ParseSpecs(text)
		if err != nil {
			assert.IsType(t, &Error{}, err)
			return
		}
		for _, s := range specs {
			again, err := ParseSpecs(s.String())
			require.NoError(t, err, "%q is written as %q", text, s.String())
			if len(s.Params) == 0 {
				s.Params = nil
			}
			assert.Equal(t, []Spec{s}, again)
		}
	})
}

func TestNew(t *testing.T) {
	for text, message := range map[string]string{
		"latfrist":                                   `unknown scheduler "latfrist" (did you mean "latfirst"?)`,
		"zzz":                                        `unknown scheduler "zzz"`,
		"latfirst[mod=peer]":                         `scheduler latfirst: mod: unknown parameter (did you mean "mode"?)`,
		"latfirst[mode=pear]":                        `scheduler latfirst: mode: want fixed, peer, got "pear" (did you mean "peer"?)`,
		"latfirst[mode=3]":                           `scheduler latfirst: mode: want a string, got 3`,
		"latfirst[kp=fast]":                          `scheduler latfirst: kp: want a number, got "fast"`,
		"latfirst[in_flight=0]":                      `scheduler latfirst: in_flight: want 1 to 64, got 0`,
		"latfirst[in_flight=1.5]":                    `scheduler latfirst: in_flight: want a whole number, got 1.5`,
		"latfirst[slack=0.9,setpoint=0.5]":           `scheduler latfirst: slack: must not be above setpoint`,
		"static[resolution=7p]":                      `scheduler static: resolution: resolution "7p": want 360p, 480p, 720p, 1080p or WIDTHxHEIGHT`,
		"static[plan=given]":                         `scheduler static: plan: given needs host_stages or place`,
		"static[place=[host]]":                       `scheduler static: plan: host_stages and place are for plan=given`,
		"static[place=host]":                         `scheduler static: place: want a list of strings, got "host"`,
		"static[plan=given,place=[x],host_stages=1]": `scheduler static: place: give host_stages or place, not both`,
		"static[buffer=0]":                           `scheduler static: buffer: want at least 1, or -1`,
		"static[fps=2000]":                           `scheduler static: fps: want 0.01 to 1000, got 2000`,
	} {
		specs, err := ParseSpecs(text)
		require.NoError(t, err, text)
		_, err = New(specs[0], Deps{})
		assert.EqualError(t, err, message, text)
		assert.IsType(t, &Error{}, err)
	}
	for _, x := range []any{math.NaN(), math.Inf(1), nil, []any{1}} {
		_, err := New(Spec{Name: "latfirst", Params: map[string]any{"kp": x}}, Deps{})
		assert.Error(t, err)
	}
	for _, x := range []any{2, int64(2), 2.0} {
		s, err := New(Spec{Name: "latfirst", Params: map[string]any{"kp": x}}, Deps{})
		require.NoError(t, err)
		assert.Equal(t, 2.0, s.(*latfirstFixed).Kp)
	}
}

// A span of time that a user gives is never below 0, whichever scheduler takes it.
func TestDurationsAreNotNegative(t *testing.T) {
	durations := 0
	for _, name := range Names() {
		for _, p := range Describe(name).Params {
			if p.Type != "duration" {
				continue
			}
			durations++
			require.NotNil(t, p.Min, "%s.%s", name, p.Key)
			require.GreaterOrEqual(t, *p.Min, 0.0, "%s.%s", name, p.Key)
			_, err := New(Spec{name, map[string]any{p.Key: "-1ns"}}, Deps{})
			require.ErrorContains(t, err, "scheduler "+name+": "+p.Key+": want ")
			require.ErrorContains(t, err, `, got "-1ns"`)
		}
	}
	assert.Greater(t, durations, 10)
	for text, message := range map[string]string{
		"vidq[hurry=-1s]":            `scheduler vidq: hurry: want at least 0s, got "-1s"`,
		"videostorm[horizon=1ms]":    `scheduler videostorm: horizon: want 0.1s to 3600s, got "1ms"`,
		"adamec[delay=0s]":           `scheduler adamec: delay: want at least 0.001s, got "0s"`,
		"videostorm[interval=3601s]": `scheduler videostorm: interval: want 0.001s to 3600s, got "3601s"`,
		"vidq[hurry=5]":              `scheduler vidq: hurry: want a duration such as "250ms", got 5`,
	} {
		specs, err := ParseSpecs(text)
		require.NoError(t, err, text)
		_, err = New(specs[0], Deps{})
		assert.EqualError(t, err, message, text)
	}
}

func TestDescribe(t *testing.T) {
	assert.Subset(t, Names(), []string{"latfirst", "random", "static"})
	assert.IsIncreasing(t, Names())
	assert.Zero(t, Describe("nobody"))
	for _, name := range Names() {
		info := Describe(name)
		assert.Equal(t, name, info.Name)
		assert.NotEmpty(t, info.Doc)
		params := map[string]any{}
		for _, p := range info.Params {
			assert.NotEmpty(t, p.Doc, "%s.%s", name, p.Key)
			params[p.Key] = p.Default
		}
		_, err := New(Spec{name, params}, Deps{})
		assert.NoError(t, err, "the described defaults are no valid parameters")
		if info.NeedsTruth {
			assert.Equal(t, "oracle", name, "only an oracle may see the truth")
		}
	}
	static := Describe("static").Params
	assert.Equal(t, Param{Key: "plan", Type: "string", Default: "all-cloud", Choices: []string{"all-edge", "all-cloud", "golden", "given"}, Doc: static[0].Doc}, static[0])
}

func TestRegisterMisuse(t *testing.T) {
	type good struct {
		A int `toml:"a" doc:"a"`
	}
	ok := func(good, Deps) (core.Scheduler, error) { return nil, nil }
	assert.Panics(t, func() { Register("latfirst", "twice", good{}, ok) })
	assert.Panics(t, func() { Register("", "no name", good{}, ok) })
	assert.Panics(t, func() { Register("x", "", good{}, ok) })
	assert.Panics(t, func() { Register("x", "no build", good{}, nil) })
	type noDoc struct {
		A int `toml:"a"`
	}
	assert.Panics(t, func() { Register("x", "x", noDoc{}, func(noDoc, Deps) (core.Scheduler, error) { return nil, nil }) })
	type badType struct {
		A uint8 `toml:"a" doc:"a"`
	}
	assert.Panics(t, func() { Register("x", "x", badType{}, func(badType, Deps) (core.Scheduler, error) { return nil, nil }) })
	assert.Panics(t, func() { Register("x", "x", 3, func(int, Deps) (core.Scheduler, error) { return nil, nil }) })
	assert.NotContains(t, Names(), "x")
}

func TestParseTime(t *testing.T) {
	for text, want := range map[string]core.Time{
		"3s": 3 * core.Second, "250ms": 250 * core.Millisecond, "1m30s": 90 * core.Second,
		"1.5h": 90 * core.Minute, "7us": 7 * core.Microsecond, "9ns": 9, "-2s": -2 * core.Second,
	} {
		got, ok := parseTime(text)
		assert.True(t, ok, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "-", "3", "s", "3 s", "3sec", "1e3s", "3m s"} {
		_, ok := parseTime(text)
		assert.False(t, ok, text)
	}
}
