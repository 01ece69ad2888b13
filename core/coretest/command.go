package coretest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"vidq/core"
)

// args are a command's words and key=value arguments.
type args struct {
	words []string
	keys  map[string]string
	err   error
}

func parseArgs(fields []string) *args {
	a := &args{keys: map[string]string{}}
	for _, f := range fields {
		if k, v, found := strings.Cut(f, "="); found {
			a.keys[k] = v
		} else {
			a.words = append(a.words, f)
		}
	}
	return a
}

func (a *args) fail(err error) {
	if a.err == nil {
		a.err = err
	}
}

// word returns the i-th word; without it the command fails.
func (a *args) word(i int) string {
	if i < len(a.words) {
		return a.words[i]
	}
	a.fail(fmt.Errorf("argument %d is missing", i+1))
	return ""
}

// text takes a key's value.
func (a *args) text(key, otherwise string) string {
	v, found := a.keys[key]
	if !found {
		return otherwise
	}
	delete(a.keys, key)
	return v
}

func (a *args) number(key string, otherwise float64) float64 {
	v := a.text(key, "")
	if v == "" {
		return otherwise
	}
	f, err := strconv.ParseFloat(v, 64)
	if err != nil {
		a.fail(fmt.Errorf("%s: %w", key, err))
	}
	return f
}

func (a *args) span(key string, otherwise core.Time) core.Time {
	v := a.text(key, "")
	if v == "" {
		return otherwise
	}
	return a.time(v)
}

func (a *args) time(v string) core.Time {
	d, err := time.ParseDuration(v)
	if err != nil {
		a.fail(err)
	}
	return core.Time(d)
}

func (a *args) query() core.QueryID {
	id, err := strconv.ParseUint(a.word(0), 10, 64)
	if err != nil {
		a.fail(err)
	}
	return core.QueryID(id)
}

func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// pair splits NAME:NUMBER.
func (a *args) pair(s string) (string, int) {
	name, number, found := strings.Cut(s, ":")
	n, err := strconv.Atoi(number)
	if !found || err != nil {
		a.fail(fmt.Errorf("%q: want NAME:NUMBER", s))
	}
	return name, n
}

// command does one line of a script.
func (e *env) command(line string) {
	fields := strings.Fields(line)
	if len(fields) == 0 {
		return
	}
	a := parseArgs(fields[1:])
	do := e.commands()[fields[0]]
	if do == nil {
		fmt.Fprintf(&e.out, "error: unknown command %q\n", fields[0])
		return
	}
	do(a)
	if a.err == nil && len(a.keys) > 0 {
		a.err = fmt.Errorf("unknown argument %q", sortedKeys(a.keys)[0])
	}
	if a.err != nil {
		fmt.Fprintf(&e.out, "error: %s: %s\n", fields[0], a.err)
	}
}

func (e *env) commands() map[string]func(*args) {
	return map[string]func(*args){
		"node": e.cmdNode, "link": e.cmdLink, "manager": e.cmdManager, "set": e.cmdSet,
		"hide":  func(a *args) { e.cmdHide(a, true) },
		"show":  func(a *args) { e.cmdHide(a, false) },
		"quiet": func(*args) { e.quiet = true },
		"loud":  func(*args) { e.quiet = false },
		"run":   e.cmdRun,
		"start": e.cmdStart, "plan": e.cmdPlan, "refuse": e.cmdRefuse, "pace": e.cmdPace, "charge": e.cmdCharge,
		"service": e.cmdService,
		"next":    func(a *args) { e.next.Next = a.time(a.word(0)) },
		"submit":  e.cmdSubmit, "stop": e.cmdStop, "deliver": e.cmdDeliver, "drop": e.cmdDrop, "duplicate": e.cmdDuplicate, "hold": e.cmdHold,
		"saved": e.cmdSaved, "capture": e.cmdCapture, "end": e.cmdEnd, "done": e.cmdDone, "sample": e.cmdSample,
		"advance": func(a *args) { e.advance(a.time(a.word(0))) },
		"crash":   e.cmdCrash, "restart": e.cmdStart, "status": e.cmdStatus, "converged": e.cmdConverged,
	}
}

