package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

// endless is a body that never ends and counts what is read of it.
type endless struct{ read int64 }

func (e *endless) Read(b []byte) (int, error) {
	e.read += int64(len(b))
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

func TestReadIsBounded(t *testing.T) {
	body := &endless{}
	_, err := Read(body, -1, 1000)
	assert.Equal(t, 413, status(t, err))
	assert.LessOrEqual(t, body.read, int64(1001))
	body = &endless{}
	_, err = Read(body, 100_000_000, limitControl)
	assert.Equal(t, 413, status(t, err))
	assert.Zero(t, body.read, "a body announced to be too long stays unread")
	for _, length := range []int64{-1, 0, 3, 4} {
		got, err := Read(strings.NewReader("1234"), length, 4)
		require.NoError(t, err)
		assert.Equal(t, "1234", string(got))
	}
	_, err = Read(http.MaxBytesReader(nil, io.NopCloser(strings.NewReader("12345")), 3), -1, 100)
	assert.Equal(t, 413, status(t, err))
	_, err = Read(io.MultiReader(strings.NewReader("12"), broken{}), -1, 100)
	assert.Equal(t, 400, status(t, err))
	assert.ErrorContains(t, err, "cut off")
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("cut off") }

func TestReadJSONWantsJSON(t *testing.T) {
	var a Answer
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/json2", ";", "application/json; charset=\""} {
		assert.Equal(t, 415, status(t, ReadJSON(kind, strings.NewReader(`{}`), -1, 100, &a)), kind)
	}
	require.NoError(t, ReadJSON("Application/JSON; charset=utf-8", strings.NewReader(`{"status": 3, "msg": ""}`), -1, 100, &a))
	assert.Equal(t, 3, a.Status)
}

// everyKind has each kind of field once.
type everyKind struct {
	Text    Role           `json:"text"`
	Loose   Float          `json:"loose"`
	Pointer *int           `json:"pointer"`
	Dict    map[string]int `json:"dict"`
	List    []uint64       `json:"list" most:"2"`
	Tuple   [2]bool        `json:"tuple"`
	String  string         `json:"string" most:"3"`
	Word    string         `json:"word" enum:"a|b"`
	Number  float64        `json:"number" min:"0" max:"1"`
	Small   uint16         `json:"small"`
	Maybe   int            `json:"maybe,omitzero" unless:"string"`
	Opt     *float64       `json:"opt,omitzero" above:"0"`
	*KindExtra
}

// KindExtra is a group of extra fields.
type KindExtra struct {
	Extra int `json:"extra"`
	Other int `json:"other"`
	Spare int `json:"spare,omitzero"`
}

const wholeKind = `{"text": "cloud", "loose": "-Infinity", "pointer": null, "dict": {"a": 1}, "list": [18446744073709551615], "tuple": [true, false],
	"string": "ä", "word": "b", "number": 1e0, "small": 65535, "unknown": [{"deep": [null, 1.5e-3, "\u00e4\ud83d\ude00", false]}]}`

