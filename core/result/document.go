package result

import (
	"vidq/core"
)

// Document is what `vidq-sim --json` writes: the runs of one scenario. docs/result.md
// describes every key. Everything but Wall depends only on the scenario, the flags
// and the program.
type Document struct {
	Vidq        string    `json:"vidq"`
	Scenario    string    `json:"scenario"`
	Interrupted bool      `json:"interrupted,omitempty"`
	Runs        []*Run    `json:"runs"`
	Summary     []Summary `json:"summary"`
	Wall        *Wall     `json:"wall,omitempty"`
}

// Run is the outcome of one scheduler on one world.
type Run struct {
	Scheduler   string  `json:"scheduler"`
	Truth       bool    `json:"truth,omitempty"` // the scheduler was told the truth: its figures are a bound, not a rival
	Seed        uint64  `json:"seed"`
	DurationS   float64 `json:"duration_s"`
	WarmupS     float64 `json:"warmup_s"`
	Interrupted bool    `json:"interrupted,omitempty"`
	Events      int64   `json:"events"`
	TraceSHA256 string  `json:"trace_sha256"`
	Outcome
	Queries           []QueryRun         `json:"queries"`
	Nodes             []NodeRun          `json:"nodes"`
	Links             []LinkRun          `json:"links"`
	Fairness          Fairness[*float64] `json:"fairness"`
	SchedulerOverhead Overhead[int64]    `json:"scheduler_overhead"`

	Wall RunWall `json:"-"` // the driver's, in no hash and not in the document
}

// Outcome is what is counted of a query, and of all queries of a run together.
type Outcome struct {
	Frames      Frames[int64]       `json:"frames"`
	DropReasons Reasons             `json:"drop_reasons"`
	LatencyS    Dist[*float64]      `json:"latency_s"`
	DelayS      Dist[*float64]      `json:"delay_s"`
	BreakdownS  Breakdown[*float64] `json:"breakdown_s"`
	Accuracy    Accuracy[*float64]  `json:"accuracy"`
	SLO         SLO[*float64]       `json:"slo"`
	SLOTime     SLO[*float64]       `json:"slo_time"`
	PlanChanges int64               `json:"plan_changes"`
	KnobChanges KnobChanges[int64]  `json:"knob_changes"`
	SwitchCostS float64             `json:"switch_cost_s"`
}

// QueryRun is one query's part of a run.
type QueryRun struct {
	ID         core.QueryID `json:"id"`
	Key        string       `json:"key"`
	Node       core.NodeID  `json:"node"`
	Constraint Constraint   `json:"constraint"`
	Outcome
}

// Constraint is what a query asks; absent bounds are null.
type Constraint struct {
	DelayS   *float64 `json:"delay_s"`
	LatencyS *float64 `json:"latency_s"`
	Accuracy *float64 `json:"accuracy"`
}

// The groups of figures come in two forms with the same keys: of values in a run,
// and of Stats over several runs in a summary.
type (
	// Frames counts camera frames (Captured) and those of them that were due, by what
	// became of them.
	Frames[T any] struct {
		Captured T `json:"captured"`
		Due      T `json:"due"`
		Done     T `json:"done"`
		Dropped  T `json:"dropped"`
		Failed   T `json:"failed"`
		InFlight T `json:"in_flight"`
	}
	// Dist tells how a time is distributed, in seconds.
	Dist[T any] struct {
		Mean T `json:"mean"`
		P50  T `json:"p50"`
		P95  T `json:"p95"`
		P99  T `json:"p99"`
		Max  T `json:"max"`
	}
	// Breakdown tells where the mean latency of done frames was spent, in seconds.
	Breakdown[T any] struct {
		QueueCamera  T `json:"queue_camera"`
		Encode       T `json:"encode"`
		Transfer     T `json:"transfer"`
		QueueService T `json:"queue_service"`
		Compute      T `json:"compute"`
		Return       T `json:"return"`
	}
	// Accuracy is that of camera frames.
	Accuracy[T any] struct {
		Mean T `json:"mean"`
		P5   T `json:"p5"`
	}
	// SLO is the share that meets each constraint, and all that the query has.
	SLO[T any] struct {
		Delay    T `json:"delay"`
		Latency  T `json:"latency"`
		Accuracy T `json:"accuracy"`
		Joint    T `json:"joint"`
	}
	// KnobChanges counts changes of plan by what they changed.
	KnobChanges[T any] struct {
		FPS        T `json:"fps"`
		Resolution T `json:"resolution"`
		Encoder    T `json:"encoder"`
		Quality    T `json:"quality"`
		Placement  T `json:"placement"`
		Model      T `json:"model"`
		InFlight   T `json:"in_flight"`
		Buffer     T `json:"buffer"`
		Pace       T `json:"pace"`
		Refused    T `json:"refused"`
	}
	// Fairness compares the queries' slo_time.joint.
	Fairness[T any] struct {
		JainSLO  T `json:"jain_slo"`
		WorstSLO T `json:"worst_slo"`
	}
	// Overhead counts what the scheduler did.
	Overhead[T any] struct {
		Rounds  T `json:"rounds"`
		Invalid T `json:"invalid"`
	}
)

// NodeRun is what a node spent.
type NodeRun struct {
	ID             core.NodeID `json:"id"`
	Utilization    *float64    `json:"utilization"`
	CPUUtilization *float64    `json:"cpu_utilization"`
	GPUUtilization *float64    `json:"gpu_utilization"`
	EnergyJ        float64     `json:"energy_j"`
	QueueMax       int         `json:"queue_max"`
	ResultsLost    int64       `json:"results_lost"`
}

// LinkRun is what a link carried in one direction.
type LinkRun struct {
	From        core.NodeID `json:"from"`
	To          core.NodeID `json:"to"`
	Bytes       float64     `json:"bytes"`
	Utilization *float64    `json:"utilization"`
}

// Wall is what the machine took. It is outside every hash and differs from run to
// run.
type Wall struct {
	ElapsedS   float64                  `json:"elapsed_s"`
	EventsPerS float64                  `json:"events_per_s"`
	DecisionS  map[string]Dist[float64] `json:"decision_s"` // by scheduler
}

// RunWall is one run's part of Wall.
type RunWall struct {
	Elapsed  core.Time // wall time of the run
	Decision Histogram // wall time of each call of the scheduler
}

// DistOf sums up h in seconds; all zero if it is empty.
func DistOf(h *Histogram) Dist[float64] {
	if h.Count() == 0 {
		return Dist[float64]{}
	}
	return Dist[float64]{
		h.Mean(), h.Quantile(.5).Seconds(), h.Quantile(.95).Seconds(),
		h.Quantile(.99).Seconds(), h.Max().Seconds(),
	}
}
