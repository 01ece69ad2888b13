package core

// Oracle is what a truth may tell beyond a Predictor: what will happen, and what
// the world does that no figure of a belief says. A world that can look ahead
// gives it as View.Truth; one that cannot gives a plain Predictor. Like a
// Predictor's, its methods are pure while an instant lasts and do not allocate.
type Oracle interface {
	Predictor
	// Scene is what the camera of a query shows at an instant; of a video file,
	// what it shows if from now on it is analysed at its own pace.
	Scene(q QueryID, at Time) (s Scene, ok bool)
	// Rate is what a link carries at an instant, bytes per second, and until when;
	// 0 while it is down, or is none.
	Rate(from, to NodeID, at Time) (bytesPerSecond float64, until Time)
	// Delay is how long what was sent travels at an instant, on average.
	Delay(from, to NodeID, at Time) Time
	// Slow is by what factor a service's work is stretched at an instant; 0 while
	// the service or the node is down.
	Slow(n NodeID, service string, at Time) float64
	// Load is how long a worker takes to change over to a model.
	Load(service string, model int, class string) Time
	// Overhead is the host's cpu time for one call, encoding apart.
	Overhead(class string) Time
}

// Scene is what a camera shows.
type Scene struct {
	Content
	Decay float64 // by which results on it age, 1/s
	Video string  // content class that the sizes of its frames go by
}
