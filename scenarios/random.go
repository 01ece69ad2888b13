package scenarios

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"vidq/core"
	"vidq/kb"
)

// Random makes a scenario of a seed, for rankings over systems that nobody tuned
// on: two to eight nodes of several classes, two to forty queries of one to four
// kinds, links of different rates, faults, and in half of them a belief that errs.
// Its name is random-SEED. Equal seeds give equal texts.
//
// Each kind of query gets its bounds from a plan that, alone on the idle system,
// keeps them four fifths of the time or more. There are so many queries that those
// plans together take between .3 and 1.1 of what the system has.
func Random(seed uint64) []byte {
	truth, err := kb.Open(randomTruth, kb.Options{})
	if err != nil {
		panic(err) // it is embedded
	}
	g := &drawing{Rand: rand.New(rand.NewPCG(seed, 0x72616e64)), truth: truth, seed: seed}
	g.printf("name = \"random-%d\"\ntitle = \"drawn from seed %d\"\nduration = \"%ds\"\nwarmup = \"10s\"\n\n", seed, seed, randomSeconds)
	g.belief()
	g.knobs()
	g.machines()
	g.nodes()
	g.links()
	g.load()
	g.faults()
	return []byte(g.text.String())
}

const (
	randomTruth   = "measured" // set of profiles
	randomSeconds = 120
	randomFPS     = 15 // of the cameras
	randomQueries = 40 // at most
)

// drawing is a random scenario in the making.
type drawing struct {
	*rand.Rand
	seed   uint64
	truth  *kb.Set
	text   strings.Builder
	codec  core.VideoConf // encoder and quality of the plans that bounds are made from
	edges  []machine
	clouds []machine
	lan    bool // the edges are joined with each other
}

// machine is a node with its uplinks.
type machine struct {
	id, class string
	workers   int
	uplink    float64   // bytes per second to each cloud; 0 = the trace "lte"
	delay     core.Time // to each cloud, one way
}

// template is what queries of a kind have in common.
type template struct {
	name       string
	services   []string
	contents   []string
	resolution string    // of the camera
	analysed   string    // of the plan
	fps        []float64 // of the plan
}

var templates = []template{
	{"people", []string{"pedestrian_detection"}, []string{"street", "crossing", "corridor"}, "1080p", "720p", []float64{5, 10}},
	{"things", []string{"object_detection"}, []string{"dashcam"}, "720p", "480p", []float64{10, 15}},
	{"cars", []string{"car_detection"}, []string{"traffic"}, "1080p", "720p", []float64{10, 15}},
	{"faces", []string{"face_detection", "face_alignment"}, []string{"classroom", "street", "crossing"}, "1080p", "720p", []float64{5}},
}

func (g *drawing) printf(format string, args ...any) { fmt.Fprintf(&g.text, format, args...) }

// between draws evenly from [lo, hi), log between in the logarithm.
func (g *drawing) between(lo, hi float64) float64 { return lo + float64((hi-lo)*g.Float64()) }
func (g *drawing) log(lo, hi float64) float64     { return lo * math.Pow(hi/lo, g.Float64()) }

func (g *drawing) chance(p float64) bool { return g.Float64() < p }

func pick[T any](g *drawing, from []T) T { return from[g.IntN(len(from))] }

func (g *drawing) belief() {
	belief, more := randomTruth, ""
	switch {
	case g.chance(.1):
		belief = "original"
	case g.chance(.45):
		more = fmt.Sprintf("noise = %.2f\nbias = %.2f\n", g.between(.05, .6), g.between(-.4, .6))
	}
	g.printf("[kb]\nbelief = %q\ntruth = %q\n%s\n[scheduler]\nname = \"latfirst\"\nperiod = \"3s\"\n\n", belief, randomTruth, more)
}

func (g *drawing) knobs() {
	g.printf("[knobs]\nfps = [1, 2, 5, 10, 15]\n")
	g.codec = core.VideoConf{Encoder: "jpeg", Quality: 75}
	jpeg, h264 := "[[knobs.encoder]]\nname = \"jpeg\"\nqualities = [90, 75, 50]\n", "[[knobs.encoder]]\nname = \"h264\"\nqualities = [20, 30]\n"
	switch g.IntN(4) {
	case 0:
		g.codec = core.VideoConf{Encoder: "h264", Quality: 30}
		g.printf("%s\n", h264)
	case 1:
		g.printf("%s%s\n", jpeg, h264)
	default:
		g.printf("%s\n", jpeg)
	}
}

func (g *drawing) machines() {
	edge := []string{"agx-orin", "orin-nx", "orin-nx", "orin-nano", "orin-nano", "xavier-nx", "tx2-gpu"}
	for i := range 1 + g.IntN(6) {
		m := machine{id: fmt.Sprintf("edge-%d", i+1), class: pick(g, edge), workers: 1, delay: core.Time(g.between(2, 30)) * core.Millisecond}
		if m.class == "agx-orin" {
			m.workers = 2 // as many as it has slots
		}
		m.uplink = math.Round(g.log(3, 60)) * 1e6 / 8
		if g.chance(.15) {
			m.uplink = 0
		}
		g.edges = append(g.edges, m)
	}
	for i := range 1 + g.IntN(2) {
		g.clouds = append(g.clouds, machine{id: fmt.Sprintf("cloud-%d", i+1), class: pick(g, []string{"server-gpu", "rack-gpu"}), workers: 1})
	}
	g.lan = len(g.edges) > 1 && g.chance(.65)
}

