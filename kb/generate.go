package kb

import (
	"hash/fnv"
	"maps"
	"math"
	"slices"

	"vidq/core"
)

// generator is a kind of content that needs no file.
type generator struct {
	class  string
	count  func(g *generated, k int64) float64        // objects in camera frame k
	area   wander                                     // of a box, fraction of the frame
	motion wander                                     // box heights per second
	finish func(g *generated, k int64, s Scene) Scene // what else there is to it; nil = nothing
}

// wander is a figure that moves within a share of its mean, by straight lines
// that take a period (seconds) each.
type wander struct{ mean, share, period float64 }

// generated is a generator before a camera: a pure function of the frame number.
type generated struct {
	*generator
	fps   float64
	keys  [numPurposes]uint64
	phase float64 // the camera's own start within a cycle, 0..1
}

// What random numbers are for.
const (
	forPhase = iota
	forCount
	forArea
	forMotion
	forTrend
	numPurposes
)

func newGenerated(of *generator, fps float64, seed uint64, camera core.CameraID) *generated {
	h := fnv.New64a()
	h.Write([]byte(camera)) // an fnv hash's Write never fails
	g := &generated{generator: of, fps: fps}
	for i := range g.keys {
		g.keys[i] = mix(mix(seed) ^ mix(h.Sum64()+uint64(i)))
	}
	g.phase = (g.uniform(forPhase, 0) + 1) / 2
	return g
}

// Scene implements Source.
func (g *generated) Scene(k int64) Scene {
	k = max(k, 0)
	s := Scene{
		Frame: -1, Objects: g.count(g, k), Stable: g.stable(k), Class: g.class,
		Area: g.about(g.area, forArea, k), Motion: g.about(g.motion, forMotion, k),
	}
	if g.finish != nil {
		s = g.finish(g, k, s)
	}
	return s
}

// generators are the kinds of content that need no file. All numbers are assumed
// unless a comment says where they come from.
var generators = map[string]*generator{
	// Fills as in the original's runs. Faces are of the size that is typical of
	// their class: the original noted a mean box of 2,336 px, a square of 48 px
	// (that its frames were of 1080p is assumed).
	"classroom": {
		class: "faces", count: classroomCount, area: wander{48. * 48 / (1920 * 1080), .12, 10}, motion: wander{.1, .3, 5},
		finish: func(_ *generated, k int64, s Scene) Scene {
			s.Frame = k // as the runs number theirs
			return s
		},
	},
	// A pavement: people in waves of five minutes. Size and motion are those of
	// PETS09-S2L1.
	"street": {class: "pedestrians", count: streetCount, area: wander{.0061, .25, 20}, motion: wander{.36, .4, 10}},
	// A road at a light: vehicles gather while it is red and drive off. They are
	// one and a half times as long as those the accuracy table is for.
	"traffic": {
		class: "vehicles", count: trafficCount, area: wander{.00036, .35, 3}, motion: wander{1.1, .3, 2},
		finish: func(g *generated, k int64, s Scene) Scene {
			if g.cycle(g.seconds(k), lightCycle) < red {
				s.Motion = g.about(wander{.05, .3, 2}, forMotion, k)
			}
			return s
		},
	},
	// A zebra crossing: crowds walk for a third of every 80 s.
	"crossing": {class: "pedestrians", count: crossingCount, area: wander{.009, .25, 8}, motion: wander{.45, .4, 5}},
	// A door that now and then somebody passes, close to the camera. Size and
	// motion are those of ChokePoint P1L.
	"corridor": {
		class: "pedestrians", count: corridorCount, area: wander{.0085, .4, 2}, motion: wander{2.5, .4, 2},
		finish: func(_ *generated, _ int64, s Scene) Scene {
			if s.Objects == 0 {
				s.Area, s.Motion = 0, 0
			}
			return s
		},
	},
	// A moving camera in traffic. Counts, size and motion are about those of KITTI
	// tracking 0011.
	"dashcam": {class: "ar", count: dashcamCount, area: wander{.0168, .5, 6}, motion: wander{1.15, .6, 8}},
	"empty":   {class: "pedestrians", count: func(*generated, int64) float64 { return 0 }},
}

// Generators returns the names of the content generators, ascending.
func Generators() []string { return slices.Sorted(maps.Keys(generators)) }

