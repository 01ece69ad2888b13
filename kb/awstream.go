package kb

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"vidq/core"
)

// AWStream is an application of AWStream's evaluation, read from the folder of its
// public data (github.com/awstream/data, MIT licence).
type AWStream struct {
	App      string           // mot or darknet
	Profile  []core.VideoConf // AWStream's and JetStream++'s, by rate ascending
	Manual   []core.VideoConf // JetStream's
	TCP      core.VideoConf   // of streaming without adaptation
	Frames   bool             // the sizes of frames are recorded, not the profile's means
	Scores   bool             // so are the results, frame by frame
	measured []clipRow
	frames   []awFrame
}

// clipRow is a row of video.csv.
type clipRow struct {
	video          core.VideoConf
	rate, accuracy float64 // bits per second
}

// awFrame is a row of frames.csv.
type awFrame struct {
	video                core.VideoConf
	number, size         int
	right, wrong, missed int
}

// awCameraFPS is the frame rate of AWStream's videos; a configuration skips so many of
// its frames between two.
const awCameraFPS = 30

// ReadAWStream reads what the folder has of an application: APP.profile.csv,
// APP.manual.csv and APP.tcp.csv (kbit/s, width, frames skipped, quantiser, accuracy)
// and, if they are there, APP.source.csv (the same configurations' frames and their
// bytes) and APP.stat.csv (what was found in each). It does not look at results.
func ReadAWStream(dir, app string) (*AWStream, error) {
	a := &AWStream{App: app}
	var tcp []core.VideoConf
	for _, p := range []struct {
		name string
		to   *[]core.VideoConf
	}{{"profile", &a.Profile}, {"manual", &a.Manual}, {"tcp", &tcp}} {
		path := filepath.Join(dir, app+"."+p.name+".csv")
		err := awRows(path, 5, func(x []float64) string {
			v, msg := awVideo(x[1:4])
			switch {
			case msg != "":
				return msg
			case !(x[0] > 0) || x[0] > 1e9:
				return "the rate must be positive"
			case !(x[4] >= 0) || x[4] > 1:
				return "the accuracy must be within 0 and 1"
			}
			*p.to = append(*p.to, v)
			if !slices.ContainsFunc(a.measured, func(r clipRow) bool { return r.video == v }) {
				a.measured = append(a.measured, clipRow{v, 1000 * x[0], x[4]})
			}
			return ""
		})
		if err != nil {
			return nil, err
		}
	}
	if len(tcp) != 1 {
		return nil, &Error{File: filepath.Join(dir, app+".tcp.csv"), Msg: "want one configuration"}
	}
	a.TCP = tcp[0]
	return a, a.readFrames(dir)
}

// readFrames reads what is recorded frame by frame, if it is there.
func (a *AWStream) readFrames(dir string) error {
	source, stat := filepath.Join(dir, a.App+".source.csv"), filepath.Join(dir, a.App+".stat.csv")
	if _, err := os.Stat(source); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	err := awRows(source, 5, func(x []float64) string {
		v, msg := awVideo(x[:3])
		if msg == "" && (x[3] != math.Floor(x[3]) || x[4] < 0 || x[4] > 1e9) {
			msg = "want a frame's number and bytes"
		}
		a.frames = append(a.frames, awFrame{video: v, number: int(x[3]), size: int(x[4])})
		return msg
	})
	if err != nil {
		return err
	}
	a.Frames = true
	if _, err := os.Stat(stat); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	i := 0
	err = awRows(stat, 7, func(x []float64) string { // in the order of the sizes; frames count from 0
		v, msg := awVideo(x[1:4])
		switch {
		case msg != "":
			return msg
		case i == len(a.frames) || a.frames[i].video != v || a.frames[i].number != int(x[0])+1:
			return "want the configurations and frames of " + filepath.Base(source) + ", in the same order"
		}
		f := &a.frames[i]
		f.right, f.wrong, f.missed = int(x[4]), int(x[5]), int(x[6])
		i++
		return ""
	})
	if err == nil && i < len(a.frames) {
		err = &Error{File: stat, Msg: "has fewer frames than " + filepath.Base(source)}
	}
	a.Scores = err == nil
	return err
}

// awRows reads a table of numbers without a head.
func awRows(path string, columns int, take func(x []float64) string) error {
	b, err := readFile(path, MaxFile)
	if err != nil {
		return err
	}
	cr := csv.NewReader(bytes.NewReader(b))
	cr.FieldsPerRecord, cr.ReuseRecord, cr.TrimLeadingSpace = columns, true, true
	x := make([]float64, columns)
	for {
		rec, err := cr.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return csvError(path, err)
		}
		line, _ := cr.FieldPos(0)
		for i := range x {
			if x[i], err = finite(rec[i]); err != nil {
				return &Error{File: path, Line: line, Msg: err.Error()}
			}
		}
		if msg := take(x); msg != "" {
			return &Error{File: path, Line: line, Msg: msg}
		}
	}
}

