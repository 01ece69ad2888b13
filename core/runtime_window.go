package core

import "math"

// WindowFrames is the number of frames that a Window looks back.
const WindowFrames = 64

// stableDeviation and stableFrames define RuntimeInfo.ObjStable.
const (
	stableDeviation = 0.3
	stableFrames    = 5
)

// Window gathers the last WindowFrames observations of a query into its runtime
// context. The zero value is ready. Add does not allocate once the window is full.
type Window struct {
	items []windowItem
	next  int // where the next one goes once the window is full
}

type windowItem struct {
	delay, latency      Time
	objects, size, area float64
	known               bool
}

// Add takes a processed frame's observation in.
func (w *Window) Add(o *Observation) {
	it := windowItem{o.Delay(), o.Latency, o.Objects, o.Size, o.Area, o.Known}
	if len(w.items) < WindowFrames {
		w.items = append(w.items, it)
		return
	}
	w.items[w.next] = it
	w.next = (w.next + 1) % WindowFrames
}

// Reset forgets everything but keeps the memory.
func (w *Window) Reset() { w.items, w.next = w.items[:0], 0 }

// Info returns the runtime context. Means of sizes are over the frames in which
// there was something to see.
func (w *Window) Info() RuntimeInfo {
	n := len(w.items)
	if n == 0 {
		return RuntimeInfo{}
	}
	var delay, latency Time
	var objects, size, area float64
	known, seen := 0, 0
	for i := range w.items {
		it := &w.items[i]
		delay += it.delay
		latency += it.latency
		if !it.known {
			continue
		}
		known++
		objects += it.objects
		if it.objects > 0 {
			seen++
			size += it.size
			area += it.area
		}
	}
	r := RuntimeInfo{
		Frames: n, Delay: delay / Time(n), Latency: latency / Time(n), LatencyP95: w.p95(), ObjKnown: known > 0,
	}
	if known > 0 {
		r.ObjN = objects / float64(known)
		r.ObjStable = known >= stableFrames && w.deviation(r.ObjN, known) < stableDeviation
	}
	if seen > 0 {
		r.ObjSize, r.ObjArea = size/float64(seen), area/float64(seen)
	}
	return r
}

// deviation is the standard deviation of the known counts about their mean.
func (w *Window) deviation(mean float64, known int) float64 {
	var sum float64
	for i := range w.items {
		if it := &w.items[i]; it.known {
			d := it.objects - mean
			sum += float64(d * d)
		}
	}
	return math.Sqrt(sum / float64(known))
}

// p95 is the latencies' 95th percentile by nearest rank: the ceil(.95 n)-th
// smallest, which is among the few largest of a window.
func (w *Window) p95() Time {
	const most = WindowFrames - (95*WindowFrames+99)/100 + 1
	n := len(w.items)
	k := n - (95*n+99)/100 + 1
	var top [most]Time // the k largest, descending
	filled := 0
	for i := range w.items {
		t := w.items[i].latency
		if filled == k && t <= top[k-1] {
			continue
		}
		if filled < k {
			filled++
		}
		j := filled - 1
		for ; j > 0 && top[j-1] < t; j-- {
			top[j] = top[j-1]
		}
		top[j] = t
	}
	return top[k-1]
}