// nodes writes the machines. All offer all services that run there.
func (g *drawing) nodes() {
	write := func(m machine, role string) {
		var services []string
		for _, s := range g.truth.Services() {
			if _, ok := g.truth.Model(s.Name, 0, m.class); ok {
				services = append(services, fmt.Sprintf("%s = %d", s.Name, m.workers))
			}
		}
		g.printf("[[node]]\nid = %q\nrole = %q\nclass = %q\nservices = { %s }\n", m.id, role, m.class, strings.Join(services, ", "))
	}
	for _, m := range g.clouds {
		write(m, "cloud")
	}
	for _, m := range g.edges {
		write(m, "edge")
	}
}

func (g *drawing) links() {
	for _, m := range g.edges {
		rate := "trace = \"lte\""
		if m.uplink > 0 {
			rate = fmt.Sprintf("rate = \"%.0fMbit/s\"", m.uplink*8/1e6)
		}
		g.printf("[[link]]\nbetween = [%q, \"cloud-*\"]\n%s\ndelay = \"%dms\"\njitter = \"%dms\"\n", m.id, rate, m.delay/core.Millisecond, g.IntN(4))
	}
	if len(g.clouds) > 1 {
		g.printf("[[link]]\nbetween = [\"cloud-1\", \"cloud-2\"]\nrate = \"1Gbit/s\"\ndelay = \"2ms\"\n")
	}
	if g.lan {
		g.printf("[[link]]\nbetween = [\"edge-*\", \"edge-*\"]\nrate = \"%dMbit/s\"\ndelay = \"1ms\"\n", pick(g, []int{50, 100, 1000}))
	}
}

// load draws the kinds of queries, their bounds and how many there are.
func (g *drawing) load() {
	n := 1 + g.IntN(4)
	left := g.between(.3, 1.1) // of the system
	total := 0
	for i, at := range g.Perm(len(templates))[:n] {
		share := left
		if i < n-1 {
			share = left * g.between(.3, .7)
		}
		left -= share
		total += g.kind(fmt.Sprintf("%s-%d", templates[at].name, i+1), &templates[at], share, randomQueries-total-(n-i-1))
	}
	if total < 2 { // the last kind is alone: somebody else, who asks for nothing hard
		g.printf("[[query]]\nid = \"visitor\"\ncamera = \"people-0\"\npipeline = [\"pedestrian_detection\"]\nconstraint = { latency = \"2s\", accuracy = 0.3 }\n")
		g.printf("[[camera]]\nid = \"people-0\"\nnode = \"edge-1\"\nfps = %d\nresolution = \"1080p\"\ncontent = \"street\"\n", randomFPS)
	}
}

// kind writes at most most queries that take a share of the system and returns how
// many.
func (g *drawing) kind(id string, t *template, share float64, most int) int {
	hosts := []machine{pick(g, g.edges)}
	if g.chance(.6) {
		hosts = g.edges
	}
	p := plan{template: t, content: pick(g, t.contents), video: g.codec}
	p.video.Resolution, _ = core.ParseResolution(t.analysed) // templates are right
	p.video.FPS = pick(g, t.fps)
	g.look(&p, id)
	trip := math.Inf(1)
	for _, h := range hosts { // the host that is off worst keeps the bound somewhere
		best := math.Inf(1)
		for _, at := range g.within(h) {
			best = min(best, g.trip(&p, h, at))
		}
		if math.IsInf(trip, 1) || best > trip {
			trip = best
		}
	}
	room := g.between(1.8, 3.5)
	file := g.chance(.12)
	age := 1/p.video.FPS + float64(trip*1.3)
	if file {
		age = 1 / p.video.FPS
	}
	floor := math.Floor(p.floor(age)*.98*100) / 100
	count := max(1, min(int(math.Round(share*g.capacity(&p, hosts)/p.video.FPS)), most))
	g.printf("[[camera]]\nid = %q\ncount = %d\nnodes = [%s]\nfps = %d\nresolution = %q\ncontent = %q\n", id, count, list(hosts), randomFPS, t.resolution, p.content)
	bound := fmt.Sprintf("latency = \"%dms\"", 10*int(math.Ceil(max(trip*room, .1)*100)))
	if file {
		g.printf("mode = \"file\"\nframes = %d\n", randomFPS*randomSeconds)
		bound = fmt.Sprintf("delay = \"%dms\"", int(math.Ceil(trip*room*p.video.FPS/randomFPS*1000)))
	}
	g.printf("[[query]]\nid = %q\ncount = %d\ncamera = %q\npipeline = [\"%s\"]\nconstraint = { %s, accuracy = %.2f }\n",
		id, count, id, strings.Join(t.services, `", "`), bound, max(floor, .1))
	switch g.IntN(4) {
	case 0: // one after the other
		g.printf("every = \"%dms\"\n", int(g.between(.1, .6)*1000*randomSeconds/float64(count)))
	case 1:
		start := g.IntN(randomSeconds / 2)
		g.printf("start = \"%ds\"\nstop = \"%ds\"\n", start, start+40+g.IntN(randomSeconds/2))
	}
	return count
}

