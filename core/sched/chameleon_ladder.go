package sched

import (
	"cmp"

	"vidq/core"
)

// ladder is the knobs of a query with the values that are worth trying: those
// of one encoder, up to what the camera gives. It refers to a view and lives as
// long.
type ladder struct {
	fps         []float64         // ascending, up to the first at or above the camera's
	resolutions []core.Resolution // ascending, up to the camera's
	encoder     string
	qualities   []int // best first; empty = the encoder's usual one
	usual       int
	models      int // of the stage that has most of them, at least 1
}

// rung is a configuration: a value of every knob, by its index. A stage that has fewer models
// runs its last.
type rung struct{ fps, resolution, quality, model uint8 }

// ladderOf returns the ladder of a query, without the models all stages have their
// best; false when there is nothing to choose from.
func ladderOf(v *core.View, q *core.QueryView, encoderName string, models bool) (l ladder, ok bool) {
	if q.Camera == nil || !(q.Camera.FPS > 0) || len(v.Knobs.FPS) == 0 {
		return l, false
	}
	largest, ok := within(&v.Knobs, q.Camera.Resolution)
	if !ok {
		return l, false
	}
	if l.encoder, l.usual, ok = encoder(&v.Knobs, encoderName); !ok {
		return l, false
	}
	for i := range v.Knobs.Encoders {
		if e := &v.Knobs.Encoders[i]; e.Name == l.encoder {
			l.qualities = e.Qualities[:min(len(e.Qualities), maxValues)]
			break
		}
	}
	f, r := 1, 1
	for f < len(v.Knobs.FPS) && f < maxValues && v.Knobs.FPS[f-1] < q.Camera.FPS {
		f++
	}
	for r < maxValues && v.Knobs.Resolutions[r-1] != largest {
		r++
	}
	l.fps, l.resolutions, l.models = v.Knobs.FPS[:f], v.Knobs.Resolutions[:r], 1
	for i := 0; models && i < len(q.Query.Pipeline); i++ {
		l.models = min(max(l.models, modelsOf(v, q.Query.Pipeline[i].Service)), maxValues)
	}
	return l, true
}

// maxValues bounds the values of a knob, so that an index fits a byte.
const maxValues = 256

// steps returns the number of values of each knob, none of them 0.
func (l *ladder) steps() [4]int {
	return [4]int{len(l.fps), len(l.resolutions), max(1, len(l.qualities)), l.models}
}

// golden is the best value of every knob.
func (l *ladder) golden() rung {
	return rung{fps: uint8(len(l.fps) - 1), resolution: uint8(len(l.resolutions) - 1)}
}

// with is s with one knob, by its place in steps, at another value.
func (s rung) with(knob, value int) rung {
	*[...]*uint8{&s.fps, &s.resolution, &s.quality, &s.model}[knob] = uint8(value)
	return s
}

func (l *ladder) video(s rung) core.VideoConf {
	c := core.VideoConf{Resolution: l.resolutions[s.resolution], FPS: l.fps[s.fps], Encoder: l.encoder, Quality: l.usual}
	if len(l.qualities) > 0 {
		c.Quality = l.qualities[s.quality]
	}
	return c
}

// next goes through all settings of the ladder: the one after s, false after the
// last. The first is the zero value.
func (l *ladder) next(s *rung) bool {
	n := l.steps()
	for i, x := range [...]*uint8{&s.model, &s.quality, &s.resolution, &s.fps} {
		if int(*x)+1 < n[3-i] {
			*x++
			return true
		}
		*x = 0
	}
	return false
}

// compare orders rungs: lower rates, resolutions, then better qualities and models
// come first.
func (s rung) compare(o rung) int {
	return cmp.Or(cmp.Compare(s.fps, o.fps), cmp.Compare(s.resolution, o.resolution), cmp.Compare(s.quality, o.quality), cmp.Compare(s.model, o.model))
}

// modelsOfRung appends the model of each stage of the pipeline to dst.
func modelsOfRung(v *core.View, p core.Pipeline, s rung, dst []int) []int {
	for i := range p {
		dst = append(dst, min(int(s.model), modelsOf(v, p[i].Service)-1))
	}
	return dst
}
