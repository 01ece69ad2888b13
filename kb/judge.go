package kb

import (
	"math"

	"vidq/core"
)

// Judge is Fresh and Decay prepared for one pipeline, video configuration and
// choice of models, for whoever judges many frames. It gives what the set gives.
// A Judge belongs to one goroutine.
type Judge struct {
	set       *Set
	class     string        // whose content it looked at last
	content   *contentClass // of that class
	quantiser float64
	side      float64 // of the frame relative to golden's
	models    float64 // product of the models' relative accuracies
	clip      *clip   // what was measured of the configuration; nil = nothing
}

// Judge prepares to judge the results of p under v with the given models.
func (s *Set) Judge(p core.Pipeline, v core.VideoConf, models []int) Judge {
	return Judge{
		set: s, content: s.classOf(core.Content{}),
		quantiser: s.codecOf(v).quantiser(v.Quality),
		side:      math.Sqrt(max(float64(v.Resolution.Pixels()), 0) / goldenPixels),
		models:    s.models(p, models),
		clip:      s.clips[v],
	}
}

// Fresh is Set.Fresh.
func (j *Judge) Fresh(c core.Content) float64 {
	if j.models == 0 {
		return 0
	}
	if m := j.clip; m != nil {
		return j.models * m.fresh(j.Decay(c))
	}
	return j.models * j.classOf(c).fresh(j.quantiser, j.side, c)
}

// FreshOf is Fresh for the k-th encoded frame of the configuration: where results
// were recorded frame by frame, that frame's.
func (j *Judge) FreshOf(k int64, c core.Content) float64 {
	if m := j.clip; m != nil && len(m.scores) > 0 {
		return j.models * m.scores[max(k, 0)%int64(len(m.scores))]
	}
	return j.Fresh(c)
}

// Decay is Set.Decay, or what was recorded of the configuration.
func (j *Judge) Decay(c core.Content) float64 {
	if m := j.clip; m != nil && m.ages {
		return m.decay
	}
	return j.classOf(c).rate(c)
}

func (j *Judge) classOf(c core.Content) *contentClass {
	if c.Class != j.class {
		j.class, j.content = c.Class, j.set.classOf(c)
	}
	return j.content
}
