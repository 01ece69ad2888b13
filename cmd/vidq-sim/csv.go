package main

import (
	"bufio"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"

	"vidq/core"
)

// The columns of the tables. Times are seconds of simulated time to the nanosecond;
// a cell without a value is empty.
const (
	frameColumns = "scheduler,seed,query,frame,camera_frame,content_frame,captured_s,at_s,outcome,reason," +
		"revision,fps,resolution,encoder,quality,gap,latency_s,round_trip_s," +
		"queue_camera_s,encode_s,transfer_s,queue_service_s,compute_s,return_s," +
		"objects,area,attempts,fresh,accuracy"
	planColumns = "scheduler,seed,at_s,query,node,revision,fps,resolution,encoder,quality,in_flight,buffer," +
		"pace_bytes_per_s,refused,stages"
	nodeColumns = "scheduler,seed,at_s,node,cpu,gpu,memory_bytes,power_w,energy_j,queue,results_lost"
	linkColumns = "scheduler,seed,at_s,from,to,bytes,utilization,rate_bytes_per_s"
)

// runFiles writes one run's rows of the run folder's tables. It is the run's
// result.Sink and result.FrameSink; the first error is kept until close.
type runFiles struct {
	prefix                      []byte // scheduler and seed
	frames, plans, nodes, links *rows
	keys                        map[core.QueryID]string
}

// rows writes one table.
type rows struct {
	file io.WriteCloser
	w    *bufio.Writer
	line []byte
	err  error
}

func newRunFiles(scheduler string, seed uint64, create func(name string) (io.WriteCloser, error)) (*runFiles, error) {
	f := &runFiles{keys: map[core.QueryID]string{}}
	f.prefix = appendText(nil, scheduler)
	f.prefix = append(strconv.AppendUint(append(f.prefix, ','), seed, 10), ',')
	for i, p := range []**rows{&f.frames, &f.plans, &f.nodes, &f.links} {
		w, err := create(csvFiles[i].name)
		if err != nil {
			return nil, errors.Join(err, f.close())
		}
		*p = &rows{file: w, w: bufio.NewWriterSize(w, 1<<16)}
	}
	return f, nil
}

func (f *runFiles) close() error {
	var errs []error
	for _, r := range []*rows{f.frames, f.plans, f.nodes, f.links} {
		if r != nil {
			errs = append(errs, r.err, r.w.Flush(), r.file.Close())
		}
	}
	return errors.Join(errs...)
}

// Query notes the key of a query.
func (f *runFiles) Query(q core.QueryID, key string) { f.keys[q] = key }

// Record writes what a record says of plans, nodes and links.
func (f *runFiles) Record(r core.Record) {
	switch r := r.(type) {
	case *core.PlanRecord:
		f.plan(r)
	case *core.NodeSample:
		t := f.nodes
		t.start(f.prefix)
		t.seconds(r.At)
		t.text(string(r.Node))
		for _, x := range [...]float64{r.Load.CPU, r.Load.GPU, r.Load.Memory, r.Load.Power, r.Energy} {
			t.float(x)
		}
		t.int(int64(r.Queue))
		t.int(r.Lost)
		t.end()
	case *core.LinkRecord:
		t := f.links
		t.start(f.prefix)
		t.seconds(r.At)
		t.text(string(r.Link.From))
		t.text(string(r.Link.To))
		t.float(r.Link.Bytes)
		t.float(r.Link.Utilization)
		t.float(r.Link.Rate)
		t.end()
	}
}

func (f *runFiles) plan(r *core.PlanRecord) {
	p, t := &r.Plan, f.plans
	t.start(f.prefix)
	t.seconds(r.At)
	t.text(f.keys[r.Query])
	t.text(string(r.Node))
	t.int(int64(p.Revision))
	t.video(p.Video)
	t.int(int64(p.InFlight))
	t.int(int64(p.Buffer))
	t.float(p.Pace)
	t.text(strconv.FormatBool(p.Refused))
	var b strings.Builder // node:model of each stage, in the pipeline's order
	for i, s := range p.Stages {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(string(s.Node) + ":" + strconv.Itoa(s.Model))
	}
	t.text(b.String())
	t.end()
}

// Frame writes a frame of which all is known.
func (f *runFiles) Frame(r *core.FrameRecord, accuracy float64) {
	t := f.frames
	t.start(f.prefix)
	t.text(f.keys[r.Query])
	t.known(r.Frame)
	t.int(r.CameraFrame)
	t.known(r.ContentFrame)
	t.seconds(r.Captured)
	t.seconds(r.At)
	t.text(r.Outcome.String())
	t.text(r.Reason.String())
	t.int(int64(r.Revision))
	t.video(r.Video)
	t.int(r.Gap)
	done := r.Outcome == core.OutcomeDone
	for _, x := range [...]core.Time{
		r.Latency, r.RoundTrip, r.Breakdown[0], r.Breakdown[1], r.Breakdown[2],
		r.Breakdown[3], r.Breakdown[4], r.Breakdown[5],
	} {
		if done {
			t.seconds(x)
		} else {
			t.text("")
		}
	}
	if done {
		t.float(r.Objects)
		t.float(r.Area)
	} else {
		t.text("")
		t.text("")
	}
	t.int(int64(r.Attempts))
	t.float(r.Fresh)
	t.float(accuracy)
	t.end()
}

func (t *rows) start(prefix []byte) { t.line = append(t.line[:0], prefix...) }

func (t *rows) end() {
	t.line[len(t.line)-1] = '\n' // for the last comma
	if _, err := t.w.Write(t.line); err != nil && t.err == nil {
		t.err = err
	}
}

func (t *rows) text(s string) { t.line = append(appendText(t.line, s), ',') }

func (t *rows) int(n int64) { t.line = append(strconv.AppendInt(t.line, n, 10), ',') }

// known writes n, or nothing if it is negative.
func (t *rows) known(n int64) {
	if n < 0 {
		t.text("")
		return
	}
	t.int(n)
}

// float writes x in its shortest form, or nothing for NaN.
func (t *rows) float(x float64) {
	if !math.IsNaN(x) {
		t.line = strconv.AppendFloat(t.line, x, 'g', -1, 64)
	}
	t.line = append(t.line, ',')
}

func (t *rows) video(v core.VideoConf) {
	if v == (core.VideoConf{}) { // no plan
		for range 4 {
			t.text("")
		}
		return
	}
	t.float(v.FPS)
	t.text(v.Resolution.String())
	t.text(v.Encoder)
	t.int(int64(v.Quality))
}

// seconds writes a time in seconds, exactly.
func (t *rows) seconds(x core.Time) {
	if x < 0 {
		t.line, x = append(t.line, '-'), -x
	}
	t.line = strconv.AppendInt(t.line, int64(x/core.Second), 10)
	if ns := int64(x % core.Second); ns > 0 {
		t.line = append(t.line, '.')
		for unit := int64(core.Second) / 10; ns > 0; unit /= 10 {
			t.line = append(t.line, byte('0'+ns/unit))
			ns %= unit
		}
	}
	t.line = append(t.line, ',')
}

// appendText appends a CSV cell, quoted where it must be (RFC 4180).
func appendText(b []byte, s string) []byte {
	if !strings.ContainsAny(s, ",\"\r\n") {
		return append(b, s...)
	}
	return append(append(append(b, '"'), strings.ReplaceAll(s, `"`, `""`)...), '"')
}
