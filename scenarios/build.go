package scenarios

import (
	"errors"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"vidq/core"
	"vidq/core/sched"
	"vidq/kb"
)

// builder makes a Scenario of the file's structs.
type builder struct {
	*binder
	s        *Scenario
	dir      string              // of the file
	embedded bool                // the file is a shipped one
	ids      map[string][]string // of the elements of each list, in order
	traces   map[string]*kb.Rate
}

// failAt adds an error about key that is shown at the line of at.
func (b *builder) failAt(at, key, hint, format string, args ...any) {
	b.fail(b.at(at).err(key, hint, format, args...))
}

func (b *builder) build(f *fileScenario) {
	s := b.s
	s.Name, s.Title, s.Seed = f.Name, f.Title, f.Seed
	s.Duration, s.Warmup = core.Time(f.Duration), core.Time(f.Warmup)
	s.Store.Delay = core.Time(f.Store.Delay)
	s.Settings = f.Settings.core()
	s.KB = KB{Belief: f.KB.Belief, Truth: f.KB.Truth, Noise: f.KB.Noise, Bias: f.KB.Bias, Staleness: core.Time(f.KB.Staleness)}
	s.KB.Truth = b.reference(s.KB.Truth, "kb.truth")
	if f.KB.Belief == "" {
		s.KB.Belief = s.KB.Truth
	} else {
		s.KB.Belief = b.reference(s.KB.Belief, "kb.belief")
	}
	for i := range f.Nodes {
		s.Nodes = append(s.Nodes, f.Nodes[i].node())
	}
	s.Manager = core.NodeID(f.Manager)
	if f.Manager == "" && len(s.Nodes) > 0 {
		s.Manager = s.Nodes[max(0, slices.IndexFunc(s.Nodes, func(n Node) bool { return n.Role == core.RoleCloud }))].ID
	}
	for i := range f.Links {
		b.link(&f.Links[i], b.keyOf("link", i))
	}
	for i := range f.Cameras {
		s.Cameras = append(s.Cameras, b.camera(&f.Cameras[i], b.keyOf("camera", i)))
	}
	for i := range f.Queries {
		s.Queries = append(s.Queries, b.query(&f.Queries[i], b.keyOf("query", i)))
	}
	for i := range f.Faults {
		id := f.Faults[i].ID
		if id == "" {
			id = strconv.Itoa(i + 1)
		}
		s.Faults = append(s.Faults, b.fault(&f.Faults[i], id, "fault."+id))
	}
	b.scheduler(&f.Scheduler, &f.Knobs) // may name what is above
}

// keyOf is the address of the i-th element of a list that is being built.
func (b *builder) keyOf(list string, i int) string { return list + "." + b.ids[list][i] }

func (f *fileSettings) core() core.Settings {
	c := core.Settings{
		Heartbeat:    core.Time(f.Heartbeat),
		DownAfter:    core.Time(f.DownAfter),
		FrameTimeout: core.Time(f.FrameTimeout),
		StageTimeout: core.Time(f.StageTimeout),
		Retries:      f.Retries,
		Backoff:      core.Time(f.Backoff),
		ResultRing:   f.ResultRing,
		BatchSize:    f.BatchSize,
		SyncEvery:    core.Time(f.SyncEvery),
		ResendAfter:  core.Time(f.ResendAfter),
		MaxInFlight:  f.MaxInFlight,
		MaxBuffer:    f.MaxBuffer,
	}
	if c.Retries == 0 {
		c.Retries = -1 // core's none; its 0 is the default
	}
	return c
}

func (f *fileNode) node() Node {
	n := Node{ID: core.NodeID(f.ID), Class: f.Class, Addr: netip.AddrPort(f.Addr), Services: f.Services}
	n.Capacity = core.Capacity{Cores: f.Cores, GPUs: f.GPUs, Memory: float64(f.Memory)}
	if f.Role == core.RoleCloud.String() {
		n.Role = core.RoleCloud
	}
	n.Services = slices.Clone(n.Services) // elements of one count share theirs
	for i := range n.Services {
		if n.Services[i].Workers == 0 {
			n.Services[i].Workers = f.Workers
		}
	}
	return n
}

