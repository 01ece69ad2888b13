package result

import (
	"strconv"

	"vidq/core"
)

// Sink takes records as they come, for a run folder. It must not keep them. Query tells a
// query's key before anything else of that query is told, to a FrameSink too: records
// know the number only, and the manager may never have told the key.
type Sink interface {
	Query(q core.QueryID, key string)
	Record(r core.Record)
}

// FrameSink takes every frame once all is known of it: a done one when the next
// result has taken its place (or the run ended), with its mean accuracy over the
// camera frames that it served; one that was dropped or failed at once, with NaN.
// Frames still in flight at the end are not told. It must not keep r.
type FrameSink interface {
	Frame(r *core.FrameRecord, accuracy float64)
}

// Meta is what a collector is built from.
type Meta struct {
	Scheduler string    // its canonical name with parameters
	Truth     bool      // it is told the truth
	Seed      uint64    // of the run's world
	Warmup    core.Time // what was captured before does not count
	Nodes     []core.NodeID
	Links     []LinkID
	Sink      Sink      // every record that is added; may be nil
	Frames    FrameSink // may be nil
	Series    *Series   // is filled; may be nil
}

// LinkID names one direction of a link.
type LinkID struct{ From, To core.NodeID }

// QueryInfo is what the collector must know of a query before its first frame.
type QueryInfo struct {
	Key         string
	Node        core.NodeID // host
	Mode        core.Mode   // of its camera
	CameraFPS   float64     // camera frames per second, > 0
	CameraPhase core.Time   // live: camera frame k exists at FrameTime(k, CameraPhase, CameraFPS)
	Constraint  core.Constraint
	Start       core.Time // live: its camera frames count from here
}

// Collector makes a Run of the record stream of one simulated or real run. It is
// told everything in the order of time. A run covers [0, end): what happens at the
// instant of its end is outside. It is not safe for concurrent use.
type Collector struct {
	meta    Meta
	queries []*query // by id; nil where there is none
	nodes   sums[core.NodeID, node]
	links   sums[LinkID, link]
	rounds  Overhead[int64]
	switchS float64 // that belongs to no query
}

// NewCollector returns an empty collector.
func NewCollector(m Meta) *Collector {
	c := &Collector{meta: m}
	for _, id := range m.Nodes {
		c.nodes.get(id)
	}
	for _, id := range m.Links {
		c.links.get(id)
	}
	return c
}

// Query makes a query known; it must come before anything else of that query. The
// collector keeps an entry for each id up to q, so ids should be small. A second
// call for the same id changes nothing.
func (c *Collector) Query(q core.QueryID, info QueryInfo) {
	for core.QueryID(len(c.queries)) <= q {
		c.queries = append(c.queries, nil)
	}
	if c.queries[q] == nil {
		c.queries[q] = newQuery(info, c.meta.Warmup, c.meta.Frames)
		c.queries[q].series = c.meta.Series
		if c.meta.Sink != nil {
			c.meta.Sink.Query(q, info.Key)
		}
	}
}

func (c *Collector) query(q core.QueryID) *query {
	if q >= core.QueryID(len(c.queries)) || c.queries[q] == nil {
		panic("result: query " + strconv.FormatUint(uint64(q), 10) + " was not made known")
	}
	return c.queries[q]
}

// Captured tells that a file camera has been read for query q up to, and not
// including, camera frame to. It comes before the records of these frames. Frame
// numbers go on rising when a video begins again. For a live camera it does
// nothing: its camera frames follow from the clock.
func (c *Collector) Captured(q core.QueryID, at core.Time, to int64) {
	c.query(q).read(at, to, c.meta.Warmup)
}

// Missed tells that no job could take the due frames among the live camera frames
// [from, to): those that fps selects (see core.Selected). They count as dropped for
// the reason.
func (c *Collector) Missed(q core.QueryID, reason core.Reason, from, to int64, fps float64) {
	s := c.query(q)
	from = max(from, s.base)
	n := core.SelectedIn(from, to, fps, s.info.CameraFPS)
	s.dropped += n
	s.reasons[reason] += n
	if c.meta.Frames == nil {
		return
	}
	for k := core.Selected(from, fps, s.info.CameraFPS); k < to; k = core.Selected(k+1, fps, s.info.CameraFPS) {
		at := s.clock.at(k)
		c.meta.Frames.Frame(&core.FrameRecord{
			At: at, Node: s.info.Node, Query: q, Frame: -1, CameraFrame: k,
			Captured: at, Gap: 1, Outcome: core.OutcomeDropped, Reason: reason, ContentFrame: -1, Fresh: nan,
		}, nan)
	}
}

// Ended tells that query q was stopped or its video ended: later camera frames are
// not its own.
func (c *Collector) Ended(q core.QueryID, at core.Time) { c.query(q).end(at) }

// InFlight tells, before End, of one frame that was taken at the instant captured and
// that is not finished. A frame that died with its node is not in flight: the
// driver adds a FrameRecord of its own (failed, core.ReasonNodeDown).
func (c *Collector) InFlight(q core.QueryID, captured core.Time) {
	if captured >= c.meta.Warmup {
		c.query(q).inFlight++
	}
}

// SwitchCost adds seconds that were spent on changing over (loading a model,
// draining a pipeline) on behalf of query q, or of none (0).
func (c *Collector) SwitchCost(q core.QueryID, seconds float64) {
	if q == 0 {
		c.switchS += seconds
		return
	}
	c.query(q).switchS += seconds
}

// Add takes a record in. It keeps nothing of it and, once every query has
// seen its usual range of times, does not allocate for frames and stages.
func (c *Collector) Add(r core.Record) {
	switch r := r.(type) {
	case *core.FrameRecord:
		c.query(r.Query).frame(r, c.meta.Warmup, c.meta.Frames)
	case *core.StageRecord:
	case *core.PlanRecord:
		c.query(r.Query).plans.add(&r.Plan, r.At >= c.meta.Warmup)
	case *core.NodeSample:
		c.nodes.get(r.Node).add(r, c.meta.Warmup)
	case *core.LinkRecord:
		c.links.get(LinkID{r.Link.From, r.Link.To}).add(r, c.meta.Warmup)
	case *core.RoundRecord:
		if r.At >= c.meta.Warmup {
			c.rounds.Rounds++
			c.rounds.Invalid += int64(r.Invalid)
		}
	}
	if c.meta.Sink != nil {
		c.meta.Sink.Record(r)
	}
}
