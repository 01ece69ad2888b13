package coretest

import (
	"fmt"
	"io"
	"strings"

	"vidq/core"
)

// Printer is a Backend that writes one line for every effect: Prefix, then the
// effect. It does nothing else.
type Printer struct {
	Out    io.Writer
	Prefix string
}

func (p *Printer) line(s string) { fmt.Fprintf(p.Out, "%s%s\n", p.Prefix, s) }

// Record writes "record ...".
func (p *Printer) Record(r core.Record) { p.line("record " + RecordLine(r)) }

// Save writes "save ID: changes".
func (p *Printer) Save(s *core.Save) { p.line(SaveLine(s)) }

// Capture writes "capture ...".
func (p *Printer) Capture(c *core.Capture) {
	p.line(fmt.Sprintf("capture query %d: %s from frame %d for r%d", c.Query, c.Camera, c.From, c.Plan.Revision))
}

// Invoke writes "invoke ...".
func (p *Printer) Invoke(i *core.Invoke) { p.line(InvokeLine(i)) }

// Release writes "release ...".
func (p *Printer) Release(r *core.Release) {
	p.line(fmt.Sprintf("release query %d frame %d", r.Query, r.CameraFrame))
}

// Send writes "send ...".
func (p *Printer) Send(s *core.Send) {
	p.line("send to " + AddressLine(s.To) + ": " + MessageLine(s.Msg))
}

// Wake writes "wake at ...".
func (p *Printer) Wake(w *core.Wake) { p.line("wake at " + w.At.String()) }

// AddressLine prints an address as node/part.
func AddressLine(a core.Address) string { return string(a.Node) + "/" + a.Part.String() }

// CallLine prints a call's name as query/frame.stage, with #attempt from the
// second attempt on.
func CallLine(r core.CallRef) string {
	s := fmt.Sprintf("%d/%d.%d", r.Query, r.Frame, r.Stage)
	if r.Attempt > 0 {
		s += fmt.Sprintf("#%d", r.Attempt+1)
	}
	return s
}

// InvokeLine prints an Invoke.
func InvokeLine(i *core.Invoke) string {
	input := "the frame"
	switch {
	case i.Charged:
		input = "charged work"
	case !i.Source:
		input = fmt.Sprintf("%g bytes, %g objects", i.Bytes, i.Objects)
	case i.Pad > 0:
		input = fmt.Sprintf("the frame and %g bytes of no use", i.Pad)
	}
	return fmt.Sprintf("invoke %s: %s model %d at %s with %s, camera frame %d, within %s",
		CallLine(i.Ref), i.Service, i.Model, i.Node, input, i.CameraFrame, i.Timeout)
}

// SaveLine prints a Save with its changes.
func SaveLine(s *core.Save) string {
	var parts []string
	for i := range s.Changes {
		parts = append(parts, changeLine(&s.Changes[i]))
	}
	return fmt.Sprintf("save %d: %s", s.ID, strings.Join(parts, "; "))
}

func changeLine(c *core.Change) string {
	switch c.Kind {
	case core.ChangeQuery:
		q := c.Query
		return fmt.Sprintf("query %d %q %s %s next %d", q.Query.ID, q.Query.Key, q.State, revisionLine(&q.Plan), q.Next)
	case core.ChangeNode:
		return fmt.Sprintf("node %s/%d up to %d", c.Node.Node, c.Node.Incarnation, c.Node.Seq)
	case core.ChangeResult:
		r := c.Result
		return fmt.Sprintf("results %s/%d #%d..%d", r.Node, r.Incarnation, r.Results[0].Seq, r.Results[len(r.Results)-1].Seq)
	}
	return fmt.Sprintf("change of unknown kind %d", c.Kind)
}

func revisionLine(p *core.Plan) string {
	if p.Revision == 0 {
		return "no plan"
	}
	return fmt.Sprintf("r%d", p.Revision)
}

