package kb

import (
	"cmp"
	"math"
	"slices"

	"vidq/core"
)

// contentFile is a table of content.toml.
type contentFile struct {
	Title   string     `toml:"title"`
	Stream  string     `toml:"stream"` // of the codecs' tables: static or moving
	Area    valueFile  `toml:"area"`   // typical mean box area, fraction of the frame
	Motion  valueFile  `toml:"motion"` // typical, box heights per second
	Decay   valueFile  `toml:"decay"`  // at that motion, 1/s
	Quality *factorArr `toml:"quality"`
	Levels  []struct {
		figure
		Quantiser float64            `toml:"quantiser"`
		Accuracy  map[string]float64 `toml:"accuracy"` // by resolution
	} `toml:"level"`
}

type valueFile struct {
	figure
	Value float64 `toml:"value"`
}

// factorArr multiplies the only level's accuracy at other quantisers.
type factorArr struct {
	figure
	Quantiser []float64 `toml:"quantiser"`
	Factor    []float64 `toml:"factor"`
}

// contentClass is a kind of content.
type contentClass struct {
	name                string
	stream              int
	area, motion, decay float64
	levels              []accuracyLevel // ascending by quantiser
}

// accuracyLevel is accuracy over the side of objects relative to the typical
// object at the golden resolution.
type accuracyLevel struct {
	quantiser float64
	curve     curve
}

// goldenPixels is the largest resolution, to which accuracy is relative.
var goldenPixels = float64(1920 * 1080)

// spatial is the accuracy of a fresh result on frames of a quantiser, with
// objects of the relative side: linear between the table's entries, in
// proportion to the side below the smallest.
func (c *contentClass) spatial(quantiser, side float64) float64 {
	l, hi := c.levels, len(c.levels)-1
	switch {
	case quantiser <= l[0].quantiser:
		return l[0].at(side)
	case quantiser >= l[hi].quantiser:
		return l[hi].at(side)
	}
	i := 0
	for l[i+1].quantiser < quantiser {
		i++
	}
	f := (quantiser - l[i].quantiser) / (l[i+1].quantiser - l[i].quantiser)
	return lerp(l[i].at(side), l[i+1].at(side), f)
}

func (l *accuracyLevel) at(side float64) float64 {
	if side < l.curve[0].x {
		return l.curve[0].y * max(side, 0) / l.curve[0].x
	}
	return l.curve.at(side)
}

// fresh is the accuracy of a fresh result relative to golden's; side is the
// frame's relative to golden's.
func (c *contentClass) fresh(quantiser, side float64, ct core.Content) float64 {
	size := 1.0 // objects are as large as is typical
	if ct.Known && ct.Area > 0 {
		size = math.Sqrt(ct.Area / c.area)
	}
	golden := c.spatial(c.levels[0].quantiser, size)
	if golden <= 0 {
		return 0
	}
	return min(c.spatial(quantiser, size*side)/golden, 1)
}

// The bounds of how far motion may change the decay from its class's.
const minMotion, maxMotion = .25, 4

// rate is how fast results on ct age, 1/s.
func (c *contentClass) rate(ct core.Content) float64 {
	if !ct.Known || ct.Motion <= 0 {
		return c.decay
	}
	return c.decay * min(max(ct.Motion/c.motion, minMotion), maxMotion)
}

// MaxAge is the age in seconds from which on a result is worth nothing.
const MaxAge = 1.0

// MeanAgeing is the mean of exp(-decay*age) over the camera frames that analysed
// frames stand for when a camera of cameraFPS is analysed at fps: for a gap of n
// camera frames mean_{k<n} exp(-decay*k/cameraFPS), nothing for ages above
// MaxAge. Selection takes floor(n) and floor(n)+1 frames in turn when n is not
// whole. No loop over frames: the sums are geometric.
func MeanAgeing(decay, fps, cameraFPS float64) float64 {
	if !(fps > 0) || !(cameraFPS > 0) {
		return 0
	}
	n := max(cameraFPS/fps, 1)
	whole := math.Floor(n)
	longer := n - whole // share of the gaps that are one frame longer
	sum := ageingSum(decay, whole, cameraFPS)
	if longer > 0 {
		sum = lerp(sum, ageingSum(decay, whole+1, cameraFPS), longer)
	}
	return sum / n
}

// ageingSum is the sum of exp(-decay*k/cameraFPS) over k < n with an age of at
// most MaxAge.
func ageingSum(decay, n, cameraFPS float64) float64 {
	n = min(n, math.Floor(cameraFPS*MaxAge)+1)
	x := decay / cameraFPS
	if x < 1e-9 {
		return n
	}
	return math.Expm1(-x*n) / math.Expm1(-x)
}

// buildContent checks a content class and makes it ready.
func buildContent(file, name string, f *contentFile) (*contentClass, error) {
	b := &check{file: file}
	c := &contentClass{name: name, area: f.Area.Value, motion: f.Motion.Value, decay: f.Decay.Value}
	c.stream = slices.Index(streamNames[:], f.Stream)
	if c.stream < 0 {
		b.fail(name+".stream", "want static or moving")
	}
	b.source(name+".area", f.Area.figure)
	b.positive(name+".area.value", f.Area.Value, 1)
	b.source(name+".motion", f.Motion.figure)
	b.positive(name+".motion.value", f.Motion.Value, 1e3)
	b.source(name+".decay", f.Decay.figure)
	b.number(name+".decay.value", f.Decay.Value, 0, 1e3)
	if len(f.Levels) == 0 {
		b.fail(name+".level", "is missing")
	}
	for i, l := range f.Levels {
		key := name + ".level[" + itoa(i) + "]"
		b.source(key, l.figure)
		b.number(key+".quantiser", l.Quantiser, 0, 51)
		px := b.byResolution(key+".accuracy", l.Accuracy, 1)
		for j := range px {
			px[j].x = math.Sqrt(px[j].x / goldenPixels)
			if j > 0 && px[j].y < px[j-1].y {
				b.fail(key+".accuracy", "falls from one resolution to the next larger")
			}
		}
		c.levels = append(c.levels, accuracyLevel{l.Quantiser, px})
	}
	if f.Quality != nil && b.err == nil {
		b.factors(name+".quality", f.Quality, c)
	}
	slices.SortFunc(c.levels, func(a, b accuracyLevel) int { return cmp.Compare(a.quantiser, b.quantiser) })
	return c, b.err
}

// factors makes the other levels of the only one.
func (b *check) factors(key string, f *factorArr, c *contentClass) {
	b.source(key, f.figure)
	if len(c.levels) != 1 || len(f.Quantiser) != len(f.Factor) {
		b.fail(key, "must have one factor for each quantiser, and one level beside it")
		return
	}
	base := c.levels[0]
	c.levels = c.levels[:0]
	for i, q := range f.Quantiser {
		b.number(key+".quantiser", q, 0, 51)
		b.number(key+".factor", f.Factor[i], 0, 1)
		l := accuracyLevel{q, slices.Clone(base.curve)}
		for j := range l.curve {
			l.curve[j].y *= f.Factor[i]
		}
		c.levels = append(c.levels, l)
	}
	if len(c.levels) == 0 {
		b.fail(key+".quantiser", "is missing")
	}
}
