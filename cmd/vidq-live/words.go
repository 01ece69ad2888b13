package main

import (
	"fmt"
	"strconv"
	"strings"

	"vidq/core"
	"vidq/internal/cli"
	"vidq/live/wire"
)

// planWords says a plan in words: size, rate and where the stages run.
func planWords(p *wire.Plan) string {
	switch {
	case p.VideoConf == nil:
		return "without a plan"
	case p.PlanExtra != nil && p.Refused:
		return "refused"
	}
	text := core.Resolution(p.VideoConf.Resolution).String() + " " + number(p.VideoConf.FPS) + " fps"
	if p.PlanExtra == nil {
		return text
	}
	var places []string
	for i, s := range p.Stages {
		place := s.Stage + at(&p.Stages[i])
		if s.Stage == "" { // of a query that is known elsewhere
			place = strconv.Itoa(i+1) + at(&p.Stages[i])
		}
		places = append(places, place)
	}
	if len(places) > 1 && one(p.Stages) {
		places = []string{"all" + at(&p.Stages[0])}
	}
	return text + " " + strings.Join(places, " ")
}

// at says where a stage runs, and with which model if it is not the best.
func at(s *wire.StageAssignment) string {
	if s.ModelID != 0 {
		return fmt.Sprintf("/%d@%s", s.ModelID, s.NodeID)
	}
	return "@" + s.NodeID
}

// one reports whether all stages run in one place with one model.
func one(all []wire.StageAssignment) bool {
	for i := range all {
		if all[i].NodeID != all[0].NodeID || all[i].ModelID != all[0].ModelID {
			return false
		}
	}
	return true
}

// constraintWords says what a query asks.
func constraintWords(c *wire.Constraint) string {
	var parts []string
	if k := c.Core(); k.Delay > 0 {
		parts = append(parts, "delay <= "+ms(k.Delay))
	}
	if k := c.Core(); k.Latency > 0 {
		parts = append(parts, "latency <= "+ms(k.Latency))
	}
	if c.Accuracy != nil {
		parts = append(parts, "accuracy >= "+number(*c.Accuracy))
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

// nameOf is what people know a query by: the scenario's name for it, or its id.
func nameOf(q *wire.QueryRow) string {
	if q.SubmitExtra != nil {
		if _, name, ok := strings.Cut(q.Key, "/"); ok {
			return name
		}
	}
	return wire.FormatID(core.QueryID(q.QueryID))
}

func ms(t core.Time) string {
	return strconv.FormatFloat(float64(t)/float64(core.Millisecond), 'f', 0, 64) + " ms"
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

// amount is a number of things.
func amount(n int, one, many string) string {
	if n == 1 {
		many = one
	}
	return strconv.Itoa(n) + " " + many
}

// table sets rows whose cells end in tabs into columns.
func table(rows string) string {
	var b strings.Builder
	for line := range strings.Lines(cli.Align(rows, 0)) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return b.String()
}

// nobody is the book of who knows no addresses.
type nobody struct{}

func (nobody) Addr(core.NodeID) string                           { return "" }
func (nobody) NodeAt(string) (core.NodeID, bool)                 { return "", false }
func (nobody) Role(core.NodeID) core.Role                        { return core.RoleEdge }
func (nobody) Video(core.NodeID, core.CameraID) (int, bool)      { return 0, false }
func (nobody) Camera(core.NodeID, int) (c core.CameraID, b bool) { return "", false }
