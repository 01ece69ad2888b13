package wire

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/live/wiretest"
)

// curl makes a multipart body of parts name=content, as curl -F would.
func curl(t testing.TB, parts ...string) (contentType, body string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(parts); i += 2 {
		p, err := w.CreateFormFile(parts[i], "x")
		require.NoError(t, err)
		_, err = p.Write([]byte(parts[i+1]))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return w.FormDataContentType(), b.String()
}

// TestTaskRoundTrip: whatever a host may send comes out at the service, in each encoding.
func TestTaskRoundTrip(t *testing.T) {
	frame, face := wiretest.Noise(t, 64, 48), wiretest.Noise(t, 9, 7)
	size := core.Resolution{Width: 64, Height: 48}
	boxes, prob := []Box{{1, 2.5, 3, 4}, {0, 0, 9, 7}}, []float64{.5, 1}
	for _, in := range []Task{
		{Encoding: EncodingJPEG, Image: frame, Size: size},
		{Encoding: EncodingLiteral, Image: frame, Size: size, Crops: true},
		{Encoding: EncodingLiteral, Image: frame, Size: size},
		{Encoding: EncodingMultipart, Image: frame, Size: size, Crops: true},
		{Encoding: EncodingLiteral, Faces: [][]byte{face, frame}, Boxes: boxes, Prob: prob},
		{Encoding: EncodingMultipart, Faces: [][]byte{face, frame}, Boxes: boxes, Prob: prob},
		{Encoding: EncodingLiteral, Image: frame, Size: size, Boxes: boxes, Prob: prob},
		{Encoding: EncodingMultipart, Image: frame, Size: size, Boxes: boxes},
		{Encoding: EncodingLiteral, Faces: [][]byte{}, Boxes: []Box{}, Prob: []float64{}},
		{Encoding: EncodingMultipart, Faces: [][]byte{}, Boxes: []Box{}, Prob: []float64{}},
	} {
		kind, body, err := in.Encode(false)
		require.NoError(t, err)
		out, err := ReadTask(kind, bytes.NewReader(body), int64(len(body)), Limits{})
		require.NoError(t, err)
		assert.Equal(t, &in, out)
	}
	assert.Panics(t, func() { _, _, _ = (&Task{Encoding: EncodingJPEG, Image: frame, Boxes: boxes}).Encode(false) })
}

// TestCurlForm: the form of the documentation, a file alone.
func TestCurlForm(t *testing.T) {
	kind, body := curl(t, "image", string(wiretest.Noise(t, 64, 48)), "unknown", "x")
	out, err := ReadTask(kind, strings.NewReader(body), -1, Limits{})
	require.NoError(t, err)
	assert.Equal(t, EncodingMultipart, out.Encoding)
	assert.Equal(t, core.Resolution{Width: 64, Height: 48}, out.Size)
	assert.False(t, out.Crops)
}

// TestAnswerRoundTrip: crops only to who asked, literals only to who sent some.
func TestAnswerRoundTrip(t *testing.T) {
	a := TaskAnswer{
		Faces: [][]byte{wiretest.Noise(t, 9, 7)}, Boxes: []Box{{1, 2.5, 3, 4}}, Prob: []float64{.5}, Counts: Counts{"up": 1, "total": 1},
		Service: 1234567891, Queue: 1, Timed: true, Objects: 7.25, Area: 1.0 / 3, Counted: true,
	}
	for _, c := range []struct {
		task    Task
		kind    string
		literal bool
		crops   bool
	}{
		{Task{Encoding: EncodingLiteral, Crops: true}, JSONType, true, true},
		{Task{Encoding: EncodingLiteral}, JSONType, false, false},
		{Task{Encoding: EncodingMultipart, Crops: true}, FormType, false, true},
		{Task{Encoding: EncodingMultipart}, JSONType, false, false},
		{Task{Encoding: EncodingJPEG, Crops: true}, FormType, false, true},
		{Task{Encoding: EncodingJPEG}, JSONType, false, false},
	} {
		kind, body, err := a.Encode(&c.task, false)
		require.NoError(t, err)
		assert.True(t, strings.HasPrefix(kind, c.kind), kind)
		assert.Equal(t, c.literal, bytes.Contains(body, []byte(`\\xff\\xd8`)))
		out, err := ReadTaskAnswer(200, kind, bytes.NewReader(body), -1, Limits{})
		require.NoError(t, err)
		want := a
		if !c.crops {
			want.Faces = nil
		}
		assert.Equal(t, &want, out)
	}
	kind, body, err := (&TaskAnswer{Faces: [][]byte{}, Boxes: []Box{}, Prob: []float64{}}).Encode(&Task{Encoding: EncodingJPEG, Crops: true}, false)
	require.NoError(t, err)
	out, err := ReadTaskAnswer(200, kind, bytes.NewReader(body), -1, Limits{})
	require.NoError(t, err)
	assert.Equal(t, &TaskAnswer{Faces: [][]byte{}, Boxes: []Box{}, Prob: []float64{}}, out, "no face found")
}

func TestTaskRefuses(t *testing.T) {
	good := wiretest.Noise(t, 64, 48)
	literal := FormatLiteral(good)
	quoted, err := Encode(literal)
	require.NoError(t, err)
	s := strings.TrimSpace(string(quoted))
	small := Limits{Body: 100_000, Image: 50_000, Images: 2, Pixels: 10_000}
	js := func(format string, args ...any) [2]string { return [2]string{JSONType, fmt.Sprintf(format, args...)} }
	mp := func(parts ...string) [2]string {
		kind, body := curl(t, parts...)
		return [2]string{kind, body}
	}
	big := string(wiretest.Noise(t, 200, 100))
	cut := mp("image", string(good))
	for i, c := range []struct {
		in   [2]string
		code int
		want string
	}{
		{[2]string{"", "x"}, 415, "image/jpeg"},
		{[2]string{"text/html", "x"}, 415, "text/html"},
		{[2]string{"image/png", "x"}, 415, "image/png"},
		{[2]string{"a/b;c", "x"}, 415, "not taken"},
		{js(``), 400, "empty"},
		{js(`{"image": "b'`), 400, "byte 13"},
		{js(`[]`), 422, "want an object"},
		{js(`{}`), 422, "neither image nor faces"},
		{js(`{"bbox": [[1,2,3,4]]}`), 422, "neither"},
		{js(`{"image": null}`), 422, "image is null"},
		{js(`{"image": 3}`), 422, "image is a number"},
		{js(`{"image": "b''"}`), 415, "image: the image is no JPEG"},
		{js(`{"image": "open('x')"}`), 422, "image: no Python bytes literal"},
		{js(`{"image": "b'\\xff\\xd8\\xff'"}`), 422, "truncated"},
		{js(`{"faces": %s}`, s), 422, "faces is a string"},
		{js(`{"faces": [%s, 1]}`, s), 422, "faces[1] is a number"},
		{js(`{"faces": [%s, "b'a'"]}`, s), 415, "faces[1]: the image"},
		{js(`{"faces": [%s, %s, %s]}`, s, s, s), 413, "more than 2 faces"},
		{js(`{"faces": [%s], "bbox": []}`, s), 422, "bbox and faces"},
		{js(`{"faces": [%s], "bbox": [[1,2,3,4]], "prob": []}`, s), 422, "bbox and prob"},
		{js(`{"image": %s, "bbox": [[1,2,3]]}`, s), 422, "bbox[0] has 3 elements"},
		{js(`{"image": %s, "bbox": [[1,2,3,"4"]]}`, s), 422, "bbox[0][3] is a string"},
		{js(`{"image": %s, "prob": [2]}`, s), 422, "between 0 and 1"},
		{js(`{"image": %s, "prob": [-0.1]}`, s), 422, "between 0 and 1"},
		{js(`{"image": %s, "crops": 1}`, s), 422, "crops is a number"},
		{js(`{"image": %s, "x": "%s"}`, s, strings.Repeat("x", 100_000)), 413, "100000 bytes"},
		{[2]string{JPEGType, ""}, 415, "no JPEG"},
		{[2]string{JPEGType, "GIF89a"}, 415, "no JPEG"},
		{[2]string{JPEGType, string(good[:20])}, 422, "truncated"},
		{[2]string{JPEGType, big}, 413, "200x100"},
		{[2]string{JPEGType, string(good) + strings.Repeat("x", 50_000)}, 413, "larger than the 50000"},
		{[2]string{FormType, cut[1]}, 400, "boundary"},
		{[2]string{cut[0], cut[1][:len(cut[1])-40]}, 400, "part image: the body could not be read"},
		{[2]string{cut[0], "x"}, 400, "form is broken"},
		{[2]string{cut[0], strings.Repeat("a\n", 60_000)}, 413, "100000 bytes"},
		{mp(), 422, "neither"},
		{mp("image", "x"), 415, "no JPEG"},
		{mp("image", string(good), "image", string(good)), 422, "two parts image"},
		{mp("ctx", "{}", "ctx", "{}"), 422, "two parts ctx"},
		{mp("ctx", "{"), 400, "part ctx"},
		{mp("ctx", `{"crops": 3}`), 422, "crops is a number"},
		{mp("faces", string(good), "faces", "x"), 415, "faces[1]"},
		{mp("faces", string(good), "ctx", `{"bbox": []}`), 422, "bbox and faces"},
		{mp("a", "", "b", "", "c", "", "d", "", "e", ""), 413, "more than 2 faces"},
		{mp("image", strings.Repeat("x", 60_000)), 413, "part image"},
		{mp("a", strings.Repeat("x", 50_000), "b", strings.Repeat("x", 50_000), "c", "x"), 413, "100000 bytes"},
	} {
		_, err := ReadTask(c.in[0], strings.NewReader(c.in[1]), -1, small)
		if assert.Error(t, err, "case %d: %s", i, c.want) {
			assert.Equal(t, c.code, status(t, err), "case %d: %v", i, err)
			assert.ErrorContains(t, err, c.want, "case %d", i)
		}
	}
	_, err = ReadTask(FormType+"; boundary=x", &endless{}, 1<<40, small)
	assert.Equal(t, 413, status(t, err))
	body := &endless{}
	_, err = ReadTask(FormType+"; boundary=x", body, -1, small)
	assert.Equal(t, 400, status(t, err), "a line without an end")
	assert.LessOrEqual(t, body.read, small.Body+1)
	_, err = ReadTask(FormType+"; boundary=x", nil, -1, small)
	assert.Equal(t, 400, status(t, err))
	_, err = ReadTask(JSONType, nil, -1, small)
	assert.Equal(t, 400, status(t, err))
}

func TestAnswersThatAreNone(t *testing.T) {
	for _, c := range []struct {
		status     int
		kind, body string
		code       int
		want       string
	}{
		{500, "text/html; charset=utf-8", "<!doctype html>", 502, "HTTP 500"},
		{200, "text/html", "x", 502, "text/html"},
		{200, JSONType, "{", 502, "not JSON"},
		{200, JSONType, `{"bbox": 3}`, 502, "bbox is a number"},
		{200, JSONType, `{"faces": ["b'x'"], "bbox": [[1,2,3,4]]}`, 502, "no JPEG"},
		{200, JSONType, `{"faces": ["import os"]}`, 502, "no Python bytes literal"},
		{200, JSONType, `{"prob": [1], "bbox": []}`, 502, "differ in length"},
		{200, JSONType, `{"service_s": 1}`, 502, "queue_s is missing"},
		{200, FormType + "; boundary=x", "--x--", 502, "no part ctx"},
		{200, JSONType, `{"status": 1, "error": "no such node"}`, 422, "no such node"},
		{404, JSONType, `{"status": 7, "error": "no such service"}`, 404, "no such service"},
		{503, JSONType, `{}`, 502, "without an error text"},
	} {
		_, err := ReadTaskAnswer(c.status, c.kind, strings.NewReader(c.body), -1, Limits{})
		assert.Equal(t, c.code, status(t, err), c.body)
		assert.ErrorContains(t, err, c.want)
	}
	_, err := ReadTaskAnswer(404, JSONType, strings.NewReader(`{"status": 7, "error": "x"}`), -1, Limits{})
	var e *Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, 7, e.Status)
	body := &endless{}
	_, err = ReadTaskAnswer(200, JSONType, body, -1, Limits{Body: 1000})
	assert.Equal(t, 502, status(t, err))
	assert.LessOrEqual(t, body.read, int64(1001))
}

