package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"vidq/core"
)

// batch is a save as rows. Its values are checked: what is wrong with a save is
// found before the database sees it, so that it cannot spoil a transaction that
// it shares.
type batch struct {
	queries []queryRow
	nodes   []nodeRow
	results [][]any // ids and instants of storing are filled in by the transaction
	kept    []Result
}

// queryRow is the row of a query.
type queryRow struct {
	id    core.QueryID
	ended bool
	row   []any
}

// nodeRow is the row of a node.
type nodeRow struct {
	node core.NodeID
	row  []any
}

// Columns of a result's row that the transaction fills in.
const (
	resultID     = 0
	resultStored = 21
	queryStored  = 13
)

// encode makes rows of changes.
func encode(changes []core.Change) (*batch, error) {
	b := &batch{}
	for i := range changes {
		var err error
		switch c := &changes[i]; {
		case c.Kind == core.ChangeQuery && c.Query != nil:
			err = b.addQuery(c.Query)
		case c.Kind == core.ChangeNode:
			err = b.addNode(&c.Node)
		case c.Kind == core.ChangeResult && c.Result != nil:
			err = b.addResults(c.Result)
		default:
			err = fmt.Errorf("change %d of the save is of an unknown kind (%d), or empty", i+1, c.Kind)
		}
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *batch) addQuery(s *core.SavedQuery) error {
	q := &s.Query
	c := checker{of: "query " + strconv.FormatUint(uint64(q.ID), 10)}
	if q.ID == 0 {
		c.fail("has no id")
	}
	if s.State > core.StateFailed {
		c.fail("is in no known state")
		return c.err
	}
	if a := q.Constraint.Accuracy; math.IsNaN(a) || math.IsInf(a, 0) {
		c.fail("has an accuracy bound that is not a number")
	}
	for i := range q.Pipeline {
		c.text("stage", q.Pipeline[i].Name)
		c.text("service", q.Pipeline[i].Service)
	}
	pipeline, err := encodePipeline(q.Pipeline)
	if err != nil {
		c.fail("has a pipeline that cannot be stored: " + err.Error())
	}
	plan, err := encodePlan(&s.Plan)
	if err != nil {
		c.fail("has a plan that cannot be stored: " + err.Error())
	}
	row := []any{
		c.number("id", uint64(q.ID)), c.text("key", q.Key), c.text("node", string(q.Node)), c.text("camera", string(q.Camera)),
		s.State.String(), int64(s.Since), s.Next,
		int64(q.Constraint.Delay), int64(q.Constraint.Latency), q.Constraint.Accuracy,
		c.text("pipeline", pipeline), c.number("revision", s.Plan.Revision), c.text("plan", plan), nil,
	}
	b.queries = append(b.queries, queryRow{q.ID, s.State.Ended(), row})
	return c.err
}

func (b *batch) addNode(n *core.SavedNode) error {
	c := checker{of: "node " + strconv.Quote(string(n.Node))}
	b.nodes = append(b.nodes, nodeRow{n.Node, []any{
		c.text("name", string(n.Node)), c.number("incarnation", uint64(n.Incarnation)), c.number("result number", n.Seq),
	}})
	return c.err
}

func (b *batch) addResults(s *core.SavedResult) error {
	c := checker{of: "a result of node " + strconv.Quote(string(s.Node))}
	node := c.text("name", string(s.Node))
	incarnation := c.number("incarnation", uint64(s.Incarnation))
	var calls []byte
	for i := range s.Results {
		r := &s.Results[i]
		o := &r.Obs
		if r.Outcome > core.OutcomeFailed || int(r.Reason) >= core.NumReasons {
			c.fail("has no known outcome or reason")
			return c.err
		}
		calls = appendCalls(calls[:0], o.Calls)
		b.results = append(b.results, []any{
			nil, c.number("query", uint64(o.Query)), node, incarnation, c.number("result number", r.Seq),
			r.Outcome.String(), r.Reason.String(), r.CameraFrame, int64(r.Captured),
			o.Frame, c.number("revision", o.Revision), int64(o.At), int64(o.Latency),
			int64(o.RoundTrip), o.Gap, int64(o.Encode),
			finite(o.Objects), finite(o.Size), finite(o.Area), o.Known,
			c.text("call's node", string(calls)), nil,
		})
		b.kept = append(b.kept, Result{Node: s.Node, Incarnation: s.Incarnation, Result: *r})
	}
	return c.err
}

// checker collects the first thing that a database could not keep as it is.
type checker struct {
	of  string
	err error
}

func (c *checker) fail(what string) {
	if c.err == nil {
		c.err = errors.New(c.of + " " + what)
	}
}

// number checks that a number fits an integer of the databases.
func (c *checker) number(name string, v uint64) int64 {
	if v > math.MaxInt64 {
		c.fail("has a " + name + " that is out of range: " + strconv.FormatUint(v, 10))
	}
	return int64(v)
}

// text checks that a text is UTF-8 without zero bytes, which PostgreSQL refuses.
func (c *checker) text(name, v string) string {
	if !utf8.ValidString(v) || strings.IndexByte(v, 0) >= 0 {
		c.fail("has a " + name + " that is not UTF-8 text: " + strconv.Quote(v))
	}
	return v
}

// finite returns nil for what is not a finite number.
func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// The JSON of pipelines and plans.
type (
	stageJSON struct {
		Name    string `json:"name"`
		Service string `json:"service"`
		Parents []int  `json:"parents,omitempty"`
	}
	planJSON struct {
		Revision uint64           `json:"revision"`
		Width    uint16           `json:"width"`
		Height   uint16           `json:"height"`
		FPS      float64          `json:"fps"`
		Encoder  string           `json:"encoder"`
		Quality  int              `json:"quality"`
		Stages   []assignmentJSON `json:"stages"`
		InFlight int              `json:"in_flight"`
		Buffer   int              `json:"buffer"`
		Pace     float64          `json:"pace_bytes_per_second"`
		Refused  bool             `json:"refused,omitempty"`
		Hash     uint64           `json:"hash"`
	}
	assignmentJSON struct {
		Node  core.NodeID `json:"node"`
		Model int         `json:"model"`
	}
)

func encodePipeline(p core.Pipeline) (string, error) {
	stages := make([]stageJSON, len(p))
	for i, s := range p {
		stages[i] = stageJSON(s)
	}
	text, err := json.Marshal(stages)
	return string(text), err
}

func decodePipeline(text string) (core.Pipeline, error) {
	var stages []stageJSON
	if err := json.Unmarshal([]byte(text), &stages); err != nil || len(stages) == 0 {
		return nil, err
	}
	p := make(core.Pipeline, len(stages))
	for i, s := range stages {
		p[i] = core.Stage(s)
	}
	return p, nil
}

func encodePlan(p *core.Plan) (string, error) {
	j := planJSON{
		Revision: p.Revision, Width: p.Video.Resolution.Width, Height: p.Video.Resolution.Height, FPS: p.Video.FPS,
		Encoder: p.Video.Encoder, Quality: p.Video.Quality, Stages: make([]assignmentJSON, len(p.Stages)),
		InFlight: p.InFlight, Buffer: p.Buffer, Pace: p.Pace, Refused: p.Refused, Hash: p.Hash,
	}
	for i, a := range p.Stages {
		j.Stages[i] = assignmentJSON(a)
	}
	text, err := json.Marshal(&j)
	return string(text), err
}

func decodePlan(text string) (core.Plan, error) {
	var j planJSON
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return core.Plan{}, err
	}
	p := core.Plan{
		Revision: j.Revision,
		Video: core.VideoConf{
			Resolution: core.Resolution{Width: j.Width, Height: j.Height}, FPS: j.FPS, Encoder: j.Encoder, Quality: j.Quality,
		},
		InFlight: j.InFlight, Buffer: j.Buffer, Pace: j.Pace, Refused: j.Refused, Hash: j.Hash,
	}
	for _, a := range j.Stages {
		p.Stages = append(p.Stages, core.Assignment(a))
	}
	return p, nil
}