func (b *builder) scheduler(f *fileScheduler, k *fileKnobs) {
	out := &b.s.Scheduler
	out.Period = core.Time(f.Period)
	out.DecisionTime = core.DecisionTime{Constant: core.Time(f.DecisionTime.Constant), PerQuery: core.Time(f.DecisionTime.PerQuery)}
	out.Knobs.FPS = slices.Compact(slices.Sorted(slices.Values(k.FPS)))
	for _, r := range k.Resolutions {
		out.Knobs.Resolutions = append(out.Knobs.Resolutions, core.Resolution(r))
	}
	slices.SortStableFunc(out.Knobs.Resolutions, func(a, b core.Resolution) int { return a.Pixels() - b.Pixels() })
	out.Knobs.Resolutions = slices.Compact(out.Knobs.Resolutions)
	for _, e := range k.Encoders {
		out.Knobs.Encoders = append(out.Knobs.Encoders, core.Encoder{Name: e.Name, Qualities: e.Qualities})
	}
	if k.Encoders == nil {
		out.Knobs.Encoders = []core.Encoder{{Name: "jpeg", Qualities: []int{90, 75}}}
	}
	out.Params = f.Params
	deps := b.s.Deps(0)
	specs, err := sched.ParseSpecs(f.Name)
	switch {
	case err != nil:
		b.schedulerError(err, "scheduler.name", nil)
	case len(specs) != 1:
		b.failAt("scheduler.name", "scheduler.name", "", "names %d schedulers; a scenario has one", len(specs))
	default:
		out.Spec = out.Merge(specs[0])
		if _, err := sched.New(out.Spec, deps); err != nil {
			b.schedulerError(err, "scheduler.name", specs[0].Params)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Params)) {
		if name == out.Spec.Name {
			continue
		}
		if _, err := sched.New(sched.Spec{Name: name, Params: f.Params[name]}, deps); err != nil {
			b.schedulerError(err, "scheduler."+name, nil)
		}
	}
}

// Merge returns a spec with the parameters of its name's table in the file added;
// those that the spec has itself go first.
func (s *Scheduler) Merge(spec sched.Spec) sched.Spec {
	own := spec.Params
	if len(s.Params[spec.Name]) == 0 {
		return spec
	}
	spec.Params = maps.Clone(s.Params[spec.Name])
	maps.Copy(spec.Params, own)
	return spec
}

// link builds one link.
func (b *builder) link(f *fileLink, key string) {
	l := Link{
		Rate:   float64(f.Rate),
		Delay:  core.Time(f.Delay),
		Jitter: core.Time(f.Jitter),
		Loss:   f.Loss,
	}
	var from, to endpoint
	switch {
	case f.Between != nil && (f.From != nil || f.To != nil):
		b.failAt(key+".between", key+".between", "", "takes the place of from and to: give one of both")
		return
	case f.Between != nil && len(f.Between) != 2:
		b.failAt(key+".between", key+".between", "", "want two ends, got %d", len(f.Between))
		return
	case f.Between != nil:
		from, to, l.Both = f.Between[0], f.Between[1], true
	case f.From == nil || f.To == nil:
		b.failAt(key, key, "", "needs its two ends: between, or from and to")
		return
	default:
		from, to = f.From, f.To
	}
	if len(from) != 1 || len(to) != 1 { // a pattern that the expansion left alone
		return
	}
	l.From, l.To = core.NodeID(from[0]), core.NodeID(to[0])
	l.ID = string(l.From) + "-" + string(l.To)
	switch {
	case f.Trace != "":
		l.Trace, l.TraceFile = b.trace(f.Trace, key+".trace")
		if l.Rate == 0 && l.Trace != nil {
			l.Rate = l.Trace.Mean()
		}
	case l.Rate == 0:
		b.failAt(key, key+".rate", "", "is missing: a link needs a rate or a trace")
	}
	b.s.Links = append(b.s.Links, l)
}

// camera builds one camera.
func (b *builder) camera(f *fileCamera, key string) Camera {
	c := Camera{
		Camera: core.Camera{
			ID:         core.CameraID(f.ID),
			Node:       core.NodeID(f.Node),
			FPS:        f.FPS,
			Resolution: core.Resolution(f.Resolution),
			Length:     int64(f.Frames),
			Loop:       f.Loop,
			Kind:       f.Kind,
			Class:      f.Class,
		},
		Content: b.reference(f.Content, key+".content"),
		Phase:   -1,
		URL:     f.URL,
	}
	if f.Mode == core.ModeFile.String() {
		c.Mode = core.ModeFile
	}
	if f.Phase != nil {
		c.Phase = core.Time(*f.Phase)
	}
	if isFile(c.Content) {
		c.Dir = filepath.Dir(c.Content)
	}
	if f.Node == "" {
		b.failAt(key, key+".node", "", "is missing")
	}
	return c
}