// PlanLine prints a plan, without its hash.
func PlanLine(p *core.Plan) string {
	if p.Revision == 0 {
		return "no plan"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "r%d %s %gfps %s q%d", p.Revision, p.Video.Resolution, p.Video.FPS, p.Video.Encoder, p.Video.Quality)
	for _, s := range p.Stages {
		fmt.Fprintf(&b, " %s:%d", s.Node, s.Model)
	}
	fmt.Fprintf(&b, " window %d buffer %d", p.InFlight, p.Buffer)
	if p.Pace > 0 {
		fmt.Fprintf(&b, " pace %g B/s", p.Pace)
	}
	if p.Pad > 0 {
		fmt.Fprintf(&b, " pad %g B", p.Pad)
	}
	if p.Refused {
		b.WriteString(" refused")
	}
	return b.String()
}

// MessageLine prints a message.
func MessageLine(msg core.Message) string {
	switch m := msg.(type) {
	case *core.SubmitQuery:
		return fmt.Sprintf("SubmitQuery #%d %q %s at %s", m.Request, m.Query.Key, m.Query.Camera, m.Query.Node)
	case *core.SubmitAnswer:
		return fmt.Sprintf("SubmitAnswer #%d query %d%s", m.Request, m.Query, errLine(m.Err))
	case *core.StopQuery:
		return fmt.Sprintf("StopQuery #%d query %d", m.Request, m.Query)
	case *core.StopAnswer:
		return fmt.Sprintf("StopAnswer #%d query %d%s", m.Request, m.Query, errLine(m.Err))
	case *core.Join:
		return fmt.Sprintf("Join %s/%d %s, %d services, %d cameras", m.Node, m.Incarnation, m.Role, len(m.Services), len(m.Cameras))
	case *core.JoinAck:
		return fmt.Sprintf("JoinAck %s/%d", m.Node, m.Incarnation)
	case *core.Heartbeat:
		return heartbeatLine(m)
	case *core.HeartbeatAck:
		return fmt.Sprintf("HeartbeatAck %s/%d #%d known %t", m.Node, m.Incarnation, m.Number, m.Known)
	case *core.SyncResults:
		return fmt.Sprintf("SyncResults %s/%d #%d..%d", m.Node, m.Incarnation, m.First, m.First+uint64(len(m.Results))-1)
	case *core.SyncAck:
		return fmt.Sprintf("SyncAck /%d up to %d", m.Incarnation, m.Seq)
	case *core.SubmitJob:
		return fmt.Sprintf("SubmitJob /%d query %d %q from frame %d, %s", m.Incarnation, m.Query.ID, m.Query.Key, m.From, PlanLine(&m.Plan))
	case *core.UpdatePlan:
		return fmt.Sprintf("UpdatePlan /%d query %d %s", m.Incarnation, m.Query, PlanLine(&m.Plan))
	case *core.StopJob:
		return fmt.Sprintf("StopJob /%d query %d", m.Incarnation, m.Query)
	case *core.JobAck:
		return fmt.Sprintf("JobAck %s/%d %s", m.Node, m.Incarnation, jobLine(&m.Job))
	case *core.ConfigureServices:
		return configureLine(m)
	case *core.ChargeWork:
		c := &m.Charge
		return fmt.Sprintf("ChargeWork /%d #%d %d calls of %s model %d for query %d", m.Incarnation, m.Number, c.Calls, c.Service, c.Model, c.Query)
	}
	return fmt.Sprintf("%T", msg)
}

func errLine(err string) string {
	if err == "" {
		return ""
	}
	return ": " + err
}

func heartbeatLine(h *core.Heartbeat) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Heartbeat %s/%d #%d", h.Node, h.Incarnation, h.Number)
	for i := range h.Jobs {
		fmt.Fprintf(&b, " [%s]", jobLine(&h.Jobs[i]))
	}
	for i := range h.Services {
		if s := &h.Services[i]; s.Revision > 0 {
			fmt.Fprintf(&b, " %s settings r%d", s.Name, s.Revision)
		}
	}
	if h.Charges > 0 {
		fmt.Fprintf(&b, " charges up to #%d", h.Charges)
	}
	return b.String()
}

