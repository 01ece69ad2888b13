package wire

import (
	"net/http"

	"vidq/core"
)

// SubmitJob gives a node a query to serve: POST /job/submit_job.
type SubmitJob struct {
	JobUID         ID         `json:"job_uid"`
	NodeAddr       string     `json:"node_addr,omitzero" unless:"node_id" most:"256"`
	VideoID        *int       `json:"video_id,omitzero" unless:"camera_id" min:"0"`
	Pipeline       []string   `json:"pipeline" most:"32"`
	UserConstraint Constraint `json:"user_constraint"`
	*SubmitJobExtra
}

// SubmitJobExtra is what vidq adds to a SubmitJob.
type SubmitJobExtra struct {
	PlaceExtra
	Stages      []Stage `json:"stages,omitzero" most:"32"`
	Key         string  `json:"key,omitzero" most:"256"`
	Incarnation uint64  `json:"incarnation" doc:"Of the node that is meant."`
	From        int64   `json:"from" doc:"First camera frame to take."`
	Plan        *Plan   `json:"plan" doc:"null = none yet."`
}

// FromSubmitJob returns the order to serve a query.
func FromSubmitJob(m *core.SubmitJob, b Book) *SubmitJob {
	q := &m.Query
	out := &SubmitJob{
		JobUID: ID(q.ID), UserConstraint: FromConstraint(q.Constraint),
		SubmitJobExtra: &SubmitJobExtra{Key: q.Key, Incarnation: uint64(m.Incarnation), From: m.From},
	}
	out.NodeAddr, out.VideoID, out.PlaceExtra = placeFor(b, q.Node, q.Camera)
	out.Pipeline, out.Stages = FromPipeline(q.Pipeline)
	if m.Plan.Revision > 0 {
		p := FromPlan(&m.Plan, q, b)
		out.Plan = &p
	}
	return out
}

// Core returns the order. vidq false says that it comes from a manager of the
// original: the driver then fills in its node's incarnation. Errors have
// status 404 or 422.
func (s *SubmitJob) Core(b Book) (m *core.SubmitJob, vidq bool, err error) {
	var x SubmitJobExtra
	if s.SubmitJobExtra != nil {
		x, vidq = *s.SubmitJobExtra, true
	}
	m = &core.SubmitJob{
		Incarnation: core.Incarnation(x.Incarnation), From: x.From,
		Query: core.Query{ID: core.QueryID(s.JobUID), Key: x.Key, Constraint: s.UserConstraint.Core()},
	}
	q := &m.Query
	if q.Pipeline, err = pipeline(s.Pipeline, x.Stages); err != nil {
		return nil, vidq, err
	}
	if q.Node, q.Camera, err = placeOf(b, s.NodeAddr, s.VideoID, &x.PlaceExtra); err != nil {
		return nil, vidq, err
	}
	if x.Plan != nil {
		m.Plan, err = x.Plan.Core(q, b)
	}
	return m, vidq, err
}

// UpdatePlan changes a job's plan: POST /job/update_plan.
type UpdatePlan struct {
	JobUID      ID          `json:"job_uid"`
	VideoConf   VideoConf   `json:"video_conf"`
	FlowMapping FlowMapping `json:"flow_mapping" doc:"By service. Where two stages call one service, it tells the first one's; stages tells both."`
	*UpdateExtra
}

// UpdateExtra is what vidq adds to an UpdatePlan.
type UpdateExtra struct {
	Incarnation uint64 `json:"incarnation" doc:"Of the node that is meant."`
	PlanExtra
}

// FromUpdatePlan returns the order to change a plan. q is the query whose plan it is. A plan
// without revision is none and panics: it cannot be ordered.
func FromUpdatePlan(m *core.UpdatePlan, q *core.Query, b Book) *UpdatePlan {
	p := FromPlan(&m.Plan, q, b)
	if p.PlanExtra == nil {
		panic("wire: UpdatePlan without a plan")
	}
	return &UpdatePlan{
		JobUID: ID(m.Query), VideoConf: *p.VideoConf, FlowMapping: *p.FlowMapping,
		UpdateExtra: &UpdateExtra{uint64(m.Incarnation), *p.PlanExtra},
	}
}

// Core returns the order. q is the query as the node knows it, nil = it does not:
// status 404 unless the order comes from vidq, which tells all itself. vidq
// false says that it comes from a manager of the original: the driver then fills in its node's incarnation and the
// plan's next revision.
func (u *UpdatePlan) Core(q *core.Query, b Book) (m *core.UpdatePlan, vidq bool, err error) {
	p := Plan{VideoConf: &u.VideoConf, FlowMapping: &u.FlowMapping}
	m = &core.UpdatePlan{Query: core.QueryID(u.JobUID)}
	if x := u.UpdateExtra; x != nil {
		vidq = true
		m.Incarnation, p.PlanExtra = core.Incarnation(x.Incarnation), &x.PlanExtra
	} else if q == nil {
		return nil, false, Errorf(http.StatusNotFound, "there is no job %s here; submit it first", FormatID(m.Query))
	}
	m.Plan, err = p.Core(q, b)
	return m, vidq, err
}

// StopJob ends a job: POST /job/stop_job.
type StopJob struct {
	JobUID      ID     `json:"job_uid"`
	Incarnation uint64 `json:"incarnation" doc:"Of the node that is meant."`
}

// FromStopJob returns the order to end a job.
func FromStopJob(m *core.StopJob) *StopJob { return &StopJob{ID(m.Query), uint64(m.Incarnation)} }

// Core returns the order.
func (s *StopJob) Core() *core.StopJob {
	return &core.StopJob{Incarnation: core.Incarnation(s.Incarnation), Query: core.QueryID(s.JobUID)}
}

