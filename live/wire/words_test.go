package wire

import (
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

func TestIDs(t *testing.T) {
	for _, id := range []core.QueryID{1, 9, 10, math.MaxUint64} {
		got, err := ParseID(FormatID(id))
		require.NoError(t, err)
		assert.Equal(t, id, got)
	}
	for _, s := range []string{
		"", "1", "GLOBAL_ID_", "GLOBAL_ID_0", "GLOBAL_ID_01", "GLOBAL_ID_+1", "GLOBAL_ID_-1", "GLOBAL_ID_1 ", " GLOBAL_ID_1", "global_id_1",
		"GLOBAL_ID_1_0", "GLOBAL_ID_0x1", "GLOBAL_ID_18446744073709551616", "GLOBAL_ID_1/2", "GLOBAL_ID_١",
	} {
		_, err := ParseID(s)
		assert.Equal(t, 404, status(t, err), s)
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("GLOBAL_ID_1")
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := ParseID(s); err == nil {
			require.Equal(t, s, FormatID(id))
		} else {
			status(t, err)
		}
	})
}

func TestFrameHeader(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 3))
	for range 500 {
		f := FrameRef{
			Run: "r" + randomText(r), Query: core.QueryID(r.Uint64()), Frame: int64(r.Uint64()), Stage: r.IntN(core.MaxStages), Attempt: r.IntN(9), Captured: core.Time(r.Uint64()),
			Input: Input{r.IntN(9), core.Resolution{Width: uint16(r.Uint32()), Height: uint16(r.Uint32())}, 1e6 * r.Float64()},
		}
		h := http.Header{}
		f.Set(h)
		got, err := FrameOf(h)
		require.NoError(t, err, f.String())
		assert.Equal(t, &f, got)
	}
	assert.Equal(t, "face-1/7/42/1/0", (&FrameRef{Run: "face-1", Query: 7, Frame: 42, Stage: 1}).String())
	none, err := FrameOf(http.Header{})
	require.NoError(t, err)
	assert.Nil(t, none)
	for _, s := range []string{
		"", "/", "a/1/2/3", "a/1/2/3/4/5", "/1/2/3/4", "a/-1/2/3/4", "a/1/2/-3/4", "a/1/2/3/-4", "a/01/2/3/4", "a/1/+2/3/4", "a/1/2/32/4", "a/1/2/3/4 ", "a b/1/2/3/4",
		"a+b/1/2/3/4", "a%zz/1/2/3/4", "a%62/1/2/3/4", "a/1/-0/3/4", "a/1/2/3/99999999999", "ä/1/2/3/4",
	} {
		_, err := ParseFrameRef(s)
		assert.Equal(t, 400, status(t, err), s)
	}
	for _, h := range []http.Header{
		{FrameHeader: {"a/1/2/3/4"}},
		{CapturedHeader: {"1"}},
		{FrameHeader: {"a/1/2/3/4", "a/1/2/3/4"}, CapturedHeader: {"1"}},
		{FrameHeader: {"a/1/2/3/4"}, CapturedHeader: {"1.5"}},
		{FrameHeader: {"a/1/2/3/4"}, CapturedHeader: {"+1"}},
		{FrameHeader: {"x"}, CapturedHeader: {"1"}},
		{FrameHeader: {"a/1/2/3/4"}, CapturedHeader: {"1"}, InputHeader: {"0/640x480/1", "0/640x480/1"}},
		{FrameHeader: {"a/1/2/3/4"}, CapturedHeader: {"1"}, InputHeader: {"0/640/1"}},
		{FrameHeader: {"a/1/2/3/4"}, CapturedHeader: {"1"}, InputHeader: {"0/640x480/NaN"}},
		{FrameHeader: {"a/1/2/3/4"}, CapturedHeader: {"1"}, InputHeader: {"-1/640x480/1"}},
	} {
		_, err := FrameOf(h)
		assert.Equal(t, 400, status(t, err), h)
	}
}

