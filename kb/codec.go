package kb

import (
	"cmp"
	"math"
	"slices"

	"vidq/core"
)

// codecFile is a table of codecs.toml.
type codecFile struct {
	Title    string `toml:"title"`
	LowBest  bool   `toml:"low_is_best"` // quality is a quantiser
	Sequence *struct {
		figure
		Seconds float64   `toml:"seconds"`   // from one key frame to the next
		FPS     []float64 `toml:"fps"`       // at these rates
		Ratio   []float64 `toml:"key_ratio"` // a key frame is so much larger than another
	} `toml:"gop"`
	Noise struct {
		figure
		Sigma float64 `toml:"sigma"` // of the logarithm of a frame's size
	} `toml:"noise"`
	Encode struct {
		figure
		Seconds map[string]float64 `toml:"seconds"` // by resolution
	} `toml:"encode"`
	Levels []levelFile `toml:"level"`
}

type levelFile struct {
	figure
	Quality   int                `toml:"quality"`
	Quantiser float64            `toml:"quantiser"` // the content tables' level that it counts as
	Bytes     map[string]float64 `toml:"bytes"`     // of a frame, by resolution
	Encode    float64            `toml:"encode"`    // time relative to the codec's table
	FPS       []float64          `toml:"fps"`
	Streams   []struct {
		Name string               `toml:"name"`
		Mbps map[string][]float64 `toml:"mbps"` // by resolution, in the order of fps
	} `toml:"stream"`
}

// codec says how large frames are and how long the host encodes them.
type codec struct {
	name    string
	lowBest bool
	levels  []level // ascending by quality
	encode  curve   // seconds over pixels
	sigma   float64
	gop     float64 // seconds; 0 = every frame is a key frame
	ratio   curve   // over the logarithm of fps
}

type level struct {
	quality, quantiser, encode float64
	streams                    [numStreams][]sizeColumn // ascending by ln(fps)
}

// sizeColumn is the logarithm of a frame's mean bytes over pixels at one fps.
type sizeColumn struct {
	lnFPS float64
	bytes curve
}

// The kinds of video that a codec's sizes are told apart by.
const (
	streamStatic = iota // camera stands still
	streamMoving
	numStreams
)

var streamNames = [numStreams]string{"static", "moving"}

// point and curve are a function given by points, ascending by x.
type (
	point struct{ x, y float64 }
	curve []point
)

// at interpolates piecewise linearly and stays at the end values beyond.
func (c curve) at(x float64) float64 {
	hi := len(c) - 1
	switch {
	case hi < 0:
		return 0
	case x <= c[0].x:
		return c[0].y
	case x >= c[hi].x:
		return c[hi].y
	}
	i := 0
	for c[i+1].x < x {
		i++
	}
	return lerp(c[i].y, c[i+1].y, (x-c[i].x)/(c[i+1].x-c[i].x))
}

// atPixels is at, but in proportion to x beyond the ends.
func (c curve) atPixels(x float64) float64 {
	hi := len(c) - 1
	switch {
	case hi < 0:
		return 0
	case x < c[0].x:
		return c[0].y * max(x, 0) / c[0].x
	case x > c[hi].x:
		return c[hi].y * x / c[hi].x
	}
	return c.at(x)
}

// meanBytes is the mean size of a frame of v, bytes.
func (c *codec) meanBytes(v core.VideoConf, stream int) float64 {
	px := float64(v.Resolution.Pixels())
	i, f := c.between(v.Quality)
	b := c.levels[i].bytes(px, v.FPS, stream)
	if f == 0 {
		return b
	}
	return math.Exp(lerp(math.Log(b), math.Log(c.levels[i+1].bytes(px, v.FPS, stream)), f))
}

// quantiser is the level of the content tables that a quality counts as.
func (c *codec) quantiser(quality int) float64 {
	i, f := c.between(quality)
	if f == 0 {
		return c.levels[i].quantiser
	}
	return lerp(c.levels[i].quantiser, c.levels[i+1].quantiser, f)
}