// query builds one query.
func (b *builder) query(f *fileQuery, key string) Query {
	q := Query{
		ID:     f.ID,
		Key:    b.s.Name + "/" + f.ID,
		Camera: core.CameraID(f.Camera),
		Constraint: core.Constraint{
			Delay:    core.Time(f.Constraint.Delay),
			Latency:  core.Time(f.Constraint.Latency),
			Accuracy: f.Constraint.Accuracy,
		},
		Start: core.Time(f.Start),
		Stop:  core.Never,
	}
	if f.Stop != nil {
		q.Stop = core.Time(*f.Stop)
	}
	q.Pipeline = b.pipeline(f.Pipeline, key+".pipeline")
	return q
}

// isFile tells a file from a name: a file has a path separator or an extension.
func isFile(ref string) bool {
	return strings.ContainsAny(ref, `/\`) || filepath.Ext(ref) != ""
}

// reference makes a file name absolute and checks that it is there. Names stay.
func (b *builder) reference(ref, key string) string {
	file, ok := b.absolute(ref, b.at(key))
	if !ok {
		b.failAt(key, key, "", "is a file, which a shipped scenario does not have: %q", ref)
		return ref
	}
	if isFile(ref) {
		if _, err := os.Stat(file); err != nil {
			b.failAt(key, key, "", "%q cannot be read: %s", ref, cause(err))
		}
	}
	return file
}

// absolute returns a file's absolute name: relative ones belong to the scenario's
// folder, or to the working directory when they come from --set. ok is false for
// a relative one of a shipped scenario, which has no folder.
func (b *builder) absolute(ref string, p pos) (file string, ok bool) {
	switch {
	case !isFile(ref) || filepath.IsAbs(ref):
		return ref, true
	case p.set != "":
		dir, _ := os.Getwd() // without one the name stays relative, and is not found
		return filepath.Join(dir, ref), true
	case b.embedded:
		return ref, false
	}
	return filepath.Join(b.dir, ref), true
}

// schedulerError adds an error about the scheduler of a key, at the parameter in the
// scheduler's table that it is about, unless the key's own parameters, which go before, have that.
func (b *builder) schedulerError(err error, key string, own map[string]any) {
	var e *sched.Error
	if !errors.As(err, &e) {
		b.failAt(key, key, "", "%s", err)
		return
	}
	at := key
	_, mine := own[e.Key]
	if p := "scheduler." + e.Scheduler + "." + e.Key; e.Key != "" && !mine && b.pos[p] != (pos{}) {
		key, at = p, p
	}
	msg := e.Msg
	if e.Key != "" && key != "scheduler."+e.Scheduler+"."+e.Key {
		msg = e.Key + ": " + msg
	}
	b.failAt(at, key, e.Hint, "%s", msg)
}

// hosts gives every query its camera's node.
func (b *builder) hosts() {
	nodes := make(map[core.CameraID]core.NodeID, len(b.s.Cameras))
	for i := range b.s.Cameras {
		nodes[b.s.Cameras[i].ID] = b.s.Cameras[i].Node
	}
	for i := range b.s.Queries {
		b.s.Queries[i].Node = nodes[b.s.Queries[i].Camera]
	}
}

// trace opens a link's trace, each once.
func (b *builder) trace(ref, key string) (*kb.Rate, string) {
	name := b.reference(ref, key)
	if r, ok := b.traces[name]; ok {
		return r, name
	}
	var r *kb.Rate
	var err error
	switch {
	case isFile(ref):
		r, err = kb.OpenRate(name)
	case !slices.Contains(Traces(), name):
		b.failAt(key, key, nearest(name, Traces()), "there is no shipped trace %q; there is %s, or give a file", name, orNone(Traces()))
		return nil, name
	default:
		r, err = openShippedTrace(name)
	}
	if err != nil {
		b.failAt(key, key, "", "%s", err)
		return nil, name
	}
	b.traces[name] = r
	return r, name
}
