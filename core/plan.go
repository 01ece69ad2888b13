package core

import (
	"encoding/binary"
	"hash/fnv"
	"math"
)

// VideoConf is how a camera's video is cut down before it is analysed.
type VideoConf struct {
	Resolution Resolution
	FPS        float64 // analysed frames per second; at or above the camera's fps every frame is taken
	Encoder    string  // "jpeg" or "h264"
	Quality    int     // JPEG quality 1..100, or the H.264 quantiser 0..51
}

// Assignment says where a stage runs and with which of its service's models.
type Assignment struct {
	Node  NodeID
	Model int // index into the service's models; 0 is the most accurate
}

// Plan is what the scheduler has decided for a query. A plan is immutable once
// it has a revision: a change makes a new one.
type Plan struct {
	Revision uint64 // 1 and up, rising with every change of the query's plan; 0 = no plan
	Video    VideoConf
	Stages   []Assignment // one per stage of the pipeline
	InFlight int          // frames of the job under way at once, at least 1
	Buffer   int          // frames that wait when the window is full: 1 = only the newest; -1 = without bound
	Pace     float64      // upper bound of the rate at which the query's stage inputs leave the host, bytes per second; 0 = none
	Pad      float64      // bytes of no use that go with each frame to a source stage elsewhere, to probe the link
	Refused  bool         // the query is not served at present; the rest is the last plan
	Hash     uint64       // of everything but Revision and Hash; equal hashes mean equal plans
}

// Seal fills in p.Hash and returns p.
func (p Plan) Seal() Plan {
	h := fnv.New64a()
	b := make([]byte, 0, 128)
	b = binary.LittleEndian.AppendUint16(b, p.Video.Resolution.Width)
	b = binary.LittleEndian.AppendUint16(b, p.Video.Resolution.Height)
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(p.Video.FPS))
	b = append(append(b, p.Video.Encoder...), 0)
	for _, v := range []int{p.Video.Quality, p.InFlight, p.Buffer} {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(p.Pace))
	if p.Pad != 0 { // plans without have the hashes that they always had
		b = binary.LittleEndian.AppendUint64(append(b, 2), math.Float64bits(p.Pad))
	}
	if p.Refused {
		b = append(b, 1)
	}
	for _, s := range p.Stages {
		b = append(append(b, s.Node...), 0, byte(s.Model))
	}
	h.Write(b) // an fnv hash's Write never fails
	p.Hash = h.Sum64()
	return p
}

// Selected returns the first camera frame at or after frame from that a plan of
// fps takes from a camera of camera fps: frame k is taken when floor(k*fps/camera)
// differs from that of k-1, so frame 0 always is. A zero or negative fps is
// treated as the slowest that a frame number can express.
func Selected(from int64, fps, camera float64) int64 {
	if from <= 0 {
		return 0
	}
	if fps >= camera {
		return from
	}
	if fps <= 0 {
		return math.MaxInt64
	}
	slot := math.Floor(float64(from-1)*fps/camera) + 1
	k := math.Ceil(slot * camera / fps)
	if k >= math.MaxInt64 {
		return math.MaxInt64
	}
	n := max(int64(k), from)
	for math.Floor(float64(n)*fps/camera) < slot { // the division above was rounded down
		n++
	}
	for n > from && math.Floor(float64(n-1)*fps/camera) >= slot { // or up
		n--
	}
	return n
}

// SelectedIn counts the camera frames in [from, to) that Selected would take.
func SelectedIn(from, to int64, fps, camera float64) int64 {
	if to <= from || fps <= 0 {
		return 0
	}
	if fps >= camera {
		return to - from
	}
	slots := func(n int64) int64 { // selected frames below n
		if n <= 0 {
			return 0
		}
		return int64(math.Floor(float64(n-1)*fps/camera)) + 1
	}
	return slots(to) - slots(from)
}
