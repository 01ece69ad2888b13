package kb

import (
	"bytes"
	"path/filepath"
	"strings"

	"vidq/core"
)

// Rate is a link's capacity over time: piecewise constant, and from its end on
// all over again. It is immutable.
type Rate struct {
	start []core.Time // of each piece, ascending from 0
	rate  []float64   // bytes per second
	total core.Time   // length of the trace; 0 = constant
	index []int32     // the piece in force at the start of each of equal spans of the total
	span  core.Time
	mean  float64
}

// Constant returns a rate that never changes, in bytes per second.
func Constant(bps float64) *Rate {
	return &Rate{start: []core.Time{0}, rate: []float64{bps}, mean: bps}
}

// At returns the rate in bytes per second at time t (0 for times before the
// start) and the time until which it holds, core.Never for a constant one. It
// takes constant time on average and does not allocate.
func (r *Rate) At(t core.Time) (bytesPerSecond float64, until core.Time) {
	if r.total == 0 {
		return r.rate[0], core.Never
	}
	t = max(t, 0)
	base := t / r.total * r.total
	in := t - base
	i := int(r.index[in/r.span])
	for i+1 < len(r.start) && r.start[i+1] <= in {
		i++
	}
	end := r.total
	if i+1 < len(r.start) {
		end = r.start[i+1]
	}
	return r.rate[i], base.Add(end)
}

// Mean returns the mean over the trace's time, bytes per second.
func (r *Rate) Mean() float64 { return r.mean }

// Length returns the time after which the trace begins again; 0 = constant.
func (r *Rate) Length() core.Time { return r.total }

// minPiece is the shortest piece of a trace.
const minPiece = core.Microsecond

// newRate makes a Rate of samples that hold from their time to the next one's.
func newRate(file string, s []sample, total core.Time) (*Rate, error) {
	r := &Rate{total: total}
	positive := false
	for i, x := range s {
		t := core.FromSeconds(x.at - s[0].at)
		if i > 0 && t < r.start[len(r.start)-1]+minPiece {
			return nil, &Error{File: file, Line: x.line, Msg: "the time does not rise"}
		}
		positive = positive || x.bps > 0
		r.start, r.rate = append(r.start, t), append(r.rate, x.bps/8)
	}
	switch {
	case len(s) == 0:
		return nil, &Error{File: file, Msg: "has no rows"}
	case !positive:
		return nil, &Error{File: file, Msg: "every rate is 0"}
	case total < r.start[len(s)-1]+minPiece || total > 100*365*24*core.Hour:
		return nil, &Error{File: file, Msg: "its length is out of range"}
	}
	r.span = max(total/core.Time(len(s)), 1)
	i := 0
	for t := core.Time(0); t < total; t += r.span {
		for i+1 < len(s) && r.start[i+1] <= t {
			i++
		}
		r.index = append(r.index, int32(i))
	}
	for i, bps := range r.rate {
		end := total
		if i+1 < len(s) {
			end = r.start[i+1]
		}
		r.mean += bps * float64(end-r.start[i]) / float64(total)
	}
	return r, nil
}

// OpenRate reads a trace in the project's form or in any form of NetworkForms, by
// its looks. A file of both directions gives the download, or with "#up" behind
// the path the upload.
func OpenRate(path string) (*Rate, error) {
	form := ""
	for suffix, f := range map[string]string{"#up": "starlink-up", "#down": "starlink-down"} {
		if p, ok := strings.CutSuffix(path, suffix); ok {
			path, form = p, f
		}
	}
	b, err := readFile(path, MaxFile)
	if err != nil {
		return nil, err
	}
	return parseRate(b, path, form)
}

// ReadRate reads a trace as OpenRate does; file names it in errors.
func ReadRate(b []byte, file string) (*Rate, error) {
	if len(b) > MaxFile {
		return nil, tooLarge(file, MaxFile)
	}
	b, err := readAll(bytes.NewReader(b), file, MaxFile)
	if err != nil {
		return nil, err
	}
	return parseRate(b, filepath.ToSlash(file), "")
}

func parseRate(b []byte, file, form string) (*Rate, error) {
	s, total, err := readSamples(b, file, form)
	if err != nil {
		return nil, err
	}
	return newRate(file, s, core.FromSeconds(total))
}