func TestDecodeNamesWhatIsWrong(t *testing.T) {
	v, err := Decode[everyKind]([]byte(wholeKind))
	require.NoError(t, err)
	assert.True(t, math.IsInf(float64(v.Loose), -1))
	assert.Equal(t, uint64(math.MaxUint64), v.List[0])
	assert.Nil(t, v.KindExtra)
	for _, c := range []struct{ old, new, want string }{
		{`"text": "cloud", `, ``, "text is missing, want one of edge, cloud, host"},
		{`"cloud"`, `"Cloud"`, `text is "Cloud", want one of edge, cloud, host`},
		{`"cloud"`, `3`, "text is a number, want one of"},
		{`"-Infinity"`, `"infinity"`, `loose is "infinity", want a number, "NaN"`},
		{`"-Infinity"`, `null`, "loose is null, want"},
		{`"pointer": null`, `"pointer": 1.0`, "pointer is 1.0, want an integer"},
		{`{"a": 1}`, `{"a": true}`, "dict.a is true or false, want an integer"},
		{`{"a": 1}`, `{"a": 1, "a": 2}`, "dict.a stands there twice"},
		{`[18446744073709551615]`, `[1, -1]`, "list[1] is -1, want an integer of at least 0"},
		{`[18446744073709551615]`, `[1, 18446744073709551616]`, "list[1] is 18446744073709551616"},
		{`[18446744073709551615]`, `[1, 2, 3]`, "list has 3 elements, want a list of at most 2"},
		{`[true, false]`, `[true]`, "tuple has 1 elements, want a list of 2"},
		{`[true, false]`, `[true, false, true]`, "tuple has 3 elements"},
		{`[true, false]`, `[true, null]`, "tuple[1] is null, want true or false"},
		{`"ä"`, `"äöü"`, "want a string of at most 3 bytes"},
		{`"b"`, `"c"`, `word is "c", want one of a, b`},
		{`1e0`, `1.1`, "number is 1.1, want a number from 0 to 1"},
		{`1e0`, `1e999`, "number is 1e999, want"},
		{`65535`, `65536`, "small is 65536"},
		{`"string": "ä", `, ``, "maybe is missing, want an integer (or string)"},
		{`"small"`, `"opt": 0, "small"`, "opt is 0, want a number above 0"},
		{`"small"`, `"opt": null, "small"`, "opt is null, want a number above 0"},
		{`"small"`, `"extra": 1, "small"`, "other is missing"},
		{`"small"`, `"extra": 1, "other": 2, "small"`, ""},
		{`"small"`, `"small": 1, "small"`, "small stands there twice"},
		{`"small"`, `"SMALL": 1, "small"`, ""},
		{`"unknown"`, `"unknown": 1, "unknown"`, ""},
	} {
		text := strings.Replace(wholeKind, c.old, c.new, 1)
		require.NotEqual(t, wholeKind, text, c.old)
		_, err := Decode[everyKind]([]byte(text))
		if c.want == "" {
			assert.NoError(t, err, c.new)
			continue
		}
		if assert.Error(t, err, c.new) {
			assert.Equal(t, 422, status(t, err))
			assert.Contains(t, err.Error(), c.want)
		}
	}
	_, err = Decode[everyKind]([]byte(`{}`))
	assert.Equal(t, maxProblems, strings.Count(err.Error(), "is missing"), "all at once, but not endlessly")
	assert.Contains(t, err.Error(), "and more")
	_, err = Decode[[]everyKind]([]byte(`[` + wholeKind + `, 3]`))
	assert.EqualError(t, err, "[1] is a number, want an object")
	_, err = Decode[everyKind]([]byte(`[]`))
	assert.EqualError(t, err, "the body is a list, want an object")
}

// notJSON is text that no JSON reader may take.
var notJSON = []string{
	"", " ", "{", "}", "[", "nul", "tru", "True", "None", "NaN", "{,}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\":1 \"b\":2}", "{a:1}", "{'a':1}",
	"[1,]", "[1 2]", "[,1]", "01", "-", "+1", ".5", "1.", "1e", "1e+", "0x10", "1_0", "--1", "\"", "\"a", "\"\\\"", "\"\\q\"", "\"\\u12\"", "\"\\u12g4\"",
	"\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\\ud800x\"", "\"a\nb\"", "\"\x00\"", "\"\xff\"", "\"\xc3\"", "1 2", "{}{}", "null null", "//", "/* */ 1", "\ufeff1",
	strings.Repeat("[", 100_000), strings.Repeat(`{"a":`, 1000), "[1}", "{\"a\":1]",
}

func TestDecodeRefusesWhatIsNotJSON(t *testing.T) {
	for _, text := range notJSON {
		var s scanner
		s.b = []byte(text)
		err := s.skip(0)
		if err == nil {
			err = s.end()
		}
		assert.Error(t, err, "%.40q", text)
		_, err = Decode[Answer]([]byte(text))
		if assert.Error(t, err, "%.40q", text) {
			assert.Equal(t, 400, status(t, err), "%.40q", text)
		}
	}
}

// TestSyntaxErrorsTellWhere: the byte of the mistake.
func TestSyntaxErrorsTellWhere(t *testing.T) {
	for text, want := range map[string]string{
		`{"status": 0, "msg" 1}`:        "want a colon at byte 20",
		`{"status": 0, "msg": "\q"}`:    "an unknown escape in a string at byte 22",
		`{"status": 01, "msg": ""}`:     "want a comma or } at byte 12",
		`{"status": 0, "msg": ""} x`:    "something follows the value at byte 25",
		`{"status": 0, "msg": "a`:       "the text ends within a string at byte 23",
		"{\"status\": 0, \"x\": \"\x01": "a control character within a string at byte 20",
	} {
		_, err := Decode[Answer]([]byte(text))
		assert.ErrorContains(t, err, want)
	}
}