func TestMeanArea(t *testing.T) {
	assert.Zero(t, MeanArea(nil))
	assert.Equal(t, 400., MeanArea([]Box{{0, 0, 10, 20}, {20, 0, 40, 30}}))
	assert.Equal(t, 100., MeanArea([]Box{{0, 0, 10, 20}, {9, 9, 1, 1}}), "a box inside out is none")
}

func TestJPEGSize(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		w, h := 1+r.IntN(300), 1+r.IntN(300)
		b := wiretest.Noise(t, w, h)
		gotW, gotH, err := JPEGSize(b)
		require.NoError(t, err)
		assert.Equal(t, []int{w, h}, []int{gotW, gotH})
		header := bytes.Index(b, []byte{0xff, 0xc0}) + 2 + 2 + 6 + 3 // of one component
		for i := range header {
			_, _, err := JPEGSize(b[:i])
			require.Error(t, err, "cut off after %d bytes", i)
		}
		_, _, err = JPEGSize(b[:header])
		require.NoError(t, err)
	}
	for text, want := range map[string]string{
		"\xff\xd8\x00": "no marker", "\xff\xd8\xff\x00\x00\x00": "ff 0 before", "\xff\xd8\xff\xd9\x00\x00": "ff d9 before", "\xff\xd8\xff\xda\x00\x02": "ff da before",
		"\xff\xd8\xff\xe0\x00\x01": "without length", "\xff\xd8\xff\xe0\x00\x09": "truncated", "\xff\xd8\xff\xff\xff": "truncated", "\xff\xd8\xff\x01": "truncated",
		"\xff\xd8\xff\xc0\x00\x08\x08\x00\x01\x00\x01\x00":             "wrong length",
		"\xff\xd8\xff\xc0\x00\x0b\x08\x00\x00\x00\x01\x01\x01\x11\x00": "no size",
		"\xff\xd8\xff\x01\xff\x01\xff\xc4\x00\x02\xff\xc0\x00\x05xyz":  "wrong length",
	} {
		_, _, err := JPEGSize([]byte(text))
		assert.ErrorContains(t, err, want, "%q", text)
		assert.Equal(t, 422, status(t, err))
	}
	w, h, err := JPEGSize([]byte("\xff\xd8\xff\x01\xff\xff\xc2\x00\x0b\x08\x00\x02\x00\x03\x01\x01\x11\x00"))
	require.NoError(t, err)
	assert.Equal(t, []int{3, 2}, []int{w, h}, "progressive, after a marker without length and a fill byte")
}

