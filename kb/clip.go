package kb

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"io/fs"
	"math"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"vidq/core"
)

// clip is what was measured of one video configuration as a whole: it stands for
// what codec and content class would give for it.
type clip struct {
	fps, cameraFPS float64
	bytes          float64 // mean of a frame that is sent
	accuracy       float64 // mean over the camera's frames, results being used until the next

	// Recorded frame by frame; nil = not.
	sizes  []float64 // bytes of the frames that are sent
	scores []float64 // F1 of the fresh results
	ages   bool      // results are used for more than the frame that made them, so that
	decay  float64   // the rate at which they age is known, 1/s
}

// fresh is the mean accuracy of a fresh result when results age at decay.
func (m *clip) fresh(decay float64) float64 {
	if len(m.scores) > 0 {
		return mean(m.scores)
	}
	return min(m.accuracy/MeanAgeing(decay, m.fps, m.cameraFPS), 1)
}

func mean(x []float64) (sum float64) {
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// clipsHeader begins the comment that tells the frame rate of the camera.
const clipsHeader = "# vidq video:"

// The columns of the tables: what a configuration is, and what was measured of it. A
// frame's number counts camera frames from 1 to the end of the recording; one that is
// not sent has 0 bytes. right, wrong and missed are the objects that a result found,
// found in vain and did not find, in that camera frame, by the result in force.
var (
	clipKey      = []string{"resolution", "fps", "encoder", "quality"}
	clipColumns  = append(slices.Clip(clipKey), "rate_bps", "accuracy")
	frameColumns = append(slices.Clip(clipKey), "frame", "bytes")
	scoreColumns = append(slices.Clip(frameColumns), "right", "wrong", "missed")
)

// clips reads the configurations that a folder has measured.
func (l *loader) clips() error {
	rate := 0.0
	err := l.rows(clipsFileName, [][]string{clipColumns}, &rate, func(v core.VideoConf, x []float64) string {
		m := &clip{fps: v.FPS, cameraFPS: rate, bytes: x[0] / 8 / min(v.FPS, rate), accuracy: x[1]}
		switch {
		case l.set.clips[v] != nil:
			return "has two rows for one configuration"
		case !(x[0] > 0) || x[0] > 1e12:
			return "rate_bps must be positive"
		case !(x[1] >= 0) || x[1] > 1:
			return "accuracy must be within 0 and 1"
		}
		if l.set.clips == nil {
			l.set.clips = map[core.VideoConf]*clip{}
		}
		l.set.clips[v] = m
		return ""
	})
	if err != nil {
		return err
	}
	return l.frames(rate)
}

// frameTally gathers the frames of a configuration.
type frameTally struct {
	next   int       // camera frame
	sizes  []float64 // of the frames that are sent
	at     []int     // and which they are, from 0
	served []float64 // F1 of each camera frame
}

// frames reads what was recorded frame by frame.
func (l *loader) frames(rate float64) error {
	var order []core.VideoConf
	tallies := map[core.VideoConf]*frameTally{}
	err := l.rows(framesFileName, [][]string{scoreColumns, frameColumns}, &rate, func(v core.VideoConf, x []float64) string {
		t := tallies[v]
		if t == nil {
			if l.set.clips[v] == nil {
				return "is a configuration that " + clipsFileName + " does not have"
			}
			t = &frameTally{next: 1}
			tallies[v], order = t, append(order, v)
		}
		switch {
		case x[0] != float64(t.next):
			return "frame must be " + itoa(t.next)
		case slices.ContainsFunc(x, func(c float64) bool { return !(c >= 0) || c > 1e12 }):
			return "a figure is negative"
		}
		t.next++
		if x[1] > 0 {
			t.sizes, t.at = append(t.sizes, x[1]), append(t.at, t.next-2)
		}
		if len(x) > 2 {
			t.served = append(t.served, f1(x[2], x[3], x[4]))
		}
		return ""
	})
	if err != nil {
		return err
	}
	for _, v := range order {
		t := tallies[v]
		if len(t.sizes) == 0 {
			return &Error{File: path.Join(filepath.ToSlash(l.show), framesFileName), Msg: "has a configuration that sends no frame"}
		}
		l.set.clips[v].record(t)
	}
	return nil
}

// f1 is the harmonic mean of precision and recall; a frame without objects in which
// none was found is right.
func f1(right, wrong, missed float64) float64 {
	if right+wrong+missed == 0 {
		return 1
	}
	return 2 * right / (2*right + wrong + missed)
}

// record takes over what was recorded. A result is fresh in the frame after the one
// that made it: there the recording first counts it.
func (m *clip) record(t *frameTally) {
	m.sizes, m.bytes = t.sizes, mean(t.sizes)
	if len(t.served) == 0 {
		return
	}
	for _, k := range t.at {
		m.scores = append(m.scores, t.served[min(k+1, len(t.served)-1)])
	}
	m.accuracy = mean(t.served)
	if m.fps >= m.cameraFPS {
		return
	}
	m.ages = true
	m.decay = decayFor(m.accuracy/max(mean(m.scores), 1e-9), m.fps, m.cameraFPS)
}

// decayFor is the rate of ageing whose mean ageing is share; 0 when that is 1 or more.
func decayFor(share, fps, cameraFPS float64) float64 {
	lo, hi := 0.0, 100.0
	for range 60 {
		if mid := (lo + hi) / 2; MeanAgeing(mid, fps, cameraFPS) > share {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// rows reads a table of the folder whose columns are one of forms; nothing when there
// is no such file. take gets the figures behind the configuration and says what is
// wrong with them. rate is the camera's, which the comment on top tells.
func (l *loader) rows(name string, forms [][]string, rate *float64, take func(core.VideoConf, []float64) string) error {
	show := path.Join(filepath.ToSlash(l.show), name)
	f, err := openIn(l.fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return &Error{File: show, Msg: cause(err)}
	}
	defer f.Close() // read only: nothing is lost
	b, err := readAll(f, show, MaxFile)
	if err != nil {
		return err
	}
	err = header(b, clipsHeader, func(line int, key, value string) error {
		x, err := finite(value)
		if key != "frame_rate" || err != nil || x <= 0 || x > 1e6 {
			return &Error{File: show, Line: line, Key: key, Msg: "want frame_rate, a number"}
		}
		*rate = x
		return nil
	})
	if err != nil {
		return err
	}
	if *rate == 0 {
		return &Error{File: show, Msg: "must begin with \"" + clipsHeader + " frame_rate=30\", the camera's"}
	}
	return readRows(b, show, forms, take)
}

func readRows(b []byte, show string, forms [][]string, take func(core.VideoConf, []float64) string) error {
	cr := csv.NewReader(bytes.NewReader(b))
	cr.Comment, cr.ReuseRecord, cr.TrimLeadingSpace = '#', true, true
	head, err := cr.Read()
	if err != nil {
		return csvError(show, err)
	}
	head = slices.Clone(head) // the reader uses its record again
	if !slices.ContainsFunc(forms, func(c []string) bool { return slices.Equal(c, head) }) {
		return &Error{File: show, Msg: "want the columns " + strings.Join(forms[0], ",")}
	}
	x := make([]float64, len(head)-len(clipKey))
	for {
		rec, err := cr.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return csvError(show, err)
		}
		line, _ := cr.FieldPos(0)
		bad := func(msg string) error { return &Error{File: show, Line: line, Msg: msg} }
		v, msg := clipConf(rec)
		if msg != "" {
			return bad(msg)
		}
		for i := range x {
			if x[i], err = finite(rec[len(clipKey)+i]); err != nil {
				return bad(head[len(clipKey)+i] + ": " + err.Error())
			}
		}
		if msg := take(v, x); msg != "" {
			return bad(msg)
		}
	}
}

// clipConf reads the columns that name a configuration.
func clipConf(rec []string) (v core.VideoConf, msg string) {
	var err error
	if v.Resolution, err = core.ParseResolution(rec[0]); err != nil {
		return v, "resolution: " + err.Error()
	}
	if v.FPS, err = finite(rec[1]); err != nil || v.FPS <= 0 || v.FPS > 1e6 {
		return v, "fps must be positive"
	}
	v.Encoder = rec[2]
	if v.Quality, err = strconv.Atoi(rec[3]); err != nil || v.Quality < 0 || v.Quality > math.MaxUint8 {
		return v, "quality must be a whole number"
	}
	return v, ""
}