// TestEncodeRefusesWhatJSONLacks: with the field's path.
func TestEncodeRefusesWhatJSONLacks(t *testing.T) {
	bad := math.NaN()
	_, err := Encode(&Results{AppendedResult: []Frame{{}, {Delay: bad}}})
	assert.ErrorContains(t, err, "appended_result[1].delay cannot be written as JSON: NaN")
	_, err = Encode(&Answer{Msg: "\xff"})
	assert.ErrorContains(t, err, "msg")
	_, err = Encode(&StopJob{})
	assert.ErrorContains(t, err, "job_uid cannot be written as JSON: 0 is the id of no query")
	_, err = Encode(&JobStatus{JobUID: 1, StateName: State(numStates)})
	assert.ErrorContains(t, err, "state_name")
	_, err = Encode(&VideoConf{FPS: 1})
	assert.ErrorContains(t, err, "resolution")
}

// TestEmptyListsAreLists: encoding/json's null for a nil slice would be an error to every peer.
func TestEmptyListsAreLists(t *testing.T) {
	data, err := Encode(&QueryList{})
	require.NoError(t, err)
	assert.Equal(t, "{\"queries\":[]}\n", string(data))
	var none *Results
	data, err = Encode(none)
	require.NoError(t, err)
	assert.Equal(t, "null\n", string(data))
}

// FuzzScanner compares with encoding/json: what we take it takes, and reads alike.
func FuzzScanner(f *testing.F) {
	for _, s := range notJSON {
		f.Add([]byte(s))
	}
	f.Add([]byte(wholeKind))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := scanner{b: data}
		err := s.skip(0)
		if err == nil {
			err = s.end()
		}
		if err == nil && !json.Valid(data) {
			t.Fatalf("%q is not JSON", data)
		}
		text, err := Decode[string](data)
		if err != nil {
			return
		}
		var want string
		require.NoError(t, json.Unmarshal(data, &want))
		require.Equal(t, want, text)
		again, err := Encode(text)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(again, &want))
		require.Equal(t, text, want)
	})
}

// FuzzDecode reads a body as what a route takes or answers. What is read is written and read again.
func FuzzDecode(f *testing.F) {
	all := bodyTypes()
	for i := range all {
		f.Add(uint8(i), []byte(wholeKind))
	}
	for _, e := range exchanges(f) {
		for i, b := range [][]byte{e.request, e.answer} {
			for n, typ := range all {
				if r := e.route; r != nil && (i == 0 && typ == r.Request || i == 1 && typ == r.Answer) {
					f.Add(uint8(n), b)
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		typ := all[int(which)%len(all)]
		v := reflect.New(typ)
		if err := DecodeInto(data, v.Interface()); err != nil {
			code := status(t, err)
			require.True(t, code == 400 || code == 422, code)
			return
		}
		once, err := Encode(v.Interface())
		require.NoError(t, err)
		w := reflect.New(typ)
		require.NoError(t, DecodeInto(once, w.Interface()), "%s", once)
		again, err := Encode(w.Interface())
		require.NoError(t, err)
		require.True(t, bytes.Equal(once, again), "%s and %s", once, again)
		toCore(v.Interface())
	})
}

// bodyTypes are the types of all JSON bodies, in the order of the routes.
func bodyTypes() []reflect.Type {
	var all []reflect.Type
	seen := map[reflect.Type]bool{typeOf[Task](): true, typeOf[TaskAnswer](): true}
	for _, r := range Routes() {
		for _, t := range []reflect.Type{r.Request, r.Answer} {
			if t != nil && !seen[t] {
				seen[t] = true
				all = append(all, t)
			}
		}
	}
	return all
}

// toCore translates what was read, whatever it is: that must not panic.
func toCore(v any) {
	switch v := v.(type) {
	case *SubmitQuery:
		_, _ = v.Core(shelf{})
	case *SubmitJob:
		_, _, _ = v.Core(shelf{})
	case *UpdatePlan:
		_, _, _ = v.Core(nil, shelf{})
	case *Plan:
		_, _ = v.Core(&core.Query{Node: "edge1", Pipeline: core.Linear("face_detection")}, shelf{})
	case *SyncResult:
		v.Core()
		v.Observed(1, 0, 1, 1)
	case *Join:
		v.Core()
	case *Heartbeat:
		v.Core()
	case *SyncResults:
		v.Core()
	case *ConfigureServices:
		v.Core()
	case *ChargeWork:
		v.Core()
	case *Runtime:
		v.Core()
	case *JobAnswer:
		v.Core()
	}
}