func FuzzParseFrameRef(f *testing.F) {
	f.Add("face-1/7/42/1/0")
	f.Add("a%20b/0/-1/31/2")
	f.Fuzz(func(t *testing.T, s string) {
		if r, err := ParseFrameRef(s); err == nil {
			require.Equal(t, s, r.String())
		} else {
			status(t, err)
		}
	})
}

func TestPages(t *testing.T) {
	p, err := ParsePage("", "")
	require.NoError(t, err)
	assert.Equal(t, Page{Limit: DefaultPage}, p)
	p, err = ParsePage("GLOBAL_ID_7", "1000")
	require.NoError(t, err)
	assert.Equal(t, Page{After: 7, Limit: MaxPage}, p)
	for _, c := range [][2]string{{"7", ""}, {"", "0"}, {"", "1001"}, {"", "-1"}, {"", "a"}, {"", "99999999999999999999"}, {"", "1.0"}} {
		_, err := ParsePage(c[0], c[1])
		assert.Equal(t, 400, status(t, err), c)
	}
}

func FuzzParsePage(f *testing.F) {
	f.Add("GLOBAL_ID_7", "10")
	f.Fuzz(func(t *testing.T, after, limit string) {
		if p, err := ParsePage(after, limit); err == nil {
			require.True(t, p.Limit >= 1 && p.Limit <= MaxPage)
		} else {
			status(t, err)
		}
	})
}

func TestErrorsOnTheWire(t *testing.T) {
	for _, c := range []struct {
		e    Error
		code int
		body string
		wait string
	}{
		{*Errorf(404, "there is no %s", "x"), 404, `{"status": 1, "error": "there is no x"}`, ""},
		{Error{Text: "\xff"}, 500, `{"status": 1, "error": "?"}`, ""},
		{Error{Status: 9, HTTP: 503, Text: "<b>", RetryAfter: 1}, 503, `{"status": 9, "error": "<b>"}`, "1"},
		{Error{HTTP: 429, RetryAfter: core.Second}, 429, `{"status": 1, "error": ""}`, "1"},
		{Error{HTTP: 429, RetryAfter: core.Second + 1}, 429, `{"status": 1, "error": ""}`, "2"},
	} {
		w := httptest.NewRecorder()
		c.e.Write(w)
		assert.Equal(t, c.code, w.Code)
		assert.Equal(t, JSONType, w.Header().Get("Content-Type"))
		assert.Equal(t, c.wait, w.Header().Get("Retry-After"))
		assert.JSONEq(t, c.body, w.Body.String())
		_, err := ReadAnswer[Answer](w.Code, JSONType, w.Body, -1, 1000)
		assert.Equal(t, c.code, status2(t, err))
	}
}

// status2 is status for errors that may have no text.
func status2(t *testing.T, err error) int {
	var e *Error
	require.ErrorAs(t, err, &e)
	return e.HTTP
}

// asked is a query manager with one node, to whom requests are put.
type asked struct {
	m  *core.QueryManager
	fx core.Effects
}

func newAsked() *asked {
	a := &asked{m: core.NewQueryManager(core.QueryManagerConfig{
		Node: "cloud", Incarnation: 1, Period: core.Second, Scheduler: idle{},
		Nodes: []core.Join{{Node: "edge1", Cameras: []core.Camera{{ID: "meeting", Node: "edge1", FPS: 30, Resolution: core.Resolutions()[3]}}}},
	}, core.Snapshot{})}
	a.m.Step(0, &core.Timer{}, &a.fx)
	return a
}

type idle struct{}

func (idle) Schedule(*core.View, *core.Decision) {}