func (e *env) cmdNode(a *args) {
	id := core.NodeID(a.word(0))
	j := core.Join{Node: id, Class: "box", Capacity: core.Capacity{Cores: 4, Memory: a.number("memory", 0)}}
	if a.text("role", "edge") == "cloud" {
		j.Role = core.RoleCloud
	}
	for _, s := range list(a.text("services", "")) {
		name, workers := a.pair(s)
		j.Services = append(j.Services, core.ServiceView{Name: name, Workers: workers, Model: -1, MaxBatch: 1})
	}
	mode := core.ModeLive
	if a.text("mode", "live") == "file" {
		mode = core.ModeFile
	}
	fps, length := a.number("fps", 30), int64(a.number("length", 0))
	for _, c := range list(a.text("cameras", "")) {
		j.Cameras = append(j.Cameras, core.Camera{
			ID: core.CameraID(c), Node: id, Mode: mode, FPS: fps, Length: length, Resolution: core.Resolution{Width: 1920, Height: 1080},
		})
	}
	e.nodes[id] = &node{join: j}
	e.ids = append(e.ids, id)
	slices.Sort(e.ids)
}

func (e *env) cmdLink(a *args) {
	x, y := core.NodeID(a.word(0)), core.NodeID(a.word(1))
	est := core.LinkEstimate{Rate: a.number("rate", 1e6), RTT: a.span("rtt", 20*core.Millisecond)}
	e.links = append(e.links, core.LinkView{From: x, To: y, LinkEstimate: est}, core.LinkView{From: y, To: x, LinkEstimate: est})
}

func (e *env) cmdManager(a *args) {
	e.config.Node = core.NodeID(a.word(0))
	e.config.Period = a.span("period", 3*core.Second)
	e.config.Phase = a.span("phase", core.Second)
	e.config.DecisionTime.Constant = a.span("decision", 0)
	e.config.Knobs = core.Knobs{
		FPS: []float64{1, 5, 10, 20, 30}, Resolutions: core.Resolutions(), Encoders: []core.Encoder{{Name: "jpeg", Qualities: []int{90, 50}}},
	}
}

func (e *env) cmdSet(a *args) {
	s := &e.set
	s.Heartbeat, s.DownAfter = a.span("heartbeat", s.Heartbeat), a.span("down", s.DownAfter)
	s.FrameTimeout, s.StageTimeout = a.span("frame", s.FrameTimeout), a.span("stage", s.StageTimeout)
	s.Backoff, s.ResendAfter, s.SyncEvery = a.span("backoff", s.Backoff), a.span("resend", s.ResendAfter), a.span("sync", s.SyncEvery)
	s.Retries = int(a.number("retries", float64(s.Retries)))
}

func (e *env) cmdHide(a *args, hide bool) {
	for _, w := range a.words {
		e.hide[w] = hide
	}
}

// cmdStart begins machines, or begins them again.
func (e *env) cmdStart(a *args) {
	if len(a.words) == 0 {
		e.startManager()
		for _, id := range e.ids {
			e.startNode(id)
		}
	}
	for _, w := range a.words {
		switch {
		case w == "manager":
			e.startManager()
		case e.nodes[core.NodeID(w)] != nil:
			e.startNode(core.NodeID(w))
		default:
			a.fail(fmt.Errorf("unknown node %q", w))
		}
	}
}

func (e *env) cmdPlan(a *args) {
	p := core.Plan{
		Video:    core.VideoConf{FPS: a.number("fps", 10), Encoder: "jpeg", Quality: int(a.number("quality", 90))},
		InFlight: int(a.number("window", 1)), Buffer: int(a.number("buffer", 1)),
	}
	r, err := core.ParseResolution(a.text("res", "480p"))
	if err != nil {
		a.fail(err)
	}
	p.Video.Resolution = r
	for _, s := range list(a.text("stages", "")) {
		n, model := a.pair(s)
		p.Stages = append(p.Stages, core.Assignment{Node: core.NodeID(n), Model: model})
	}
	e.next.Set(a.query(), p)
}

func (e *env) cmdRefuse(a *args) { e.next.Refused = append(e.next.Refused, a.query()) }

func (e *env) cmdPace(a *args) {
	rate, err := strconv.ParseFloat(a.word(1), 64)
	if err != nil {
		a.fail(err)
	}
	e.next.Pacing = append(e.next.Pacing, core.Pacing{Query: a.query(), Rate: rate})
}

func (e *env) cmdCharge(a *args) {
	e.next.Charges = append(e.next.Charges, core.Charge{
		Query: a.query(), Node: core.NodeID(a.word(1)), Service: a.word(2), Model: int(a.number("model", 0)), Calls: int(a.number("calls", 1)),
		Resolution: core.Resolutions()[1],
	})
}

func (e *env) cmdService(a *args) {
	e.next.Services = append(e.next.Services, core.ServiceSetting{
		Node: core.NodeID(a.word(0)), Service: a.word(1), Model: int(a.number("model", 0)),
		Replicas: int(a.number("workers", 1)), MaxBatch: int(a.number("batch", 1)),
	})
}
