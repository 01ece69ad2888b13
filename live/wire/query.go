package wire

import (
	"net/http"

	"vidq/core"
)

// Constraint is what a user asks of results. What is missing is unbounded.
type Constraint struct {
	Delay    *float64 `json:"delay,omitzero" doc:"Bound of the amortised delay, seconds." above:"0" max:"1e9"`
	Accuracy *float64 `json:"accuracy,omitzero" doc:"Lower bound of accuracy." min:"0" max:"1"`
	Latency  *float64 `json:"latency,omitzero" doc:"Bound of capture to result, seconds; vidq's." above:"0" max:"1e9"`
	*ConstraintExtra
}

// ConstraintExtra holds a constraint's times to the nanosecond; they count where
// both are told. 0 = unbounded.
type ConstraintExtra struct {
	DelayNS   core.Time `json:"delay_ns"`
	LatencyNS core.Time `json:"latency_ns"`
}

// FromConstraint returns a constraint.
func FromConstraint(c core.Constraint) Constraint {
	out := Constraint{ConstraintExtra: &ConstraintExtra{c.Delay, c.Latency}}
	seconds := func(t core.Time) *float64 {
		if t <= 0 {
			return nil
		}
		s := min(t.Seconds(), 1e9)
		return &s
	}
	out.Delay, out.Latency = seconds(c.Delay), seconds(c.Latency)
	if c.Accuracy != 0 {
		out.Accuracy = &c.Accuracy
	}
	return out
}

// Core returns the constraint.
func (c *Constraint) Core() core.Constraint {
	var out core.Constraint
	if c.Accuracy != nil {
		out.Accuracy = *c.Accuracy
	}
	if x := c.ConstraintExtra; x != nil {
		out.Delay, out.Latency = x.DelayNS, x.LatencyNS
		return out
	}
	bound := func(s *float64) core.Time {
		if s == nil {
			return 0
		}
		return max(core.FromSeconds(*s), 1) // 0 would be no bound
	}
	out.Delay, out.Latency = bound(c.Delay), bound(c.Latency)
	return out
}

// SubmitQuery asks for a query: POST /query/submit_query.
type SubmitQuery struct {
	NodeAddr       string     `json:"node_addr,omitzero" unless:"node_id" doc:"The node that holds the video, as get_video_info tells it." most:"256"`
	VideoID        *int       `json:"video_id,omitzero" unless:"camera_id" min:"0"`
	Pipeline       []string   `json:"pipeline" doc:"Services, each fed with the output of the one before." most:"32"`
	UserConstraint Constraint `json:"user_constraint"`
	*SubmitExtra
}

// SubmitExtra is what vidq adds to a SubmitQuery.
type SubmitExtra struct {
	PlaceExtra
	Stages  []Stage `json:"stages,omitzero" doc:"The pipeline with its branches and names, if it is not a mere list; stage i calls pipeline[i]." most:"32"`
	Key     string  `json:"key,omitzero" doc:"Idempotency key: a second submission with the same key is the same query." most:"256"`
	Request uint64  `json:"request,omitzero" doc:"Comes back in the answer."`
}

// FromSubmitQuery returns the request for a query.
func FromSubmitQuery(m *core.SubmitQuery, b Book) *SubmitQuery {
	out := &SubmitQuery{UserConstraint: FromConstraint(m.Query.Constraint), SubmitExtra: &SubmitExtra{Key: m.Query.Key, Request: m.Request}}
	out.NodeAddr, out.VideoID, out.PlaceExtra = placeFor(b, m.Query.Node, m.Query.Camera)
	out.Pipeline, out.Stages = FromPipeline(m.Query.Pipeline)
	return out
}

// Core returns the request. Errors have status 404 (an unknown node or video) or 422
// (a pipeline that is none).
func (s *SubmitQuery) Core(b Book) (*core.SubmitQuery, error) {
	var x SubmitExtra
	if s.SubmitExtra != nil {
		x = *s.SubmitExtra
	}
	m := &core.SubmitQuery{Request: x.Request, Query: core.Query{Key: x.Key, Constraint: s.UserConstraint.Core()}}
	var err error
	if m.Query.Pipeline, err = pipeline(s.Pipeline, x.Stages); err != nil {
		return nil, err
	}
	m.Query.Node, m.Query.Camera, err = placeOf(b, s.NodeAddr, s.VideoID, &x.PlaceExtra)
	return m, err
}

// SubmitAnswer answers a SubmitQuery.
type SubmitAnswer struct {
	Status    int    `json:"status" doc:"0 = accepted."`
	Msg       string `json:"msg,omitzero" unless:"error"`
	QueryID   ID     `json:"query_id,omitzero" unless:"error"`
	RSidechan string `json:"r_sidechan,omitzero" unless:"error" doc:"What the side channel answered."`
	Err       string `json:"error,omitzero"`
	*RequestExtra
}

// RequestExtra tells which request is answered.
type RequestExtra struct {
	Request uint64 `json:"request"`
}

