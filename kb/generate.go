package kb

import (
	"hash/fnv"
	"maps"
	"math"
	"slices"

	"vidq/core"
)

// generated is a content generator at work: a pure function of the frame number.
type generated struct {
	scene func(g *generated, k int64) Scene
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

func newGenerated(scene func(*generated, int64) Scene, fps float64, seed uint64, camera core.CameraID) *generated {
	h := fnv.New64a()
	h.Write([]byte(camera)) // an fnv hash's Write never fails
	g := &generated{scene: scene, fps: fps}
	for i := range g.keys {
		g.keys[i] = mix(mix(seed) ^ mix(h.Sum64()+uint64(i)))
	}
	g.phase = (g.uniform(forPhase, 0) + 1) / 2
	return g
}

// Scene implements Source.
func (g *generated) Scene(k int64) Scene { return g.scene(g, max(k, 0)) }

// generators are the kinds of content that need no file. All numbers in them are
// assumed unless a comment says where they come from.
var generators = map[string]func(*generated, int64) Scene{
	"classroom": classroom,
	"street":    street,
	"traffic":   traffic,
	"crossing":  crossing,
	"corridor":  corridor,
	"dashcam":   dashcam,
	"empty":     func(*generated, int64) Scene { return Scene{Frame: -1, Stable: true, Class: "pedestrians"} },
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

// about is a factor that wanders by the given share around 1.
func (g *generated) about(share float64, purpose int, t, period float64) float64 {
	return 1 + float64(share*g.smooth(purpose, t, period))
}

// whole rounds a count.
func whole(x float64) float64 { return math.Floor(x + .5) }

func (g *generated) seconds(k int64) float64 { return float64(k) / g.fps }

// stable reports whether count was the same half a second and a second before
// frame k: about what the runtime context would see.
func (g *generated) stable(count func(*generated, int64) float64, k int64) bool {
	n := count(g, k)
	return count(g, max(k-int64(g.fps/2), 0)) == n && count(g, max(k-int64(g.fps), 0)) == n
}

// classroomFaces are the mean faces per 100 frames of the original's recorded
// runs (834 frames, one row per camera frame).
var classroomFaces = [...]float64{7.4, 8.8, 10.7, 12.5, 13.6, 15.8, 16.4, 17.5, 18.7}

// classroom fills as in the original's runs: the mean goes in straight lines
// through the middles of its hundreds of frames and, from frame 817 on, stays at
// the last. Counts wander by about one around it. Faces are 34 px wide at 1080p
// (assumed: back rows; the 2,336 px, 48 px square, that the original noted as a
// mean box do not say at which resolution).
func classroom(g *generated, k int64) Scene {
	t := g.seconds(k)
	return Scene{
		Frame:   k,
		Objects: classroomCount(g, k),
		Area:    34. * 34 / (1920 * 1080) * g.about(.12, forArea, t, 10),
		Motion:  .1 * g.about(.3, forMotion, t, 5),
		Stable:  g.stable(classroomCount, k),
		Class:   "faces",
	}
}

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

// street is a pavement: people in waves of five minutes. Size and motion are
// those of PETS09-S2L1.
func street(g *generated, k int64) Scene {
	t := g.seconds(k)
	return Scene{
		Frame:   -1,
		Objects: streetCount(g, k),
		Area:    .0061 * g.about(.25, forArea, t, 20),
		Motion:  .36 * g.about(.4, forMotion, t, 10),
		Stable:  g.stable(streetCount, k),
		Class:   "pedestrians",
	}
}

func streetCount(g *generated, k int64) float64 {
	t := g.seconds(k)
	x := 2*g.cycle(t, 300) - 1
	wave := 4 * x * (1 - math.Abs(x)) // a sine made of two parabolas
	return max(whole(7+float64(5*wave)+float64(2*g.smooth(forCount, t, 4))), 0)
}

// The cycle of a traffic light in seconds and the share of red in it.
const lightCycle, red = 60, .45

// traffic is a road at a light: vehicles gather while it is red and drive off.
// Vehicles are one and a half times as long as those the accuracy table is for.
func traffic(g *generated, k int64) Scene {
	t := g.seconds(k)
	motion := .05
	if p := g.cycle(t, lightCycle); p >= red {
		motion = 1.1
	}
	return Scene{
		Frame:   -1,
		Objects: trafficCount(g, k),
		Area:    .00036 * g.about(.35, forArea, t, 3),
		Motion:  motion * g.about(.3, forMotion, t, 2),
		Stable:  g.stable(trafficCount, k),
		Class:   "vehicles",
	}
}

func trafficCount(g *generated, k int64) float64 {
	t := g.seconds(k)
	p := g.cycle(t, lightCycle)
	n := 4 + float64(10*p)/red
	if p >= red {
		n = 4 + float64(10*(1-p))/(1-red)
	}
	return max(whole(n+float64(1.5*g.smooth(forCount, t, 3))), 0)
}

// crossing is a zebra crossing: crowds walk for a third of every 80 s.
func crossing(g *generated, k int64) Scene {
	t := g.seconds(k)
	return Scene{
		Frame:   -1,
		Objects: crossingCount(g, k),
		Area:    .009 * g.about(.25, forArea, t, 8),
		Motion:  .45 * g.about(.4, forMotion, t, 5),
		Stable:  g.stable(crossingCount, k),
		Class:   "pedestrians",
	}
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

// corridor is a door that now and then somebody passes, close to the camera. Size
// and motion are those of ChokePoint P1L.
func corridor(g *generated, k int64) Scene {
	t := g.seconds(k)
	n := corridorCount(g, k)
	s := Scene{Frame: -1, Objects: n, Stable: g.stable(corridorCount, k), Class: "pedestrians"}
	if n > 0 {
		s.Area = .0085 * g.about(.4, forArea, t, 2)
		s.Motion = 2.5 * g.about(.4, forMotion, t, 2)
	}
	return s
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

// dashcam is a moving camera in traffic. Counts, size and motion are about those
// of KITTI tracking 0011.
func dashcam(g *generated, k int64) Scene {
	t := g.seconds(k)
	return Scene{
		Frame:   -1,
		Objects: dashcamCount(g, k),
		Area:    .0168 * g.about(.5, forArea, t, 6),
		Motion:  1.15 * g.about(.6, forMotion, t, 8),
		Stable:  g.stable(dashcamCount, k),
		Class:   "ar",
	}
}

func dashcamCount(g *generated, k int64) float64 {
	t := g.seconds(k)
	return max(whole(9+float64(6*g.smooth(forTrend, t, 25))+float64(2*g.smooth(forCount, t, 2))), 0)
}
