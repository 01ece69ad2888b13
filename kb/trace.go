package kb

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Trace is content that was recorded or annotated, frame by frame.
type Trace struct {
	FrameRate float64 // frames per second; 0 = irregular, the times count
	times     []float64
	scenes    []Scene
	length    float64 // seconds after which it begins again
}

// Frames returns how many frames the trace has.
func (t *Trace) Frames() int { return len(t.scenes) }

// traceHeader begins the optional comment that tells a trace's frame rate and
// class: "# vidq content: frame_rate=7 class=pedestrians".
const traceHeader = "# vidq content:"

// ReadTrace reads a content trace: CSV with the columns t_s, obj_n, obj_size (mean
// box area, fraction of the frame), obj_shift (box heights per second) and
// obj_stable (0 or 1) and, if it is there, frame (the content's own number of the
// frame, which Scene.Frame tells; else rows count from 0). Lines that begin with #
// are comments. file names the trace in errors.
func ReadTrace(r io.Reader, file string) (*Trace, error) {
	b, err := readAll(r, file, MaxFile)
	if err != nil {
		return nil, err
	}
	return parseTrace(b, file)
}

// The columns of a trace.
const (
	colTime = iota
	colObjects
	colArea
	colMotion
	colStable
	colFrame
	numCols
)

var traceColumns = [numCols]string{"t_s", "obj_n", "obj_size", "obj_shift", "obj_stable", "frame"}

func parseTrace(b []byte, file string) (*Trace, error) {
	t := &Trace{}
	class, err := t.header(b, file)
	if err != nil {
		return nil, err
	}
	cr := csv.NewReader(bytes.NewReader(b))
	cr.Comment, cr.ReuseRecord, cr.TrimLeadingSpace = '#', true, true
	head, err := cr.Read()
	if err != nil {
		return nil, csvError(file, err)
	}
	var at [numCols]int
	for i, name := range traceColumns {
		at[i] = slices.Index(head, name)
		if at[i] < 0 && i != colFrame {
			line, _ := cr.FieldPos(0)
			return nil, &Error{File: file, Line: line, Msg: "has no column " + name + "; want " + strings.Join(traceColumns[:colFrame], ",")}
		}
	}
	for {
		rec, err := cr.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, csvError(file, err)
		}
		if msg := t.row(rec, &at, class); msg != "" {
			line, _ := cr.FieldPos(0)
			return nil, &Error{File: file, Line: line, Msg: msg}
		}
	}
	if len(t.scenes) == 0 {
		return nil, &Error{File: file, Msg: "has no rows"}
	}
	t.finish()
	return t, nil
}

// header reads the comment that a trace may begin with.
func (t *Trace) header(b []byte, file string) (class string, err error) {
	err = header(b, traceHeader, func(line int, key, value string) error {
		bad := func(msg string) error { return &Error{File: file, Line: line, Key: key, Msg: msg} }
		switch key {
		case "frame_rate":
			rate, err := finite(value)
			if err != nil || rate <= 0 || rate > 1e6 {
				return bad(strconv.Quote(value) + " is not a frame rate")
			}
			t.FrameRate = rate
		case "class":
			class = value
		case "image": // for people
		default:
			return bad("is not known here; want frame_rate, class or image")
		}
		return nil
	})
	return class, err
}

// row takes a row in and says what is wrong with it, "" if nothing.
func (t *Trace) row(rec []string, at *[numCols]int, class string) string {
	var v [numCols]float64
	for i, c := range at {
		if c < 0 {
			continue
		}
		var err error
		if v[i], err = finite(strings.TrimSpace(rec[c])); err != nil {
			return traceColumns[i] + ": " + err.Error()
		}
	}
	switch {
	case len(t.times) > 0 && v[colTime] <= t.times[len(t.times)-1]:
		return "t_s does not rise"
	case math.Abs(v[colTime]) > 1e9:
		return "t_s is out of range"
	case v[colObjects] < 0 || v[colObjects] > 1e6:
		return "obj_n is out of range"
	case v[colArea] < 0 || v[colArea] > 1:
		return "obj_size must be a fraction of the frame's area"
	case v[colMotion] < 0:
		return "obj_shift is negative"
	case math.Abs(v[colFrame]) > 1e15:
		return "frame is out of range"
	}
	frame := int64(len(t.scenes))
	if at[colFrame] >= 0 {
		frame = int64(v[colFrame])
	}
	t.times = append(t.times, v[colTime])
	t.scenes = append(t.scenes, Scene{
		Frame: frame, Objects: v[colObjects], Area: v[colArea],
		Motion: v[colMotion], Stable: v[colStable] != 0, Class: class,
	})
	return ""
}

// finish lets the trace start at 0 and end a mean step after its last row.
func (t *Trace) finish() {
	first := t.times[0]
	for i := range t.times {
		t.times[i] -= first
	}
	n := len(t.times)
	switch {
	case t.FrameRate > 0:
		t.length, t.times = float64(n)/t.FrameRate, nil
	case n == 1:
		t.length = 1
	default:
		t.length = t.times[n-1] * float64(n) / float64(n-1)
	}
}

// At returns the trace before a camera of fps frames per second. With a frame rate
// camera frame k, at t = k/fps, shows row floor(t*FrameRate) modulo the number of
// rows; without one the last row that is not later than t, modulo the length.
func (t *Trace) At(fps float64) Source { return &replay{t, fps} }

type replay struct {
	*Trace
	fps float64
}

// Scene implements Source.
func (r *replay) Scene(k int64) Scene {
	k = max(k, 0)
	n := len(r.scenes)
	if r.FrameRate > 0 {
		// k*rate/fps, not k/fps*rate: the product is exact and the quotient of two
		// whole numbers is whole when it should be.
		row := math.Floor(float64(k) * r.FrameRate / r.fps)
		return r.scenes[int(math.Mod(row, float64(n)))]
	}
	at := math.Mod(float64(k)/r.fps, r.length)
	i, found := slices.BinarySearch(r.times, at)
	if !found {
		i--
	}
	return r.scenes[max(i, 0)]
}

// writeTrace writes rows in the project's form.
func writeTrace(w io.Writer, rate float64, class, image string, first int64, scenes []Scene) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s frame_rate=%s", traceHeader, ftoa(rate))
	if class != "" {
		fmt.Fprintf(&b, " class=%s", class)
	}
	if image != "" {
		fmt.Fprintf(&b, " image=%s", image)
	}
	fmt.Fprintf(&b, "\n%s\n", strings.Join(traceColumns[:], ","))
	for i, s := range scenes {
		stable := 0
		if s.Stable {
			stable = 1
		}
		fmt.Fprintf(&b, "%.3f,%s,%.6f,%.4f,%d,%d\n", float64(i)/rate, ftoa(s.Objects), s.Area, s.Motion, stable, first+int64(i))
	}
	_, err := w.Write(b.Bytes())
	return err
}