// FromSubmitAnswer returns the answer to a SubmitQuery. sideAddr is the address of the node's side
// channel, which the original tells here. A refused query is better answered by Refusal, which knows the HTTP
// status.
func FromSubmitAnswer(m *core.SubmitAnswer, sideAddr string) *SubmitAnswer {
	a := &SubmitAnswer{QueryID: ID(m.Query), RequestExtra: &RequestExtra{m.Request}}
	if m.Err != "" {
		a.Status, a.Err = 1, m.Err
		return a
	}
	a.Msg = "submitted to (cloud) manager from api: /query/submit_query"
	told, err := Encode(FromAddrUpdate(m.Query, sideAddr).Answer())
	if err != nil {
		panic("wire: an id and an address are text: " + err.Error())
	}
	a.RSidechan = string(told)
	return a
}

// Core returns the answer.
func (a *SubmitAnswer) Core() *core.SubmitAnswer {
	return &core.SubmitAnswer{Request: a.number(), Query: core.QueryID(a.QueryID), Err: a.Err}
}

func (x *RequestExtra) number() uint64 {
	if x == nil {
		return 0
	}
	return x.Request
}

// StopQuery is the body of POST /query/stop_query/ID, which may be missing.
type StopQuery struct {
	Request uint64 `json:"request,omitzero" doc:"Comes back in the answer."`
}

// FromStopQuery returns the id for the path and the body.
func FromStopQuery(m *core.StopQuery) (id string, body *StopQuery) {
	return FormatID(m.Query), &StopQuery{m.Request}
}

// Core returns the request; id is the path's.
func (s *StopQuery) Core(id string) (*core.StopQuery, error) {
	q, err := ParseID(id)
	if err != nil {
		return nil, err
	}
	return &core.StopQuery{Request: s.Request, Query: q}, nil
}

// StopAnswer answers a StopQuery.
type StopAnswer struct {
	Status  int    `json:"status" doc:"0 = the query has ended for good."`
	Msg     string `json:"msg,omitzero" unless:"error"`
	QueryID ID     `json:"query_id"`
	Err     string `json:"error,omitzero"`
	*RequestExtra
}

// FromStopAnswer returns the answer to a StopQuery.
func FromStopAnswer(m *core.StopAnswer) *StopAnswer {
	a := &StopAnswer{QueryID: ID(m.Query), RequestExtra: &RequestExtra{m.Request}, Err: m.Err}
	if m.Err != "" {
		a.Status = 1
	} else {
		a.Msg = "the query has ended"
	}
	return a
}

// Core returns the answer.
func (a *StopAnswer) Core() *core.StopAnswer {
	return &core.StopAnswer{Request: a.number(), Query: core.QueryID(a.QueryID), Err: a.Err}
}

// QueryList answers GET /query/list: a page of queries, ascending by id.
type QueryList struct {
	Queries []QueryRow `json:"queries"`
	Next    ID         `json:"next,omitzero" doc:"Ask for the next page with after=next; missing on the last."`
}

// QueryRow is a query in a QueryList.
type QueryRow struct {
	QueryID        ID         `json:"query_id"`
	NodeAddr       string     `json:"node_addr"`
	VideoID        int        `json:"video_id"`
	Pipeline       []string   `json:"pipeline"`
	UserConstraint Constraint `json:"user_constraint"`
	State          int        `json:"state" doc:"0 unscheduled, 1 ready, 2 running, 3 done, 4 stopped, 5 failed." min:"0" max:"5"`
	StateName      State      `json:"state_name"`
	FramesDone     int64      `json:"frames_done"`
	SubmittedAt    float64    `json:"submitted_at" doc:"Seconds since 1970."`
	*SubmitExtra
}

// FromQuery returns a row of the list of queries. framesDone and submittedAt (seconds since 1970) are the
// driver's to know.
func FromQuery(q *core.Query, s core.State, b Book, framesDone int64, submittedAt float64) QueryRow {
	r := QueryRow{
		QueryID: ID(q.ID), UserConstraint: FromConstraint(q.Constraint), State: int(s), StateName: State(s),
		FramesDone: framesDone, SubmittedAt: submittedAt, SubmitExtra: &SubmitExtra{Key: q.Key},
	}
	var video *int
	r.NodeAddr, video, r.PlaceExtra = placeFor(b, q.Node, q.Camera)
	if video != nil {
		r.VideoID = *video
	}
	r.Pipeline, r.Stages = FromPipeline(q.Pipeline)
	return r
}

// Page is what GET /query/list and /job/list are asked for.
type Page struct {
	After core.QueryID // only queries beyond it
	Limit int          // rows, 1..MaxPage
}

// MaxPage bounds the rows of a page, DefaultPage is what is given unasked.
const (
	MaxPage     = 1000
	DefaultPage = 100
)

// ParsePage reads the query parameters after and limit; "" = not given. Errors have status 400.
func ParsePage(after, limit string) (Page, error) {
	p := Page{Limit: DefaultPage}
	if after != "" {
		id, err := ParseID(after)
		if err != nil {
			return p, Errorf(http.StatusBadRequest, "after is %q, want an id like GLOBAL_ID_1", shorten(after, 60))
		}
		p.After = id
	}
	if limit != "" {
		n := 0
		for _, c := range []byte(limit) {
			if n = n*10 + int(c-'0'); c < '0' || c > '9' || n > MaxPage {
				n = 0
				break
			}
		}
		if n == 0 {
			return p, Errorf(http.StatusBadRequest, "limit is %q, want an integer from 1 to %d", shorten(limit, 60), MaxPage)
		}
		p.Limit = n
	}
	return p, nil
}
