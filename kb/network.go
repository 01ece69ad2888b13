package kb

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sample is the capacity from a time on.
type sample struct {
	at   float64 // seconds
	bps  float64 // bits per second
	line int
}

// networkForm is a way in which capacity over time is recorded.
type networkForm struct {
	name string
	doc  string
	is   func(first string) bool // whether a file's first line looks like it
	read func(p *networkParser) error
}

// The forms, in the order in which they are tried.
var networkForms = []networkForm{
	{
		"vidq", "the project's own: CSV of t_s,rate_bps (bits per second), perhaps with a comment \"# vidq network: length_s=...\"",
		func(s string) bool {
			return strings.HasPrefix(s, rateHeader) || strings.HasPrefix(s, "t_s,rate_bps")
		}, (*networkParser).own,
	},
	{
		"starlink-down", "CSV with timestamp_start_dl,download,timestamp_start_ul,upload (Mbit/s, once a second): the download",
		func(s string) bool { return strings.HasPrefix(s, "timestamp_start_dl,") }, (*networkParser).starlinkDown,
	},
	{"starlink-up", "the same: the upload", func(string) bool { return false }, (*networkParser).starlinkUp},
	{
		"lumos", "CSV with bitrate, chunk_size and app_throughput (kbit/s): each video chunk's throughput",
		func(s string) bool { return strings.Contains(s, "app_throughput") }, (*networkParser).lumos,
	},
	{
		"nyu", "\"x,Mbits/sec\" once a second (NYU-METS)",
		func(s string) bool { return strings.HasSuffix(strings.TrimSpace(s), "bits/sec") }, (*networkParser).nyu,
	},
	{
		"pairs", "\"seconds Mbit/s\" separated by blanks (norway-3g, fcc-broadband in the Pensieve form)",
		isPair, (*networkParser).pairs,
	},
}

// NetworkForms returns the names of the forms that ImportNetwork reads, each
// followed by what it is.
func NetworkForms() [][2]string {
	var out [][2]string
	for _, f := range networkForms {
		out = append(out, [2]string{f.name, f.doc})
	}
	return out
}

// rateHeader begins the optional comment that tells a trace's length.
const rateHeader = "# vidq network:"

// ImportNetwork turns a log of a network's capacity into the project's form. form
// is a name out of NetworkForms, "" to go by the file's first line; file names the
// log in errors.
func ImportNetwork(w io.Writer, r io.Reader, file, form string) error {
	b, err := readAll(r, file, MaxFile)
	if err != nil {
		return err
	}
	s, total, err := readSamples(b, file, form)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s length_s=%s\nt_s,rate_bps\n", rateHeader, strconv.FormatFloat(total, 'f', -1, 64))
	for _, x := range s {
		fmt.Fprintf(&out, "%s,%s\n", strconv.FormatFloat(x.at-s[0].at, 'f', 6, 64), strconv.FormatFloat(x.bps, 'f', -1, 64))
	}
	if _, err := parseRate(out.Bytes(), file, "vidq"); err != nil {
		return err // what it would refuse to read is not written
	}
	_, err = w.Write(out.Bytes())
	return err
}

// networkParser reads one log.
type networkParser struct {
	b    []byte
	file string
	s    []sample
	len  float64 // told length, 0 = not told
}

// readSamples reads a log in the given form; total is its length in seconds: what
// it tells itself, else the last sample holds as long as the median one.
func readSamples(b []byte, file, form string) (s []sample, total float64, err error) {
	first := ""
	for sc := lines(b); first == "" && sc.Scan(); {
		first = strings.TrimSpace(sc.Text())
	}
	i := slices.IndexFunc(networkForms, func(f networkForm) bool {
		return f.name == form || form == "" && f.is(first)
	})
	if i < 0 {
		what := "looks like none of the forms "
		if form != "" {
			what = "there is no form " + strconv.Quote(form) + " but "
		}
		var names []string
		for _, f := range networkForms {
			names = append(names, f.name)
		}
		return nil, 0, &Error{File: file, Line: 1, Msg: what + strings.Join(names, ", ")}
	}
	p := &networkParser{b: b, file: file}
	if err := networkForms[i].read(p); err != nil {
		return nil, 0, err
	}
	if len(p.s) == 0 {
		return nil, 0, &Error{File: file, Msg: "has no rows"}
	}
	n := len(p.s)
	total = p.s[n-1].at - p.s[0].at + medianStep(p.s)
	if p.len > 0 {
		total = p.len
	}
	return p.s, total, nil
}

// medianStep is the median time between samples, 1 s if there is only one.
func medianStep(s []sample) float64 {
	if len(s) < 2 {
		return 1
	}
	d := make([]float64, len(s)-1)
	for i := range d {
		d[i] = s[i+1].at - s[i].at
	}
	slices.Sort(d)
	return d[len(d)/2]
}

func (p *networkParser) fail(line int, msg string) error {
	return &Error{File: p.file, Line: line, Msg: msg}
}

// maxRate is the highest rate that is believed, bits per second.
const maxRate = 1e15

// add takes a sample in, in units of scale bits per second.
func (p *networkParser) add(line int, at float64, rate string, scale float64) error {
	v, err := finite(strings.TrimSpace(rate))
	switch {
	case err != nil:
		return p.fail(line, "rate "+err.Error())
	case v < 0:
		return p.fail(line, "rate is negative")
	case v*scale > maxRate:
		return p.fail(line, "rate is out of range")
	case math.Abs(at) > 1e10:
		return p.fail(line, "time is out of range")
	case len(p.s) > 0 && at <= p.s[len(p.s)-1].at:
		return p.fail(line, "the time does not rise")
	}
	p.s = append(p.s, sample{at, v * scale, line})
	return nil
}

