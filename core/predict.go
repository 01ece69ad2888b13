package core

// Prediction is what a plan would cost and bring by a predictor's figures, with
// nothing else going on: no queueing, no losses, no batches. The zero value is
// ready; Predict fills it in and reuses its memory.
type Prediction struct {
	Latency   Time    // of a frame, along the critical path, encoding included
	RoundTrip Time    // sum of the stages' round trips
	Delay     Time    // RoundTrip by the camera frames that an analysed frame stands for (at least 1)
	Accuracy  float64 // 0..1
	Links     []LinkUse
	Nodes     []NodeUse

	done   [MaxStages]Time
	out    [MaxStages]float64
	models [MaxStages]int
}

// TypicalObjects is the number of objects that is assumed of a picture of which
// nothing is known.
const TypicalObjects = 10

// LinkUse is what an analysed frame sends from one node to another.
type LinkUse struct {
	From, To NodeID
	Bytes    float64
}

// NodeUse is the work that an analysed frame gives a node; the host's includes
// encoding.
type NodeUse struct {
	Node NodeID
	Work Time
}

// Content is what a query's runtime context tells a predictor of the picture. Of
// motion it tells nothing.
func (q *QueryView) Content() Content {
	r := &q.Runtime
	c := Content{Class: q.Camera.Class}
	if r.ObjKnown {
		c.Known, c.Objects, c.Area, c.Stable = true, r.ObjN, r.ObjArea, r.ObjStable
	}
	return c
}

// Predict fills p in for query q under a plan, by predictor by. It follows the
// walk of a frame: the host encodes once, then calls each stage when the stage's
// parents are done. A call of another node sends its input at the rate of the link
// there, gets its output at the rate of the link back, and pays the round trip
// time once. ok is false, and p of no use, when the plan cannot be carried out: a
// wrong number of stages, an unknown node, a service that cannot run there, a link
// that is missing or has no rate.
func (p *Prediction) Predict(by Predictor, v *View, q *QueryView, plan *Plan) (ok bool) {
	p.Links, p.Nodes = p.Links[:0], p.Nodes[:0]
	p.Latency, p.RoundTrip, p.Delay, p.Accuracy = 0, 0, 0, 0
	pipe := q.Query.Pipeline
	host := v.Node(q.Query.Node)
	if len(plan.Stages) != len(pipe) || len(pipe) > MaxStages || host == nil {
		return false
	}
	content := q.Content()
	frame := by.FrameBytes(plan.Video, content)
	encode := by.Encode(Target{host.Class, RoleHost}, plan.Video)
	p.addWork(host.ID, encode)
	p.RoundTrip = encode
	for i := range pipe {
		trip, ok := p.stage(by, v, q, plan, i, frame, content)
		if !ok {
			return false
		}
		begin := Time(0)
		if len(pipe[i].Parents) == 0 {
			begin = encode
		}
		for _, parent := range pipe[i].Parents {
			begin = max(begin, p.done[parent])
		}
		p.done[i] = begin + trip
		p.Latency = max(p.Latency, p.done[i])
		p.RoundTrip += trip
		p.models[i] = plan.Stages[i].Model
	}
	p.Delay = p.RoundTrip
	if gap := q.Camera.FPS / plan.Video.FPS; gap > 1 {
		p.Delay = FromSeconds(p.RoundTrip.Seconds() / gap)
	}
	p.Accuracy = by.Accuracy(q.Query, q.Camera.FPS, plan.Video, p.models[:len(pipe)], content)
	return true
}

// stage adds what stage i needs and returns its round trip, without encoding.
func (p *Prediction) stage(by Predictor, v *View, q *QueryView, plan *Plan, i int, frame float64, c Content) (Time, bool) {
	s, at := &q.Query.Pipeline[i], plan.Stages[i].Node
	n := v.Node(at)
	if n == nil {
		return 0, false
	}
	role := n.Role
	if at == q.Query.Node {
		role = RoleHost
	}
	objects := c.Objects
	if !c.Known {
		objects = TypicalObjects
	}
	w, ok := by.Work(s.Service, plan.Stages[i].Model, Target{n.Class, role}, plan.Video.Resolution, objects)
	if !ok {
		return 0, false
	}
	p.out[i] = by.OutputBytes(s.Service, plan.Video.Resolution, c)
	p.addWork(at, w.Mean)
	if role == RoleHost {
		return w.Mean, true
	}
	in := frame
	if len(s.Parents) > 0 && v.input(s.Service) == InputCrops {
		in = 0
		for _, parent := range s.Parents {
			in += p.out[parent]
		}
	}
	there, back := v.Link(q.Query.Node, at), v.Link(at, q.Query.Node)
	if there == nil || back == nil || !(there.Rate > 0) || !(back.Rate > 0) {
		return 0, false
	}
	p.addBytes(q.Query.Node, at, in)
	p.addBytes(at, q.Query.Node, p.out[i])
	return w.Mean + there.RTT + FromSeconds(in/there.Rate) + FromSeconds(p.out[i]/back.Rate), true
}

func (p *Prediction) addWork(n NodeID, w Time) {
	for i := range p.Nodes {
		if p.Nodes[i].Node == n {
			p.Nodes[i].Work += w
			return
		}
	}
	p.Nodes = append(p.Nodes, NodeUse{n, w})
}

func (p *Prediction) addBytes(from, to NodeID, bytes float64) {
	for i := range p.Links {
		if p.Links[i].From == from && p.Links[i].To == to {
			p.Links[i].Bytes += bytes
			return
		}
	}
	p.Links = append(p.Links, LinkUse{from, to, bytes})
}

// input returns what a service is fed with.
func (v *View) input(service string) Input {
	for i := range v.Services {
		if v.Services[i].Name == service {
			return v.Services[i].Input
		}
	}
	return InputImage
}

// Places appends to dst the nodes at which a stage of q may run: the host if it
// has the stage's service, then every other node that is up, has the service and a
// direct link from and to the host, ascending by id.
func (v *View) Places(q *QueryView, stage int, dst []NodeID) []NodeID {
	service, host := q.Query.Pipeline[stage].Service, q.Query.Node
	if n := v.Node(host); n != nil && n.Service(service) != nil {
		dst = append(dst, host)
	}
	for i := range v.Nodes {
		n := &v.Nodes[i]
		if n.ID != host && n.Up && n.Service(service) != nil && v.Link(host, n.ID) != nil && v.Link(n.ID, host) != nil {
			dst = append(dst, n.ID)
		}
	}
	return dst
}
