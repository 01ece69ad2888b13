package video

import (
	"cmp"
	"image"
	"math"
	"slices"
	"sync"

	"vidq/core"
	"vidq/kb"
	"vidq/kb/world"
)

// maxActors bounds how many objects are drawn: more could not be told apart.
const maxActors = 4096

// stage is where the objects of a drawn camera are, by frame.
type stage struct {
	content kb.Source
	fps     float64
	size    core.Resolution
	class   string // of the camera, "" = the content's
	key     world.Key
	height0 float64 // height of a typical box in the first frame that has any, frame heights
	set     func() *scenery

	mu     sync.Mutex
	travel []int64 // distance that a typical object has gone by second i, 1e-9 frame heights
}

// newStage draws nothing yet.
func newStage(o *Options) *stage {
	s := &stage{
		content: o.Content, fps: o.Camera.FPS, size: o.Camera.Resolution, class: o.Camera.Class,
		key:    world.Root(o.Seed, 0).Name("picture").Name(string(o.Camera.ID)),
		travel: []int64{0},
	}
	if s.class == "" {
		s.class = o.Content.Scene(0).Class
	}
	s.height0 = s.height(typicalArea(s.class))
	s.set = sync.OnceValue(func() *scenery { return newScenery(s.class, s.size, s.key.Name("scenery")) })
	return s
}

// typicalArea is the size of an object where the content does not tell it, fraction of the frame: as
// in kb/profiles/content.toml.
func typicalArea(class string) float64 {
	switch class {
	case "faces":
		return .00111
	case "vehicles":
		return .00036
	case "ar":
		return .0168
	}
	return .0061
}

// actor is an object with how it is drawn.
type actor struct {
	Object
	cast  cast
	look  int     // which of the cast's looks
	steps float64 // gone, box heights
	flip  bool
}

// sprite returns what the actor looks like now.
func (a *actor) sprite() *sprite { return a.cast.sprite(a.look, a.Up, a.steps) }

// actors returns the objects of frame k in the order in which they are drawn: the nearest, which
// reach lowest, last. Their number is that of the scene, rounded. The mean of their boxes' areas is
// the scene's to within the rounding of one box, as far as boxes can be that large.
func (s *stage) actors(k int64) []actor {
	sc := s.content.Scene(k)
	if !(sc.Objects >= .5) {
		return nil
	}
	n := int(min(math.Floor(sc.Objects+.5), maxActors))
	if sc.Area <= 0 {
		sc.Area = typicalArea(s.class)
	}
	sum := 0.0
	for i := range n {
		sum += s.share(i)
	}
	all := make([]actor, n)
	gone, t := s.gone(k), float64(k)/s.fps
	total := sc.Area * float64(n) * float64(s.size.Pixels())
	left := 0.0 // area that is still to be given out, for rounding
	for i := range all {
		a := &all[i]
		left += total * s.share(i) / sum
		c := castOf(s.class, s.part(i, "cast"))
		w, h := s.box(left, c.aspect)
		left -= float64(w * h)
		a.Kind = c.kind
		s.place(a, i, c, image.Pt(w, h), gone, t)
	}
	slices.SortStableFunc(all, func(a, b actor) int { return cmp.Compare(a.Box.Max.Y, b.Box.Max.Y) })
	return all
}

// box returns the sides of a box of about an area, pixels, whose width is aspect times its height.
func (s *stage) box(area, aspect float64) (w, h int) {
	fw, fh := int(s.size.Width), int(s.size.Height)
	h = min(max(int(math.Sqrt(area/aspect)+.5), 1), fh)
	w = min(max(int(area/float64(h)+.5), 1), fw)
	if w == fw {
		h = min(max(int(area/float64(w)+.5), 1), fh)
	}
	return w, h
}

// part is a number in [0, 1) that object i has for a purpose.
func (s *stage) part(i int, purpose string) float64 {
	return s.key.Name(purpose).With(uint64(i)).Uniform()
}

// share is how large object i is, relative to others: more when it is nearer.
func (s *stage) share(i int) float64 { return .7 + .4*spread(i, 1) + .2*s.part(i, "size") }

// spread gives objects places that are far from each other however many there are:
// the additive sequence of the plastic number (M. Roberts, "The unreasonable effectiveness
// of quasirandom sequences", 2018).
func spread(i, axis int) float64 {
	const plastic = 1.32471795724474602596
	step := 1 / plastic
	if axis == 1 {
		step /= plastic
	}
	x := .5 + float64(float64(i+1)*step)
	return x - math.Floor(x)
}

// place puts object i into the frame, whole.
func (s *stage) place(a *actor, i int, c cast, size image.Point, gone, t float64) {
	free := image.Pt(int(s.size.Width)-size.X, int(s.size.Height)-size.Y)
	start, pace := spread(i, 0), .7+.6*s.part(i, "pace")
	across := float64(s.size.Width) / float64(s.size.Height) // of the frame, in frame heights
	x, y := 0.0, c.top+(c.bottom-c.top)*spread(i, 1)
	heading := s.part(i, "heading") < .5
	switch c.moves {
	case sits: // to and fro about a place
		const swing = .35 // box heights
		lap := gone * pace / (4 * swing * s.height0)
		x = start + (2*wave(lap+s.part(i, "swing"))-1)*swing*s.height0/across
		a.Up = s.key.Name("up").With(uint64(i)).With(uint64(t/8+s.part(i, "turn"))).Uniform() < .6
	case walks: // to the edge and back
		lap := gone*pace/(2*across) + start
		x = wave(lap)
		heading = lap-math.Floor(lap) < .5
		a.steps = lap * 2 * across / s.height0
	case drives: // through the frame, and again
		lap := gone*pace/across + start
		if x = lap - math.Floor(lap); !heading {
			x = 1 - x
		}
	}
	at := image.Pt(int(min(max(x, 0), 1)*float64(free.X)+.5), int(y*float64(free.Y)+.5))
	a.Box = image.Rectangle{at, at.Add(size)}
	a.flip = !heading
	a.cast, a.look = c, int(s.part(i, "look")*1024)
}

// wave goes from 0 to 1 and back while x grows by one.
func wave(x float64) float64 {
	x -= math.Floor(x)
	return 1 - math.Abs(2*x-1)
}

// height is that of a box of an area, in frame heights.
func (s *stage) height(area float64) float64 {
	return math.Sqrt(area * float64(s.size.Width) / float64(s.size.Height) / castOf(s.class, 0).aspect)
}

// maxTravel is until when the distance is added up second by second, 11 days; then it
// grows at the mean of that time.
const maxTravel = 1_000_000

// gone is how far a typical object has moved by frame k, frame heights: the content's
// motion, added up over seconds. Motion that is not known is none.
func (s *stage) gone(k int64) float64 {
	t := float64(k) / s.fps
	s.mu.Lock()
	defer s.mu.Unlock()
	if t >= maxTravel {
		s.extend(maxTravel)
		return float64(s.travel[maxTravel]) / maxTravel * t / 1e9
	}
	i := int(t)
	s.extend(i + 1)
	from, to := float64(s.travel[i]), float64(s.travel[i+1])
	return (from + float64((to-from)*(t-float64(i)))) / 1e9
}

func (s *stage) extend(to int) {
	for i := len(s.travel); i <= to; i++ {
		sc := s.content.Scene(int64(math.Floor(float64(i-1)*s.fps + .5)))
		step := min(sc.Motion*s.height(sc.Area), 1e3)
		s.travel = append(s.travel, s.travel[i-1]+int64(step*1e9))
	}
}
