package core

// Predictor answers what a plan would cost and bring. kb implements it, as the
// belief that schedulers are given and as the truth that only an oracle may see.
// Its methods are pure, safe to call from several goroutines and do not allocate.
type Predictor interface {
	// Work is the time that a service needs for one frame at a node, without
	// queueing, and its batch law; ok is false when the service cannot run on such a node.
	Work(service string, model int, at Target, r Resolution, objects float64) (w Work, ok bool)
	// Encode is the time that the host needs to make one frame of v.
	Encode(at Target, v VideoConf) Time
	// FrameBytes is the mean size of an encoded frame, bytes.
	FrameBytes(v VideoConf, c Content) float64
	// OutputBytes is the mean size of a service's output, bytes, which is also
	// the size of what the next stage is fed with.
	OutputBytes(service string, r Resolution, c Content) float64
	// Accuracy is what the query's results would be worth under v with the given
	// models (one per stage): F1 relative to the golden configuration, 0..1.
	Accuracy(q *Query, cameraFPS float64, v VideoConf, models []int, c Content) float64
	// Needs is what one worker of a service occupies.
	Needs(service string, model int, at Target) Needs
	// Power is a node's draw in watts at a load.
	Power(at Target, l NodeLoad) float64
}

// Target is a node as a predictor looks at it. Role is RoleHost for the query's
// own node.
type Target struct {
	Class string
	Role  Role
}

// Work is a distribution of service times by its mean and standard deviation, and what
// batches make of it.
type Work struct {
	Mean, SD Time
	Marginal float64 // of a further frame in a batch, relative to the first; 1 = batches gain nothing
}

// Batch is the time of a batch of n frames relative to that of one: 1 + (n-1)*Marginal,
// a line, as Shen et al. ("Nexus", SOSP 2019) found networks on gpus to follow.
func (w Work) Batch(n int) float64 { return 1 + float64(float64(max(n, 1)-1)*w.Marginal) }

// Content is what a predictor wants to know of the picture. The zero value
// stands for unknown content, of which a predictor assumes its profile's typical.
type Content struct {
	Known   bool
	Class   string  // content class of the camera, "" = the default one
	Objects float64 // in view
	Area    float64 // mean box area, fraction of the frame
	Motion  float64 // mean displacement of boxes, in box heights per second
	Stable  bool    // the count hardly changes
}

// Needs is what one busy worker takes of a node.
type Needs struct {
	CPU    float64 // cores
	GPU    float64 // slots
	Memory float64 // bytes, while the model is loaded
}
