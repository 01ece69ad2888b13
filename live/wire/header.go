package wire

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"vidq/core"
)

// Headers that name the frame a service is called for.
const (
	FrameHeader    = "X-Vidq-Frame"    // scenario-run/query/frame/stage/attempt
	CapturedHeader = "X-Vidq-Captured" // when the frame was captured, ns since the run's start
	InputHeader    = "X-Vidq-Input"    // model/WIDTHxHEIGHT/objects: which model is meant, and what it is fed with
)

// maxHeader bounds the text of FrameHeader, in bytes.
const maxHeader = 1024

// FrameRef names one attempt of one stage of one frame, for a service that wants to
// treat the same frame alike wherever it is analysed.
type FrameRef struct {
	Run      string       // scenario and run; not ""
	Query    core.QueryID // 0 = charged work that belongs to no query
	Frame    int64        // number of the camera frame; of charged work, its number negated
	Stage    int          // index into the pipeline
	Attempt  int
	Captured core.Time
	Input
}

// Input is which model of a service is meant, and what the image or the crops are of.
type Input struct {
	Model   int
	Size    core.Resolution // of the analysed frame; zero = not told
	Objects float64         // that the stages before found; 0 for a frame's first stage
}

// String returns the text of InputHeader.
func (i *Input) String() string {
	b := append(strconv.AppendInt(nil, int64(i.Model), 10), '/')
	b = append(strconv.AppendUint(b, uint64(i.Size.Width), 10), 'x')
	b = append(strconv.AppendUint(b, uint64(i.Size.Height), 10), '/')
	return string(strconv.AppendFloat(b, i.Objects, 'g', -1, 64))
}

// ParseInput reads the text of InputHeader. Errors have status 400.
func ParseInput(s string) (i Input, err error) {
	parts := strings.Split(s, "/")
	if len(s) <= maxHeader && len(parts) == 3 {
		w, h, _ := strings.Cut(parts[1], "x")
		model, err1 := strconv.ParseUint(parts[0], 10, 8)
		width, err2 := strconv.ParseUint(w, 10, 16)
		height, err3 := strconv.ParseUint(h, 10, 16)
		objects, err4 := strconv.ParseFloat(parts[2], 64)
		if err1 == nil && err2 == nil && err3 == nil && err4 == nil && objects >= 0 && objects <= maxObjects {
			return Input{int(model), core.Resolution{Width: uint16(width), Height: uint16(height)}, objects}, nil
		}
	}
	return i, Errorf(http.StatusBadRequest, "%s is %q, want model/WIDTHxHEIGHT/objects like 0/640x480/7", InputHeader, shorten(s, 60))
}

// maxObjects bounds what a caller may say that a frame holds.
const maxObjects = 1e6

// String returns the text of FrameHeader. What of the run's name is not a letter,
// digit or one of -_.~ is percent-encoded.
func (f *FrameRef) String() string {
	b := append([]byte(escapeRun(f.Run)), '/')
	b = append(strconv.AppendUint(b, uint64(f.Query), 10), '/')
	b = append(strconv.AppendInt(b, f.Frame, 10), '/')
	b = append(strconv.AppendInt(b, int64(f.Stage), 10), '/')
	return string(strconv.AppendInt(b, int64(f.Attempt), 10))
}

// escapeRun is url.QueryEscape with %20 for the space.
func escapeRun(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// Set puts f into a request's headers.
func (f *FrameRef) Set(h http.Header) {
	h.Set(FrameHeader, f.String())
	h.Set(CapturedHeader, strconv.FormatInt(int64(f.Captured), 10))
	h.Set(InputHeader, f.Input.String())
}

// FrameOf reads the headers of a request; nil = it names no frame. What String and Set did not
// write is refused with status 400.
func FrameOf(h http.Header) (*FrameRef, error) {
	frames, times := h.Values(FrameHeader), h.Values(CapturedHeader)
	if len(frames) == 0 && len(times) == 0 {
		return nil, nil
	}
	if len(frames) != 1 || len(times) != 1 {
		return nil, Errorf(http.StatusBadRequest, "want the headers %s and %s once each, or neither", FrameHeader, CapturedHeader)
	}
	f, err := ParseFrameRef(frames[0])
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseInt(times[0], 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != times[0] {
		return nil, Errorf(http.StatusBadRequest, "%s is %q, want nanoseconds", CapturedHeader, shorten(times[0], 60))
	}
	f.Captured = core.Time(n)
	if in := h.Values(InputHeader); len(in) > 1 {
		return nil, Errorf(http.StatusBadRequest, "want the header %s once at most", InputHeader)
	} else if len(in) == 1 {
		if f.Input, err = ParseInput(in[0]); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// ParseFrameRef reads the text of FrameHeader. Errors have status 400.
func ParseFrameRef(s string) (*FrameRef, error) {
	bad := func(why string) error {
		return Errorf(http.StatusBadRequest, "%s is %q: %s; want run/query/frame/stage/attempt", FrameHeader, shorten(s, 60), why)
	}
	if len(s) > maxHeader {
		return nil, bad("it is too long")
	}
	parts := strings.Split(s, "/")
	if len(parts) != 5 {
		return nil, bad("it has " + strconv.Itoa(len(parts)) + " parts")
	}
	run, err := url.QueryUnescape(parts[0])
	if err != nil || run == "" {
		return nil, bad("the run is no name")
	}
	f := &FrameRef{Run: run}
	q, err1 := strconv.ParseUint(parts[1], 10, 64)
	frame, err2 := strconv.ParseInt(parts[2], 10, 64)
	stage, err3 := strconv.ParseUint(parts[3], 10, 31)
	attempt, err4 := strconv.ParseUint(parts[4], 10, 31)
	if err1 != nil || err2 != nil || err3 != nil || err4 != nil || stage >= core.MaxStages {
		return nil, bad("a number is none or out of range")
	}
	f.Query, f.Frame, f.Stage, f.Attempt = core.QueryID(q), frame, int(stage), int(attempt)
	if f.String() != s { // one text for one frame: no leading zeros, no other escapes
		return nil, bad("it is not as it would be written")
	}
	return f, nil
}