func FuzzJPEGSize(f *testing.F) {
	f.Add(wiretest.Noise(f, 8, 8))
	f.Add([]byte("\xff\xd8\xff\x01\xff\xff\xc2\x00\x0b\x08\x00\x02\x00\x03\x01\x01\x11\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, h, err := JPEGSize(b)
		if err != nil {
			status(t, err)
			return
		}
		require.True(t, w > 0 && h > 0 && w < 65536 && h < 65536)
	})
}

// FuzzReadTask: what is read can be sent on, and arrives the same.
func FuzzReadTask(f *testing.F) {
	kind, body := curl(f, "image", string(wiretest.Noise(f, 8, 8)), "ctx", `{"bbox": [[1,2,3,4]], "prob": [1], "crops": true}`)
	f.Add(kind, []byte(body))
	f.Add(JPEGType, wiretest.Noise(f, 8, 8))
	f.Add(JSONType, []byte(`{"image": "b'\\xff\\xd8'", "faces": [], "bbox": [], "prob": []}`))
	for _, e := range exchanges(f) {
		if e.route.Request == typeOf[Task]() && len(e.request) < 100_000 {
			f.Add(JSONType, e.request)
		}
	}
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		l := Limits{Body: 1 << 20, Image: 1 << 18, Images: 8}
		in, err := ReadTask(kind, bytes.NewReader(body), -1, l)
		if err != nil {
			code := status(t, err)
			require.True(t, code == 400 || code == 413 || code == 415 || code == 422, code)
			return
		}
		kind, sent, err := in.Encode(false)
		require.NoError(t, err)
		out, err := ReadTask(kind, io.MultiReader(bytes.NewReader(sent)), -1, Limits{})
		require.NoError(t, err)
		require.True(t, reflect.DeepEqual(in, out), "%v and %v", in, out)
	})
}

// FuzzReadTaskAnswer reads whatever a peer answers.
func FuzzReadTaskAnswer(f *testing.F) {
	f.Add(200, JSONType, []byte(`{"count_result": {"up": 1}, "service_s": 0.1, "queue_s": 0}`))
	f.Add(500, JSONType, []byte(`{"status": 1, "error": "x"}`))
	f.Fuzz(func(t *testing.T, code int, kind string, body []byte) {
		a, err := ReadTaskAnswer(code, kind, bytes.NewReader(body), -1, Limits{Body: 1 << 20})
		if err != nil {
			var e *Error
			require.ErrorAs(t, err, &e)
			return
		}
		_, _, err = a.Encode(&Task{Crops: true}, false)
		require.NoError(t, err)
	})
}