// encodeTime is in seconds on the machine that was measured.
func (c *codec) encodeTime(v core.VideoConf) float64 {
	i, f := c.between(v.Quality)
	factor := c.levels[i].encode
	if f > 0 {
		factor = lerp(factor, c.levels[i+1].encode, f)
	}
	return c.encode.atPixels(float64(v.Resolution.Pixels())) * factor
}

// between places a quality among the levels: at level i, or the share f of the
// way on to the next. The quality 0 of a codec whose best is high is the best.
func (c *codec) between(quality int) (i int, f float64) {
	q, hi := float64(quality), len(c.levels)-1
	switch {
	case quality == 0 && !c.lowBest, q >= c.levels[hi].quality:
		return hi, 0
	case q <= c.levels[0].quality:
		return 0, 0
	}
	for c.levels[i+1].quality <= q {
		i++
	}
	return i, (q - c.levels[i].quality) / (c.levels[i+1].quality - c.levels[i].quality)
}

func (l *level) bytes(px, fps float64, stream int) float64 {
	cols := l.streams[stream]
	hi := len(cols) - 1
	x := math.Log(max(fps, 1e-3))
	switch {
	case hi == 0 || x <= cols[0].lnFPS:
		return cols[0].bytes.atPixels(px)
	case x >= cols[hi].lnFPS:
		return cols[hi].bytes.atPixels(px)
	}
	i := 0
	for cols[i+1].lnFPS < x {
		i++
	}
	f := (x - cols[i].lnFPS) / (cols[i+1].lnFPS - cols[i].lnFPS)
	return lerp(cols[i].bytes.atPixels(px), cols[i+1].bytes.atPixels(px), f)
}

// Sizer gives the sizes of the frames that one video configuration makes of one
// kind of content. FrameSize is Sizer(v, c).Bytes(k, z); whoever encodes many
// frames keeps the Sizer.
type Sizer struct {
	key, delta float64 // mean bytes of a key frame and of any other
	gop        int64   // frames from one key frame to the next
	sigma      float64 // of the logarithm of a size

	replay []float64 // bytes, instead of all that, again and again
}

// sizer spreads sizes around a mean as the codec does.
func (c *codec) sizer(v core.VideoConf, mean float64) Sizer {
	s := Sizer{key: mean, delta: mean, gop: 1, sigma: c.sigma}
	if c.gop > 0 {
		s.gop = max(1, int64(c.gop*v.FPS+.5))
		r := c.ratio.at(math.Log(max(v.FPS, 1e-3)))
		s.delta = mean * float64(s.gop) / (float64(s.gop-1) + r)
		s.key = s.delta * r
	}
	return s
}

// Bytes returns the size of the k-th encoded frame in bytes, z being standard
// normal noise: log-normal around the mean of its kind. Sizes that were recorded are
// replayed as they are.
func (s Sizer) Bytes(k int64, z float64) float64 {
	if b, ok := s.Recorded(k); ok {
		return b
	}
	return s.Size(k%s.gop == 0, z)
}

// Recorded returns the size of the k-th encoded frame where sizes were recorded.
func (s Sizer) Recorded(k int64) (bytes float64, ok bool) {
	n := int64(len(s.replay))
	if n == 0 {
		return 0, false
	}
	return s.replay[max(k, 0)%n], true
}

// Group returns the number of the group of pictures that the k-th encoded frame is in.
func (s Sizer) Group(k int64) int64 { return k / s.gop }

// Size returns the size of a frame in bytes that is a key frame or is not.
func (s Sizer) Size(key bool, z float64) float64 {
	mean := s.delta
	if key {
		mean = s.key
	}
	return mean * math.Exp(float64(s.sigma*z)-s.sigma*s.sigma/2)
}