func list(m []machine) string {
	ids := make([]string, len(m))
	for i := range m {
		ids[i] = fmt.Sprintf("%q", m[i].id)
	}
	return strings.Join(ids, ", ")
}

// plan is a plan of a kind of queries with what its cameras will see.
type plan struct {
	*template
	content string
	video   core.VideoConf
	scenes  []scene
	objects float64 // that four fifths of the scenes do not exceed
}

type scene struct{ fresh, decay float64 }

// look samples what a camera of the kind sees in the run.
func (g *drawing) look(p *plan, id string) {
	src, err := kb.OpenContent(p.content, "", randomFPS, g.seed, core.CameraID(id))
	if err != nil {
		panic(err) // it is a generator
	}
	var pipeline core.Pipeline
	for _, s := range p.services {
		pipeline = append(pipeline, core.Stage{Name: s, Service: s})
	}
	var objects []float64
	for t := int64(0); t < randomSeconds; t += 2 {
		c := src.Scene(t * randomFPS).Content()
		objects = append(objects, c.Objects)
		p.scenes = append(p.scenes, scene{g.truth.Fresh(pipeline, p.video, nil, c), g.truth.Decay(c)})
	}
	slices.Sort(objects)
	p.objects = objects[len(objects)*4/5]
}

// floor is the accuracy that results of an age (seconds) keep in four fifths of the scenes.
func (p *plan) floor(age float64) float64 {
	var a []float64
	for _, s := range p.scenes {
		a = append(a, s.fresh*math.Exp(-s.decay*age))
	}
	slices.Sort(a)
	return a[len(a)/5]
}

// within are the machines that a host's stages may run on.
func (g *drawing) within(h machine) []machine {
	at := slices.Clone(g.clouds)
	if g.lan {
		return append(at, g.edges...)
	}
	return append(at, h)
}

// work is the time in seconds that a frame takes at a machine.
func (g *drawing) work(p *plan, at machine) (seconds float64) {
	for _, s := range p.services {
		m, ok := g.truth.Model(s, 0, at.class)
		if !ok {
			return math.Inf(1)
		}
		seconds += m.Law(p.video.Resolution).Mean(p.objects)
	}
	return seconds
}

// trip is a frame's latency in seconds, all stages at one machine and nothing else
// going on.
func (g *drawing) trip(p *plan, host, at machine) float64 {
	s := g.truth.Encode(core.Target{Class: host.class, Role: core.RoleHost}, p.video).Seconds() + g.work(p, at)
	switch {
	case host.id == at.id:
	case strings.HasPrefix(at.id, "edge"):
		s += .02
	default:
		s += float64(len(p.services))*2*host.delay.Seconds() + g.bytes(p)/g.rate(host)
	}
	return s
}

func (g *drawing) bytes(p *plan) float64 {
	return g.truth.FrameBytes(p.video, core.Content{}) * float64(len(p.services)) // the second stage's crops are no more
}

// rate is an uplink's, bytes per second; of LTE what it has most of the time.
func (g *drawing) rate(m machine) float64 {
	if m.uplink > 0 {
		return m.uplink
	}
	return 4e6 / 8
}

// capacity is how many frames per second of a kind the system can serve when it
// does nothing else.
func (g *drawing) capacity(p *plan, hosts []machine) float64 {
	edges := hosts
	if g.lan {
		edges = g.edges
	}
	var near, far, up float64
	for _, m := range edges {
		near += float64(m.workers) / g.work(p, m)
	}
	for _, m := range g.clouds {
		far += float64(m.workers) / g.work(p, m)
	}
	for _, m := range hosts {
		up += .8 * g.rate(m) / g.bytes(p) * float64(len(g.clouds))
	}
	return near + min(far, up)
}

func (g *drawing) faults() {
	for range g.IntN(4) {
		e := pick(g, g.edges)
		g.printf("[[fault]]\nat = \"%ds\"\nfor = \"%ds\"\n", 15+g.IntN(randomSeconds-40), 8+g.IntN(32))
		what := g.IntN(5)
		if what == 0 && len(g.clouds)+len(g.edges) < 3 { // nobody could help
			what = 1
		}
		switch what {
		case 0:
			if len(g.clouds) > 1 { // the first runs the query manager
				e = g.clouds[1]
			}
			g.printf("kind = \"node_down\"\nnode = %q\n", e.id)
		case 1, 2:
			g.printf("link = [%q, \"cloud-1\"]\nfactor = %.2f\n", e.id, g.between(.1, .5))
		case 3:
			g.printf("link = [%q, \"cloud-1\"]\nkind = \"link_down\"\n", e.id)
		case 4:
			g.printf("kind = \"service_slow\"\nnode = %q\nservice = \"object_detection\"\nfactor = %.1f\n", e.id, g.between(1.5, 4))
		}
	}
}