// rows calls f with the fields of each line that is neither blank nor a comment.
func (p *networkParser) rows(split func(string) []string, f func(line int, fields []string) error) error {
	sc := lines(p.b)
	line := 0
	for sc.Scan() {
		line++
		text := strings.TrimSpace(sc.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		if err := f(line, split(text)); err != nil {
			return err
		}
	}
	if sc.Err() != nil {
		return p.fail(line+1, sc.Err().Error())
	}
	return nil
}

// isPair is whether a line is two numbers. Any two words would take a heading for a
// network's log, and tell what is wrong with its numbers.
func isPair(s string) bool {
	f := strings.Fields(s)
	return len(f) == 2 && !slices.ContainsFunc(f, func(x string) bool { _, err := finite(x); return err != nil })
}

func commas(s string) []string { return strings.Split(s, ",") }

func (p *networkParser) pairs() error {
	return p.rows(strings.Fields, func(line int, f []string) error {
		if len(f) != 2 {
			return p.fail(line, "want seconds and Mbit/s")
		}
		at, err := finite(f[0])
		if err != nil {
			return p.fail(line, "time "+err.Error())
		}
		return p.add(line, at, f[1], 1e6)
	})
}

func (p *networkParser) nyu() error {
	units := map[string]float64{"bits/sec": 1, "Kbits/sec": 1e3, "Mbits/sec": 1e6, "Gbits/sec": 1e9}
	return p.rows(commas, func(line int, f []string) error {
		if len(f) != 2 || units[f[1]] == 0 {
			return p.fail(line, "want a rate and its unit, as in 1.06,Mbits/sec")
		}
		return p.add(line, float64(len(p.s)), f[0], units[f[1]])
	})
}

// table reads CSV with a header and calls f with the named columns.
func (p *networkParser) table(names []string, f func(line int, v []string) error) error {
	var at []int
	return p.rows(commas, func(line int, rec []string) error {
		if at == nil {
			for _, n := range names {
				i := slices.Index(rec, n)
				if i < 0 {
					return p.fail(line, "has no column "+n)
				}
				at = append(at, i)
			}
			return nil
		}
		v := make([]string, len(at))
		for i, c := range at {
			if c >= len(rec) {
				return p.fail(line, "has too few fields")
			}
			v[i] = strings.TrimSpace(rec[c])
		}
		return f(line, v)
	})
}

func (p *networkParser) starlinkDown() error {
	return p.starlink("timestamp_start_dl", "download")
}

func (p *networkParser) starlinkUp() error { return p.starlink("timestamp_start_ul", "upload") }

// maxPause is the longest gap between two samples of a drive in seconds; longer
// ones, in which the test paused, are closed up to it.
const maxPause = 5

func (p *networkParser) starlink(at, rate string) error {
	var last time.Time
	now := 0.0
	return p.table([]string{at, rate}, func(line int, v []string) error {
		t, err := time.Parse("2006-01-02 15:04:05", v[0])
		if err != nil {
			return p.fail(line, strconv.Quote(v[0])+" is not a time as in 2024-04-19 16:23:00.001")
		}
		if len(p.s) > 0 && t.Equal(last) {
			return nil // a row that was written twice
		}
		if len(p.s) > 0 {
			now += min(t.Sub(last).Seconds(), maxPause)
		}
		last = t
		return p.add(line, now, v[1], 1e6)
	})
}

// minChunk is the size in kbit (64 kB) below which a chunk's throughput tells the
// round trip more than the capacity; the rate before it goes on.
const minChunk = 512

// lumos gives each chunk's throughput the chunk's length in time: the median of
// size over bitrate, in whole seconds. chunk_size is in kbit, whatever the
// data's description says: it equals app_throughput * delivery_time.
func (p *networkParser) lumos() error {
	type chunk struct {
		line int
		rate string
		kbit float64
	}
	var chunks []chunk
	var lengths []float64
	err := p.table([]string{"bitrate", "chunk_size", "app_throughput"}, func(line int, v []string) error {
		bitrate, err1 := finite(v[0])
		size, err2 := finite(v[1])
		if err1 != nil || err2 != nil || bitrate <= 0 || size < 0 {
			return p.fail(line, "bitrate and chunk_size must be positive numbers")
		}
		chunks = append(chunks, chunk{line, v[2], size})
		lengths = append(lengths, size/bitrate)
		return nil
	})
	if err != nil {
		return err
	}
	slices.Sort(lengths)
	step := 1.0
	if n := len(lengths); n > 0 {
		step = min(max(math.Round(lengths[n/2]), 1), 60)
	}
	for i, c := range chunks {
		if c.kbit < minChunk {
			continue
		}
		if err := p.add(c.line, float64(i)*step, c.rate, 1e3); err != nil {
			return err
		}
	}
	return nil
}

func (p *networkParser) own() error {
	err := header(p.b, rateHeader, func(line int, key, value string) error {
		n, err := finite(value)
		if key != "length_s" || err != nil || n <= 0 {
			return p.fail(line, strconv.Quote(key+"="+value)+" is not length_s= and a positive number")
		}
		p.len = n
		return nil
	})
	if err != nil {
		return err
	}
	return p.table([]string{"t_s", "rate_bps"}, func(line int, v []string) error {
		at, err := finite(v[0])
		if err != nil {
			return p.fail(line, "time "+err.Error())
		}
		return p.add(line, at, v[1], 1)
	})
}