// buildCodec checks a codec and makes it ready.
func buildCodec(file, name string, f *codecFile) (*codec, error) {
	b := &check{file: file}
	c := &codec{name: name, lowBest: f.LowBest, sigma: f.Noise.Sigma}
	b.source(name+".noise", f.Noise.figure)
	b.number(name+".noise.sigma", f.Noise.Sigma, 0, 2)
	b.source(name+".encode", f.Encode.figure)
	c.encode = b.byResolution(name+".encode.seconds", f.Encode.Seconds, 100)
	if g := f.Sequence; g != nil {
		b.source(name+".gop", g.figure)
		b.positive(name+".gop.seconds", g.Seconds, 3600)
		c.gop = g.Seconds
		if len(g.FPS) == 0 || len(g.FPS) != len(g.Ratio) {
			b.fail(name+".gop.key_ratio", "must have one figure for each of fps")
			return nil, b.err
		}
		for i, fps := range g.FPS {
			b.positive(name+".gop.fps", fps, 1e6)
			b.number(name+".gop.key_ratio", g.Ratio[i], 1, 1e3)
			c.ratio = append(c.ratio, point{math.Log(fps), g.Ratio[i]})
		}
		b.sortCurve(name+".gop.fps", c.ratio)
	}
	if len(f.Levels) == 0 {
		b.fail(name+".level", "is missing")
	}
	for i := range f.Levels {
		c.levels = append(c.levels, b.level(name+".level["+itoa(i)+"]", &f.Levels[i]))
	}
	slices.SortFunc(c.levels, func(a, b level) int { return cmp.Compare(a.quality, b.quality) })
	for i := 1; i < len(c.levels); i++ {
		if c.levels[i].quality == c.levels[i-1].quality {
			b.fail(name+".level", "has two rows for one quality")
		}
	}
	return c, b.err
}

func (c *check) level(key string, f *levelFile) level {
	c.source(key, f.figure)
	c.number(key+".quality", float64(f.Quality), 0, 100)
	c.number(key+".quantiser", f.Quantiser, 0, 51)
	l := level{quality: float64(f.Quality), quantiser: f.Quantiser, encode: 1}
	if f.Encode != 0 {
		c.positive(key+".encode", f.Encode, 100)
		l.encode = f.Encode
	}
	if len(f.Streams) == 0 {
		col := []sizeColumn{{bytes: c.byResolution(key+".bytes", f.Bytes, 1e9)}}
		l.streams = [numStreams][]sizeColumn{col, col}
		return l
	}
	for i := range f.Streams {
		k := key + ".stream[" + itoa(i) + "]"
		n := slices.Index(streamNames[:], f.Streams[i].Name)
		if n < 0 {
			c.fail(k+".name", "want static or moving")
			continue
		}
		l.streams[n] = c.columns(k+".mbps", f.FPS, f.Streams[i].Mbps)
	}
	for n := range l.streams {
		if len(l.streams[n]) == 0 {
			c.fail(key+".stream", "lacks "+streamNames[n])
		}
	}
	return l
}

// columns turns Mbit/s at each (resolution, fps) into bytes per frame.
func (c *check) columns(key string, fps []float64, mbps map[string][]float64) []sizeColumn {
	var cols []sizeColumn
	for j, rate := range fps {
		c.positive(key+": fps", rate, 1e6)
		bytes := map[string]float64{}
		for res, row := range mbps { // into a map: the order cannot matter
			if len(row) != len(fps) {
				c.fail(key+"."+res, "must have one figure for each of fps")
				return nil
			}
			bytes[res] = row[j] * 1e6 / 8 / rate
		}
		cols = append(cols, sizeColumn{math.Log(rate), c.byResolution(key, bytes, 1e9)})
	}
	slices.SortFunc(cols, func(a, b sizeColumn) int { return cmp.Compare(a.lnFPS, b.lnFPS) })
	return cols
}

// byResolution makes a curve over pixels of a table by resolution.
func (c *check) byResolution(key string, m map[string]float64, hi float64) curve {
	if len(m) == 0 {
		c.fail(key, "is missing")
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var out curve
	for _, k := range keys {
		c.positive(key+"."+k, m[k], hi)
		out = append(out, point{float64(c.resolution(key+"."+k, k).Pixels()), m[k]})
	}
	c.sortCurve(key, out)
	return out
}

func (c *check) sortCurve(key string, p curve) {
	slices.SortFunc(p, func(a, b point) int { return cmp.Compare(a.x, b.x) })
	for i := 1; i < len(p); i++ {
		if p[i].x == p[i-1].x {
			c.fail(key, "has two figures for one place")
		}
	}
}