// ask puts a request and returns the text of the answer; stored is what becomes of a save that it causes.
func (a *asked) ask(t *testing.T, m core.Message, stored string) string {
	a.fx = core.Effects{}
	a.m.Step(0, &core.Received{From: core.Address{Node: "me", Part: core.PartUser}, Msg: m}, &a.fx)
	for _, s := range a.fx.Saves {
		a.m.Step(0, &core.Saved{ID: s.ID, Err: stored}, &a.fx)
	}
	for _, s := range a.fx.Sends {
		switch m := s.Msg.(type) {
		case *core.SubmitAnswer:
			return m.Err
		case *core.StopAnswer:
			return m.Err
		}
	}
	require.Fail(t, "no answer")
	return ""
}

// TestRefusals asks core's own query manager for each of its refusals, so that their texts and
// statuses cannot drift apart.
func TestRefusals(t *testing.T) {
	q := core.Query{Key: "k", Node: "edge1", Camera: "meeting", Pipeline: core.Linear("a")}
	with := func(f func(*core.Query)) *core.SubmitQuery {
		p := q
		f(&p)
		return &core.SubmitQuery{Request: 1, Query: p}
	}
	a := newAsked()
	for _, c := range []struct {
		m      core.Message
		stored string
		code   int
	}{
		{with(func(*core.Query) {}), "disk full", 503},
		{with(func(*core.Query) {}), "", 0},
		{with(func(p *core.Query) { p.Constraint.Accuracy = .5 }), "", 409},
		{with(func(p *core.Query) { p.Key, p.Node = "", "elsewhere" }), "", 404},
		{with(func(p *core.Query) { p.Key, p.Camera = "", "none" }), "", 404},
		{with(func(p *core.Query) { p.Key, p.Pipeline = "", nil }), "", 422},
		{with(func(p *core.Query) { p.Key, p.Constraint.Delay = "", -1 }), "", 422},
		{with(func(p *core.Query) { p.Key, p.Constraint.Latency = "", -1 }), "", 422},
		{with(func(p *core.Query) { p.Key, p.Constraint.Accuracy = "", 2 }), "", 422},
		{&core.StopQuery{Request: 2, Query: 99}, "", 404},
		{&core.StopQuery{Request: 3, Query: 2}, "disk full", 503},
		{&core.StopQuery{Request: 4, Query: 2}, "", 0},
	} {
		text := a.ask(t, c.m, c.stored)
		e := Refusal(text)
		if c.code == 0 {
			assert.Nil(t, e, text)
			continue
		}
		if assert.NotNil(t, e, "%+v", c.m) {
			assert.Equal(t, c.code, e.HTTP, text)
			assert.Contains(t, e.Text, text)
			assert.Equal(t, c.code == 503, e.RetryAfter > 0)
		}
	}
}

// TestPlaces: nodes and videos are named by id or as the original does.
func TestPlaces(t *testing.T) {
	three, two := 3, 2
	for _, c := range []struct {
		addr  string
		video *int
		x     PlaceExtra
		node  core.NodeID
		cam   core.CameraID
		code  int
	}{
		{"127.0.0.1:5001", &three, PlaceExtra{}, "edge1", "traffic", 0},
		{"", nil, PlaceExtra{"n", "c"}, "n", "c", 0},
		{"127.0.0.1:5001", &three, PlaceExtra{"", "c"}, "edge1", "c", 0},
		{"", &three, PlaceExtra{"edge1", ""}, "edge1", "traffic", 0},
		{"10.0.0.1:5001", &three, PlaceExtra{}, "", "", 404},
		{"127.0.0.1:5001", &two, PlaceExtra{}, "", "", 404},
		{"127.0.0.1:5001", nil, PlaceExtra{}, "", "", 422},
	} {
		n, cam, err := placeOf(shelf{}, c.addr, c.video, &c.x)
		if c.code != 0 {
			assert.Equal(t, c.code, status(t, err))
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, []any{c.node, c.cam}, []any{n, cam})
	}
	for addr, want := range map[string]int{"1.2.3.4:5001": 5001, "[::1]:80": 80, "": 0, "x": 0, "x:y": 0, "x:65536": 0} {
		assert.Equal(t, want, portOf(addr), addr)
	}
}
