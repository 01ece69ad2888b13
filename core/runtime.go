package core

// Call is what one stage call of a frame told: its part of an Observation.
type Call struct {
	Node      NodeID
	Model     int
	RoundTrip Time    // host's clock, from the call (the last attempt's) to its answer
	Work      Time    // the service's own time
	Wait      Time    // in the service's queue
	Transfer  Time    // round trip less work, wait and encoding; what the network and the call cost
	Bytes     float64 // sent and received
	Attempts  int
}

// Observation is what a processed frame taught. Everything in it is a
// measurement, nothing is modelled: it is all that a scheduler may learn of the
// world.
type Observation struct {
	Query     QueryID
	Frame     int64 // the job's frame number
	Revision  uint64
	At        Time // when the result was ready
	Latency   Time // capture to result
	RoundTrip Time // sum of the stages' round trips
	Gap       int64
	Encode    Time
	Objects   float64 // objects found by the first source stage
	Size      float64 // their mean box area, pixels of the analysed frame
	Area      float64 // the same as a fraction of the frame's area
	Known     bool    // a stage told Objects, Size and Area
	Calls     []Call  // one per stage of the pipeline
}

// Delay is the seed's amortised delay: the sum of the stages' round trips
// divided by the number of camera frames that the frame stands for.
func (o *Observation) Delay() Time { return o.RoundTrip / Time(max(o.Gap, 1)) }

// RuntimeInfo is the runtime context of a window of frames. The zero value means
// that nothing has been observed: a cold start.
type RuntimeInfo struct {
	Frames     int  // observed in the window
	Delay      Time // mean
	Latency    Time // mean
	LatencyP95 Time // nearest rank
	ObjN       float64
	ObjSize    float64 // mean box area, pixels of the analysed frame
	ObjArea    float64 // mean box area, fraction of the frame
	ObjKnown   bool    // some frame of the window told its objects
	ObjStable  bool    // standard deviation of the counts below 0.3 over at least 5 frames
}