// JobAnswer answers SubmitJob.
type JobAnswer struct {
	Status int    `json:"status"`
	Msg    string `json:"msg"`
	JobUID ID     `json:"job_uid"`
	*JobAckExtra
}

// PlanAnswer answers UpdatePlan and StopJob.
type PlanAnswer struct {
	Status int    `json:"status"`
	Msg    string `json:"msg"`
	*JobAckExtra
}

// JobAckExtra tells what the node now has of a query.
type JobAckExtra struct {
	NodeID      string    `json:"node_id" most:"256"`
	Incarnation uint64    `json:"incarnation"`
	Job         JobStatus `json:"job"`
}

func fromJobAck(m *core.JobAck) *JobAckExtra {
	return &JobAckExtra{string(m.Node), uint64(m.Incarnation), FromJobStatus(m.Job)}
}

// Core returns the acknowledgement; nil if the node is the original's.
func (x *JobAckExtra) Core() *core.JobAck {
	if x == nil {
		return nil
	}
	return &core.JobAck{Node: core.NodeID(x.NodeID), Incarnation: core.Incarnation(x.Incarnation), Job: x.Job.core()}
}

// AnswerSubmitJob returns the answer to a SubmitJob.
func AnswerSubmitJob(m *core.JobAck) *JobAnswer {
	return &JobAnswer{Msg: "submitted to manager from api: node/submit_job", JobUID: ID(m.Job.Query), JobAckExtra: fromJobAck(m)}
}

// AnswerUpdatePlan returns the answer to an UpdatePlan.
func AnswerUpdatePlan(m *core.JobAck) *PlanAnswer {
	return &PlanAnswer{Msg: "node updated plan (manager.update_job_plan)", JobAckExtra: fromJobAck(m)}
}

// AnswerStopJob returns the answer to a StopJob.
func AnswerStopJob(m *core.JobAck) *PlanAnswer {
	return &PlanAnswer{Msg: "the job has ended", JobAckExtra: fromJobAck(m)}
}

// ConfigureServices sets how a node's services run: POST /configure_services. Which revision
// a service runs is told by the node's heartbeats.
type ConfigureServices struct {
	Incarnation uint64    `json:"incarnation" doc:"Of the node that is meant."`
	Revision    uint64    `json:"revision"`
	Settings    []Setting `json:"settings,omitzero"`
}

// Setting is how a service is to run at a node.
type Setting struct {
	NodeID   string `json:"node_id" most:"256"`
	Service  string `json:"service" most:"256"`
	ModelID  int    `json:"model_id"`
	Replicas int    `json:"replicas" doc:"Workers."`
	MaxBatch int    `json:"max_batch"`
}

// FromConfigureServices returns the settings of a node's services.
func FromConfigureServices(m *core.ConfigureServices) *ConfigureServices {
	return &ConfigureServices{uint64(m.Incarnation), m.Revision, each(m.Settings, func(s core.ServiceSetting) Setting {
		return Setting{string(s.Node), s.Service, s.Model, s.Replicas, s.MaxBatch}
	})}
}

// Core returns the settings.
func (c *ConfigureServices) Core() *core.ConfigureServices {
	return &core.ConfigureServices{
		Incarnation: core.Incarnation(c.Incarnation), Revision: c.Revision,
		Settings: each(c.Settings, func(s Setting) core.ServiceSetting {
			return core.ServiceSetting{Node: core.NodeID(s.NodeID), Service: s.Service, Model: s.ModelID, Replicas: s.Replicas, MaxBatch: s.MaxBatch}
		}),
	}
}

// ChargeWork makes a node spend work that the scheduler causes: POST /job/charge_work.
type ChargeWork struct {
	Incarnation uint64      `json:"incarnation" doc:"Of the node that is meant."`
	Number      uint64      `json:"number" doc:"Counts from 1; one that is not the next is ignored."`
	JobUID      ID          `json:"job_uid,omitzero" doc:"The query whose content is analysed; missing = none."`
	NodeID      string      `json:"node_id" most:"256"`
	Service     string      `json:"service" most:"256"`
	ModelID     int         `json:"model_id"`
	Resolution  *Resolution `json:"resolution,omitzero" doc:"Missing = none told."`
	Calls       int         `json:"calls"`
}

// FromChargeWork returns charged work.
func FromChargeWork(m *core.ChargeWork) *ChargeWork {
	c := &m.Charge
	out := &ChargeWork{
		Incarnation: uint64(m.Incarnation), Number: m.Number, JobUID: ID(c.Query), NodeID: string(c.Node), Service: c.Service,
		ModelID: c.Model, Calls: c.Calls,
	}
	if c.Resolution.Pixels() > 0 {
		r := Resolution(c.Resolution)
		out.Resolution = &r
	}
	return out
}

// Core returns the charged work.
func (c *ChargeWork) Core() *core.ChargeWork {
	m := &core.ChargeWork{
		Incarnation: core.Incarnation(c.Incarnation), Number: c.Number,
		Charge: core.Charge{
			Query: core.QueryID(c.JobUID), Node: core.NodeID(c.NodeID), Service: c.Service, Model: c.ModelID, Calls: c.Calls,
		},
	}
	if c.Resolution != nil {
		m.Charge.Resolution = core.Resolution(*c.Resolution)
	}
	return m
}

// Answer answers what needs no more than that it arrived.
type Answer struct {
	Status int    `json:"status"`
	Msg    string `json:"msg"`
}

// JobList answers GET /job/list: a page of the node's jobs, ascending by query.
type JobList struct {
	Jobs []JobStatus `json:"jobs"`
	Next ID          `json:"next,omitzero" doc:"Ask for the next page with after=next; missing on the last."`
}
