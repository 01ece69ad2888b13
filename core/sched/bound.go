package sched

import "vidq/core"

// urgency is what a frame's seconds from capture to result are multiplied with to
// give their share of the query's tighter bound, at a rate of fps; 0 without a
// bound. A bound of delay allows a frame as much more time as it stands for camera
// frames.
func urgency(q *core.QueryView, fps float64) float64 {
	u, c := 0.0, &q.Query.Constraint
	if c.Latency > 0 {
		u = 1 / c.Latency.Seconds()
	}
	if c.Delay > 0 {
		u = max(u, min(fps/q.Camera.FPS, 1)/c.Delay.Seconds())
	}
	return u
}

// window is how many frames of a query are to be under way at once: n for a
// camera that does not wait, 1 for a file, where the next frame comes when the last
// one is done and more of them would only wait for each other.
func window(c *core.Camera, n int) int {
	if c.Mode == core.ModeFile {
		return 1
	}
	return n
}
