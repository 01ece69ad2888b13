package core

import (
	"errors"
	"strconv"
)

// NodeID names a node of the testbed.
type NodeID string

// CameraID names a camera.
type CameraID string

// QueryID is the manager's number of a query: 1 and up, never used again, also
// not after a restart. 0 is no query.
type QueryID uint64

// Incarnation counts the starts of a node's process; a higher one is newer.
type Incarnation uint64

// Role is what a node is to the system.
type Role uint8

// The roles. Host is relative (the node that holds a query's camera): it is
// used in plans and beliefs, a node itself is an edge or a cloud.
const (
	RoleEdge Role = iota
	RoleCloud
	RoleHost
)

// String returns edge, cloud or host.
func (r Role) String() string { return [...]string{"edge", "cloud", "host"}[r] }

// Mode says how a camera gives its frames.
type Mode uint8

// The modes of a camera. ModeFile is a closed loop: the next selected frame is
// taken when the job has a free slot, nothing drops, and the query ends with the
// video unless it loops. ModeLive is an open loop: camera frame k exists at
// phase + k/fps, whether or not anybody is ready for it.
const (
	ModeLive Mode = iota
	ModeFile
)

// String returns live or file.
func (m Mode) String() string { return [...]string{"live", "file"}[m] }

// Resolution is a frame's size in pixels.
type Resolution struct{ Width, Height uint16 }

// The resolutions of the original system; note that its 360p is 480x360 and its
// 480p 640x480.
var (
	r360  = Resolution{480, 360}
	r480  = Resolution{640, 480}
	r720  = Resolution{1280, 720}
	r1080 = Resolution{1920, 1080}
)

// Resolutions returns the default ladder, ascending: 360p, 480p, 720p, 1080p.
func Resolutions() []Resolution { return []Resolution{r360, r480, r720, r1080} }

// Pixels returns width times height.
func (r Resolution) Pixels() int { return int(r.Width) * int(r.Height) }

// String prints a named resolution by its name (480p), any other as 960x540.
func (r Resolution) String() string {
	switch r {
	case r360:
		return "360p"
	case r480:
		return "480p"
	case r720:
		return "720p"
	case r1080:
		return "1080p"
	}
	return strconv.Itoa(int(r.Width)) + "x" + strconv.Itoa(int(r.Height))
}

// ParseResolution reads 360p, 480p, 720p, 1080p or WIDTHxHEIGHT.
func ParseResolution(s string) (Resolution, error) {
	for _, r := range Resolutions() {
		if s == r.String() {
			return r, nil
		}
	}
	for i := range s {
		if s[i] != 'x' {
			continue
		}
		w, err1 := strconv.ParseUint(s[:i], 10, 16)
		h, err2 := strconv.ParseUint(s[i+1:], 10, 16)
		if err1 == nil && err2 == nil && w > 0 && h > 0 {
			return Resolution{uint16(w), uint16(h)}, nil
		}
	}
	return Resolution{}, errors.New("resolution " + strconv.Quote(s) + ": want 360p, 480p, 720p, 1080p or WIDTHxHEIGHT")
}

// Camera is a video source at a node.
type Camera struct {
	ID         CameraID
	Node       NodeID
	Mode       Mode
	FPS        float64 // camera frames per second, > 0
	Resolution Resolution
	Length     int64  // frames of the video; 0 = without end
	Loop       bool   // file mode: begin again at the end
	Kind       string // what it shows, for people ("people in meeting-room")
	Class      string // content class of what it shows, as predictors know it; "" = not known
}

// Stage is one step of a pipeline: a service that is called once for each frame.
type Stage struct {
	Name    string // unique in the pipeline; the service's name unless said otherwise
	Service string
	Parents []int // indices of earlier stages whose outputs it needs; none = a source stage, fed with the frame
}

// Pipeline is a directed acyclic graph of stages in topological order: parents
// stand before their children. A stage with several parents is a join: it starts
// when all are done. At most MaxStages stages.
type Pipeline []Stage

// MaxStages bounds a pipeline's length, so that a set of stages fits a word.
const MaxStages = 32

// Linear returns the pipeline in which each service feeds the next.
func Linear(services ...string) Pipeline {
	p := make(Pipeline, len(services))
	for i, s := range services {
		p[i] = Stage{Name: s, Service: s}
		if i > 0 {
			p[i].Parents = []int{i - 1}
		}
	}
	return p
}

// Validate reports what is wrong with p: no stage, too many, a parent that does
// not stand before its child, a name used twice or empty.
func (p Pipeline) Validate() error {
	if len(p) == 0 {
		return errors.New("pipeline has no stage")
	}
	if len(p) > MaxStages {
		return errors.New("pipeline has " + strconv.Itoa(len(p)) + " stages, more than " + strconv.Itoa(MaxStages))
	}
	for i, s := range p {
		if s.Name == "" || s.Service == "" {
			return errors.New("stage " + strconv.Itoa(i+1) + " of the pipeline has no name or no service")
		}
		for j := range i {
			if p[j].Name == s.Name {
				return errors.New("two stages of the pipeline are called " + strconv.Quote(s.Name))
			}
		}
		for _, q := range s.Parents {
			if q < 0 || q >= i {
				return errors.New("stage " + strconv.Quote(s.Name) + " names a parent that does not stand before it")
			}
		}
	}
	return nil
}

// Constraint is what the user asks of a query's results. Zero fields are absent.
type Constraint struct {
	Delay    Time    // bound of the amortised delay: round trips per camera frame
	Latency  Time    // bound of capture to result
	Accuracy float64 // lower bound of accuracy, 0..1
}

// Query is what a user asks for: a pipeline on a camera's video under a
// constraint. It never changes once accepted.
type Query struct {
	ID         QueryID
	Key        string // idempotency key; a second submission with the same key is the same query
	Node       NodeID // the host: the node that holds the camera
	Camera     CameraID
	Pipeline   Pipeline
	Constraint Constraint
}

// State of a job. The first three are the original's.
type State uint8

// The states of a job.
const (
	StateUnscheduled State = iota // no plan yet
	StateReady                    // has a plan, waits for its first frame
	StateRunning
	StateDone    // its video ended
	StateStopped // by the user
	StateFailed  // it cannot run (its camera is unknown to the node)
)

// String returns the state's name.
func (s State) String() string {
	return [...]string{"unscheduled", "ready", "running", "done", "stopped", "failed"}[s]
}

// Ended reports whether the job will take no further frame.
func (s State) Ended() bool { return s >= StateDone }
