package kb

import (
	"path/filepath"
	"strings"

	"vidq/core"
)

// Scene is what a camera sees in one of its frames.
type Scene struct {
	Frame   int64   // frame of the content that is shown, in the content's own numbers; -1 = it has none
	Objects float64 // in view
	Area    float64 // mean box area, fraction of the frame
	Motion  float64 // mean displacement of boxes, box heights per second; 0 = not known
	Stable  bool    // the count hardly changed within the last second
	Class   string  // content class
}

// Content returns the scene as a predictor is told of it.
func (s Scene) Content() core.Content {
	return core.Content{
		Known: true, Class: s.Class, Objects: s.Objects,
		Area: s.Area, Motion: s.Motion, Stable: s.Stable,
	}
}

// Source is what stands before a camera. Scene is pure: camera frames may be
// asked for in any order, from several goroutines; it does not allocate. Frames
// below 0 are frame 0.
type Source interface {
	Scene(cameraFrame int64) Scene
}

// OpenContent returns the content that ref names for a camera of fps frames per
// second: a generator (see Generators), whose draws are keyed by seed and camera,
// or, when ref holds a path separator or an extension, a trace file in the
// project's form (see ReadTrace), relative to dir unless absolute.
func OpenContent(ref, dir string, fps float64, seed uint64, camera core.CameraID) (Source, error) {
	if !(fps > 0) {
		return nil, &Error{File: ref, Msg: "the camera's frame rate must be positive"}
	}
	if !strings.ContainsAny(ref, `/\.`) {
		g, ok := generators[ref]
		if !ok {
			return nil, &Error{File: ref, Msg: "there is no such content; want a file or one of " + strings.Join(Generators(), ", ")}
		}
		return newGenerated(g, fps, seed, camera), nil
	}
	if !filepath.IsAbs(ref) {
		ref = filepath.Join(dir, ref)
	}
	b, err := readFile(ref, MaxFile)
	if err != nil {
		return nil, err
	}
	t, err := parseTrace(b, ref)
	if err != nil {
		return nil, err
	}
	return t.At(fps), nil
}
