package kb

import (
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// SeqInfo is what a MOTChallenge seqinfo.ini tells of a sequence. Zero fields are
// not known.
type SeqInfo struct {
	Name          string
	FrameRate     float64
	Frames        int64 // frames of the sequence, numbered from 1
	Width, Height float64
	Class         string // content class, "" = the default one; not in the file
}

// ReadSeqInfo reads a seqinfo.ini; file names it in errors.
func ReadSeqInfo(r io.Reader, file string) (SeqInfo, error) {
	b, err := readAll(r, file, maxProfile)
	if err != nil {
		return SeqInfo{}, err
	}
	var s SeqInfo
	sc := lines(b)
	for line := 1; sc.Scan(); line++ {
		k, v, ok := strings.Cut(strings.TrimSpace(sc.Text()), "=")
		if !ok {
			continue // a section or a blank line
		}
		var p *float64
		var frames float64
		switch k {
		case "name":
			s.Name = v
		case "frameRate":
			p = &s.FrameRate
		case "seqLength":
			p = &frames
		case "imWidth":
			p = &s.Width
		case "imHeight":
			p = &s.Height
		}
		if p == nil {
			continue
		}
		if *p, err = finite(v); err != nil || *p <= 0 || *p > 1e7 {
			return SeqInfo{}, &Error{File: file, Line: line, Key: k, Msg: strconv.Quote(v) + " is not a positive number"}
		}
		if p == &frames {
			s.Frames = int64(frames)
		}
	}
	return s, sc.Err()
}

// motBox is a row of a gt.txt.
type motBox struct {
	frame, id  int64
	x, y, w, h float64
}

// maxMOTFrames bounds the sequence that a frame number may claim.
const maxMOTFrames = 1_000_000

// ImportMOT turns a MOTChallenge gt.txt (frame, id, left, top, width, height,
// flag, ...) into a content trace with one row per frame of the sequence. Only
// rows with a flag other than 0 are objects. info must tell the frame rate and
// the size of the frames; without a length the last frame with a row ends it.
// OpenContent then shows at time t frame 1 + floor(t*frameRate) mod seqLength.
func ImportMOT(w io.Writer, gt io.Reader, file string, info SeqInfo) error {
	switch {
	case !(info.FrameRate > 0):
		return &Error{File: file, Key: "frameRate", Msg: "is not known: there is no seqinfo.ini beside it that says, and it was not given"}
	case !(info.Width > 0) || !(info.Height > 0):
		return &Error{File: file, Key: "imWidth", Msg: "the frames' size is not known: there is no seqinfo.ini beside it that says, and it was not given"}
	}
	boxes, err := readMOT(gt, file, &info)
	if err != nil {
		return err
	}
	image := ftoa(info.Width) + "x" + ftoa(info.Height)
	return writeTrace(w, info.FrameRate, info.Class, image, 1, motScenes(boxes, info))
}

// ImportMOTFile is ImportMOT of a file, with what the seqinfo.ini in its folder or
// the one above tells wherever info is zero.
func ImportMOTFile(w io.Writer, path string, info SeqInfo) error {
	gt, err := readFile(path, MaxFile)
	if err != nil {
		return err
	}
	for _, dir := range []string{filepath.Dir(path), filepath.Dir(filepath.Dir(path))} {
		ini := filepath.Join(dir, "seqinfo.ini")
		b, err := readFile(ini, maxProfile)
		if err != nil {
			continue // it may be missing
		}
		found, err := ReadSeqInfo(strings.NewReader(string(b)), ini)
		if err != nil {
			return err
		}
		info.fill(found)
		break
	}
	return ImportMOT(w, strings.NewReader(string(gt)), path, info)
}

// fill takes o's fields where s has none.
func (s *SeqInfo) fill(o SeqInfo) {
	if s.Name == "" {
		s.Name = o.Name
	}
	if s.FrameRate == 0 {
		s.FrameRate = o.FrameRate
	}
	if s.Frames == 0 {
		s.Frames = o.Frames
	}
	if s.Width == 0 || s.Height == 0 {
		s.Width, s.Height = o.Width, o.Height
	}
}

// readMOT reads the rows that are objects, ascending by frame and id.
func readMOT(r io.Reader, file string, info *SeqInfo) ([]motBox, error) {
	b, err := readAll(r, file, MaxFile)
	if err != nil {
		return nil, err
	}
	var boxes []motBox
	last := int64(0)
	sc := lines(b)
	for line := 1; sc.Scan(); line++ {
		text := strings.TrimSpace(sc.Text())
		if text == "" {
			continue
		}
		f := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
		bad := func(msg string) ([]motBox, error) { return nil, &Error{File: file, Line: line, Msg: msg} }
		if len(f) < 7 {
			return bad("want frame,id,left,top,width,height,flag,...")
		}
		var v [7]float64
		for i := range v {
			if v[i], err = finite(f[i]); err != nil {
				return bad(err.Error())
			}
		}
		frame := int64(v[0])
		switch {
		case v[0] < 1 || v[0] > maxMOTFrames || v[0] != math.Floor(v[0]):
			return bad("frame " + f[0] + " is not a whole number of 1 and up")
		case info.Frames > 0 && frame > info.Frames:
			return bad("frame " + f[0] + " is beyond the sequence's " + strconv.FormatInt(info.Frames, 10))
		case v[4] < 0 || v[5] < 0:
			return bad("a box must have a width and a height")
		case slices.ContainsFunc(v[1:], func(x float64) bool { return math.Abs(x) > 1e9 }):
			return bad("a number is out of range")
		}
		last = max(last, frame)
		if v[6] != 0 {
			boxes = append(boxes, motBox{frame, int64(v[1]), v[2], v[3], v[4], v[5]})
		}
	}
	switch {
	case sc.Err() != nil:
		return nil, &Error{File: file, Msg: sc.Err().Error()}
	case info.Frames == 0:
		info.Frames = last
	case info.Frames > maxMOTFrames:
		return nil, &Error{File: file, Key: "seqLength", Msg: "is out of range"}
	}
	slices.SortStableFunc(boxes, func(a, b motBox) int {
		if a.frame != b.frame {
			return int(a.frame - b.frame)
		}
		return int(min(max(a.id-b.id, -1), 1))
	})
	return boxes, nil
}

// motScenes makes a scene of each frame's boxes.
func motScenes(boxes []motBox, info SeqInfo) []Scene {
	scenes := make([]Scene, info.Frames)
	var before []motBox
	for i := range scenes {
		n := 0
		for n < len(boxes) && boxes[n].frame == int64(i)+1 {
			n++
		}
		s := &scenes[i]
		s.Objects = float64(n)
		var area, shift, followed float64
		for j, k := 0, 0; j < n; j++ {
			b := &boxes[j]
			area += b.w * b.h
			for k < len(before) && before[k].id < b.id {
				k++
			}
			if k < len(before) && before[k].id == b.id && b.h > 0 {
				p := &before[k]
				dx, dy := b.x+b.w/2-p.x-p.w/2, b.y+b.h/2-p.y-p.h/2
				shift += math.Hypot(dx, dy) / b.h
				followed++
			}
		}
		if n > 0 {
			s.Area = min(area/float64(n)/(info.Width*info.Height), 1)
		}
		if followed > 0 {
			s.Motion = shift / followed * info.FrameRate
		}
		before, boxes = boxes[:n], boxes[n:]
		s.Stable = steady(scenes[:i+1], info.FrameRate)
	}
	return scenes
}

// steady applies the runtime context's rule to the last second: a standard
// deviation of the counts below .3 over at least five frames.
func steady(s []Scene, rate float64) bool {
	n := int(math.Round(rate))
	if n < 5 || len(s) < n {
		return false
	}
	var sum, sq float64
	for _, x := range s[len(s)-n:] {
		sum += x.Objects
		sq += x.Objects * x.Objects
	}
	mean := sum / float64(n)
	return sq/float64(n)-mean*mean < .3*.3
}