// uniform is a number in [-1, 1), a function of the key, a purpose and an index.
func (g *generated) uniform(purpose int, i int64) float64 {
	u := mix(g.keys[purpose] ^ uint64(i))
	return float64(u>>11)*0x1p-52 - 1
}

// smooth wanders within [-1, 1): uniform numbers every period, joined by straight
// lines. t and period have one unit.
func (g *generated) smooth(purpose int, t, period float64) float64 {
	x := t / period
	i := math.Floor(x)
	f := x - i
	return lerp(g.uniform(purpose, int64(i)), g.uniform(purpose, int64(i)+1), f)
}

// cycle is the place in a cycle of the given length in seconds, 0..1.
func (g *generated) cycle(t, length float64) float64 {
	x := t/length + g.phase
	return x - math.Floor(x)
}

// about is where a figure has wandered by frame k.
func (g *generated) about(w wander, purpose int, k int64) float64 {
	if w.mean == 0 {
		return 0
	}
	return w.mean * (1 + float64(w.share*g.smooth(purpose, g.seconds(k), w.period)))
}

// whole rounds a count.
func whole(x float64) float64 { return math.Floor(x + .5) }

func (g *generated) seconds(k int64) float64 { return float64(k) / g.fps }

// stable reports whether the count was the same half a second and a second before
// frame k: about what the runtime context would see.
func (g *generated) stable(k int64) bool {
	n := g.count(g, k)
	return g.count(g, max(k-int64(g.fps/2), 0)) == n && g.count(g, max(k-int64(g.fps), 0)) == n
}

// classroomFaces are the mean faces per 100 frames of the original's recorded
// runs (834 frames, one row per camera frame).
var classroomFaces = [...]float64{7.4, 8.8, 10.7, 12.5, 13.6, 15.8, 16.4, 17.5, 18.7}

// classroomCount goes in straight lines through the middles of the runs' hundreds
// of frames and, from frame 817 on, stays at the last. It wanders by about one
// around that.
func classroomCount(g *generated, k int64) float64 {
	const first, last = 7, 20 // fewest and most faces of the runs
	// The last hundred ends with the run at frame 834: its middle is 817.
	const lastBlock, lastMiddle = len(classroomFaces) - 1, 817
	f := float64(k)
	x := max((f-50)/100, 0)
	if end := float64(lastBlock-1)*100 + 50; f > end {
		x = min(float64(lastBlock-1)+(f-end)/(lastMiddle-end), float64(lastBlock))
	}
	i := min(int(x), lastBlock-1)
	mean := lerp(classroomFaces[i], classroomFaces[i+1], x-float64(i))
	return min(max(whole(mean+float64(.9*g.smooth(forCount, f, 12))), first), last)
}

func streetCount(g *generated, k int64) float64 {
	t := g.seconds(k)
	x := 2*g.cycle(t, 300) - 1
	wave := 4 * x * (1 - math.Abs(x)) // a sine made of two parabolas
	return max(whole(7+float64(5*wave)+float64(2*g.smooth(forCount, t, 4))), 0)
}

// The cycle of a traffic light in seconds and the share of red in it.
const lightCycle, red = 60, .45

func trafficCount(g *generated, k int64) float64 {
	t := g.seconds(k)
	p := g.cycle(t, lightCycle)
	n := 4 + float64(10*p)/red
	if p >= red {
		n = 4 + float64(10*(1-p))/(1-red)
	}
	return max(whole(n+float64(1.5*g.smooth(forCount, t, 3))), 0)
}

func crossingCount(g *generated, k int64) float64 {
	t := g.seconds(k)
	p := g.cycle(t, 80)
	n := 3.0
	if p < 1./3 {
		n = 3 + float64(45*min(p, 1./3-p)) // up to 10.5 in the middle of the walk
	}
	return max(whole(n+float64(1.5*g.smooth(forCount, t, 3))), 0)
}

func corridorCount(g *generated, k int64) float64 {
	const slot = 12.0 // seconds; in two of five somebody comes
	t := g.seconds(k)
	i := math.Floor(t / slot)
	if u := g.uniform(forCount, int64(i)); u >= -.2 || math.Abs(t/slot-i-.5) > .35 {
		return 0
	} else if u < -.8 {
		return 2
	}
	return 1
}

func dashcamCount(g *generated, k int64) float64 {
	t := g.seconds(k)
	return max(whole(9+float64(6*g.smooth(forTrend, t, 25))+float64(2*g.smooth(forCount, t, 2))), 0)
}