func jobLine(s *core.JobStatus) string {
	if s.Gone {
		return fmt.Sprintf("query %d gone", s.Query)
	}
	return fmt.Sprintf("query %d %s r%d next %d", s.Query, s.State, s.Revision, s.Next)
}

func configureLine(m *core.ConfigureServices) string {
	var b strings.Builder
	fmt.Fprintf(&b, "ConfigureServices /%d r%d", m.Incarnation, m.Revision)
	for _, s := range m.Settings {
		fmt.Fprintf(&b, " %s model %d workers %d batch %d", s.Service, s.Model, s.Replicas, s.MaxBatch)
	}
	return b.String()
}

// RecordLine prints a record.
func RecordLine(rec core.Record) string {
	switch r := rec.(type) {
	case *core.FrameRecord:
		return frameLine(r)
	case *core.StageRecord:
		s := fmt.Sprintf("stage %s %s at %s", CallLine(r.Ref), r.Service, r.On)
		if r.Err != core.CallOK {
			return s + " " + r.Err.String()
		}
		return s + fmt.Sprintf(" encode %s transfer %s wait %s work %s return %s", r.Encode, r.Transfer, r.Wait, r.Work, r.Return)
	case *core.PlanRecord:
		return fmt.Sprintf("plan of query %d: %s", r.Query, PlanLine(&r.Plan))
	case *core.QueryRecord:
		return fmt.Sprintf("query %d %q at %s %s", r.Query, r.Key, r.Node, r.State)
	case *core.RoundRecord:
		return roundLine(r)
	case *core.NodeState:
		up := "down"
		if r.Up {
			up = "up"
		}
		return fmt.Sprintf("node %s/%d %s", r.Node, r.Incarnation, up)
	case *core.NodeSample:
		return fmt.Sprintf("sample of %s cpu %g gpu %g queue %d lost %d", r.Node, r.Load.CPU, r.Load.GPU, r.Queue, r.Lost)
	case *core.ServiceRecord:
		s := &r.Service
		return fmt.Sprintf("service %s at %s: %d/%d busy, queue %d, settings r%d", s.Name, r.Node, s.Busy, s.Workers, s.Queue, s.Revision)
	case *core.LinkRecord:
		return fmt.Sprintf("link %s-%s %g bytes", r.Link.From, r.Link.To, r.Link.Bytes)
	case *core.FaultRecord:
		return fmt.Sprintf("fault %s %s begin %t", r.Kind, r.Target, r.Begin)
	}
	return fmt.Sprintf("%T", rec)
}

func frameLine(r *core.FrameRecord) string {
	var s strings.Builder
	fmt.Fprintf(&s, "frame %d/%d camera frame %d r%d %s", r.Query, r.Frame, r.CameraFrame, r.Revision, r.Outcome)
	if r.Reason != core.ReasonNone {
		fmt.Fprintf(&s, " %s", r.Reason)
	}
	fmt.Fprintf(&s, " after %s", r.Latency)
	for i, t := range r.Breakdown {
		if t != 0 {
			fmt.Fprintf(&s, ", %s %s", core.PartName(i), t)
		}
	}
	return s.String()
}

func roundLine(r *core.RoundRecord) string {
	var s strings.Builder
	fmt.Fprintf(&s, "round %d: %d queries, %d changed", r.Round, r.Queries, r.Changed)
	for _, x := range []struct {
		n    int
		what string
	}{{r.Refused, "refused"}, {r.Invalid, "invalid"}, {r.Settings, "settings"}, {r.Charges, "charges"}} {
		if x.n > 0 {
			fmt.Fprintf(&s, ", %d %s", x.n, x.what)
		}
	}
	return s.String()
}