// awVideo makes a configuration of a width of 16:9, frames skipped and a quantiser.
func awVideo(x []float64) (v core.VideoConf, msg string) {
	if x[0] < 16 || x[0] > 8192 || x[1] < 0 || x[1] > 1000 || x[2] < 0 || x[2] > 51 {
		return v, "want width, frames skipped and quantiser"
	}
	v.Resolution = core.Resolution{Width: uint16(x[0]), Height: uint16(x[0] * 9 / 16)}
	v.FPS, v.Encoder, v.Quality = awCameraFPS/(math.Floor(x[1])+1), "h264", int(x[2])
	return v, ""
}

// Videos returns all configurations.
func (a *AWStream) Videos() (out []core.VideoConf) {
	for _, r := range a.measured {
		out = append(out, r.video)
	}
	return out
}

// Sustained returns a configuration's rate in bits per second by the profile and, where
// its frames are recorded, by them.
func (a *AWStream) Sustained(v core.VideoConf) (profile, recorded float64) {
	for _, r := range a.measured {
		if r.video == v {
			profile = r.rate
		}
	}
	bytes, frames := 0.0, 0.0
	for i := range a.frames {
		if f := &a.frames[i]; f.video == v {
			bytes += float64(f.size)
			frames++
		}
	}
	if frames > 0 {
		recorded = 8 * awCameraFPS * bytes / frames
	}
	return profile, recorded
}

const awSource = "AWStream data (github.com/awstream/data): reference-data/"

// awSet are the files of a set besides its tables: a sender and an analysis that cost
// nothing, as AWStream's latency holds the network's alone.
var awSet = map[string]string{
	"set.toml": "title = \"AWStream's measured configurations\"\ncontent = \"%s\"\nno_encode = true\n",
	"classes.toml": `[machine]
title = "a node that costs nothing"
role = "cloud"
capacity = { cores = 16, source = "AWStream replays recorded sizes: no work at the sender", assumed = true }
power = { idle = 1, source = "not looked at", assumed = true }
host = { call_overhead = 0, encode_factor = 1, source = "AWStream replays recorded sizes: no work at the sender", assumed = true }
`,
	"analysis.toml": `title = "analysis that takes no time: AWStream's latency ends when a frame has arrived"
input = "image"
[output]
base = 1
source = "a result is small"
assumed = true
[[model]]
name = "recorded"
accuracy = 1
source = "what it finds is in the tables"
[[model.on]]
role = "cloud"
device = "cpu"
source = "AWStream's latency ends when a frame has arrived"
laws = [{ at = "1080p", a = 1e-6, b = 0 }]
needs = { cpu = 0.01, source = "it does nothing", assumed = true }
noise = { cv = 0, phi = 0, source = "it does nothing", assumed = true }
load = { seconds = 0, source = "it does nothing", assumed = true }
batch = { marginal = 1, source = "it does nothing", assumed = true }
`,
}

// WriteSets makes two folders of profiles in dir: belief, what AWStream's profiles say,
// and world, the same with what was recorded frame by frame. class is the content class
// that ageing is taken from where nothing was recorded.
func (a *AWStream) WriteSets(dir, class string) error {
	for _, set := range []string{"belief", "world"} {
		to := filepath.Join(dir, set)
		if err := os.MkdirAll(to, 0o755); err != nil {
			return &Error{File: to, Msg: cause(err)}
		}
		files := map[string]string{clipsFileName: a.clipsTable()}
		for name, text := range awSet {
			files[name] = text
		}
		files[setFileName] = fmt.Sprintf(awSet[setFileName], class)
		if set == "world" && a.Frames {
			files[framesFileName] = a.framesTable()
		}
		for name, text := range files { // each its own: the order cannot matter
			if err := os.WriteFile(filepath.Join(to, name), []byte(text), 0o644); err != nil {
				return &Error{File: filepath.Join(to, name), Msg: cause(err)}
			}
		}
	}
	return nil
}

func clipCells(v core.VideoConf) string {
	return fmt.Sprintf("%dx%d,%s,%s,%d", v.Resolution.Width, v.Resolution.Height, ftoa(v.FPS), v.Encoder, v.Quality)
}

func (a *AWStream) clipsTable() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s%s.{profile,manual,tcp}.csv\n%s frame_rate=%d\n%s\n", awSource, a.App, clipsHeader, awCameraFPS, strings.Join(clipColumns, ","))
	rows := slices.Clone(a.measured)
	slices.SortStableFunc(rows, func(x, y clipRow) int { return cmp.Compare(x.rate, y.rate) })
	for _, r := range rows {
		fmt.Fprintf(&b, "%s,%s,%s\n", clipCells(r.video), ftoa(r.rate), ftoa(r.accuracy))
	}
	return b.String()
}

func (a *AWStream) framesTable() string {
	var b strings.Builder
	columns := frameColumns
	if a.Scores {
		columns = scoreColumns
	}
	fmt.Fprintf(&b, "# %s%s.{source,stat}.csv\n%s frame_rate=%d\n%s\n", awSource, a.App, clipsHeader, awCameraFPS, strings.Join(columns, ","))
	for i := range a.frames {
		f := &a.frames[i]
		b.WriteString(clipCells(f.video) + "," + strconv.Itoa(f.number) + "," + strconv.Itoa(f.size))
		if a.Scores {
			fmt.Fprintf(&b, ",%d,%d,%d", f.right, f.wrong, f.missed)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
