package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"vidq/core"
	"vidq/scenarios"
)

// picture draws what became of the frames of a run folder: for each scheduler a line of
// their delay and one of their accuracy over simulated time, with what the scenario's
// first query asks and its disturbances. It returns SVG.
func picture(t *testing.T, s *scenarios.Scenario, dir string) string {
	t.Helper()
	ask := s.Queries[0].Constraint
	p := &canvas{t: t, s: s, points: map[string][]dot{}}
	_, rows := readTable(t, dir+"/frames.csv")
	for _, r := range rows {
		if r["outcome"] != "done" {
			continue
		}
		name := r["scheduler"]
		if p.points[name] == nil {
			p.names = append(p.names, name)
		}
		delay := 1000 * number(t, r["round_trip_s"]) / max(number(t, r["gap"]), 1)
		p.points[name] = append(p.points[name], dot{number(t, r["captured_s"]), delay, number(t, r["accuracy"])})
	}
	p.add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`, width, panelTop+2*panelStep)
	p.add(`<rect width="100%%" height="100%%" fill="white"/>`)
	p.legend()
	bound := float64(ask.Delay) / float64(core.Millisecond)
	p.panel(0, "delay of a frame, ms", bound, 2.5*bound, func(x dot) float64 { return x.delay })
	p.panel(1, "accuracy", ask.Accuracy, 1, func(x dot) float64 { return x.accuracy })
	p.add(`</svg>`)
	return p.b.String()
}

// The layout in pixels.
const (
	width, left, right = 900, 60, 20
	panelTop           = 55 // of the first
	panelHeight        = 150
	panelStep          = panelHeight + 45
)

var colours = []string{"#999999", "#d95f02", "#1f5fb4", "#2a9d4a"}

type dot struct{ at, delay, accuracy float64 }

type canvas struct {
	t      *testing.T
	s      *scenarios.Scenario
	b      strings.Builder
	names  []string // of the schedulers, in order
	points map[string][]dot
}

func (p *canvas) add(format string, args ...any) { fmt.Fprintf(&p.b, format+"\n", args...) }

// text writes with its anchor (start, middle, end) at x and y.
func (p *canvas) text(x, y float64, anchor, text string) {
	p.add(`<text x="%.0f" y="%.0f" text-anchor="%s">%s</text>`, x, y, anchor, text)
}

func (p *canvas) line(x1, y1, x2, y2 float64, style string) {
	p.add(`<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" %s/>`, x1, y1, x2, y2, style)
}

func (p *canvas) legend() {
	x := float64(left)
	for i, name := range p.names {
		p.line(x, 20, x+24, 20, `stroke-width="3" stroke="`+colours[i%len(colours)]+`"`)
		p.text(x+30, 24, "start", name)
		x += 60 + 7*float64(len(name))
	}
	p.line(x, 20, x+24, 20, bounded)
	p.text(x+30, 24, "start", "what the query asks")
}

const bounded = `stroke="black" stroke-dasharray="6 4"`

// x is where an instant in seconds lies.
func (p *canvas) x(at float64) float64 {
	return left + at/p.s.Duration.Seconds()*(width-left-right)
}

// panel draws the n-th panel, whose axis goes from 0 to most; what is beyond lies at
// its edge, marked by an arrow and counted.
func (p *canvas) panel(n int, title string, bound, most float64, of func(dot) float64) {
	top := float64(panelTop + n*panelStep)
	bottom := top + panelHeight
	y := func(v float64) float64 { return bottom - min(v/most, 1)*panelHeight }
	for i := range p.s.Faults {
		f := &p.s.Faults[i]
		from, to := p.x(f.At.Seconds()), p.x(min(f.At.Add(f.For), p.s.Duration).Seconds())
		p.add(`<rect x="%.1f" y="%.1f" width="%.1f" height="%d" fill="#eeeeee"/>`, from, top, to-from, panelHeight)
		if n == 0 {
			p.text((from+to)/2, top+14, "middle", strings.ReplaceAll(f.Kind, "_", " "))
		}
	}
	p.text(left, top-5, "start", title)
	const steps = 5
	for i := range steps + 1 {
		v := most * float64(i) / steps
		p.line(left-4, y(v), left, y(v), `stroke="black"`)
		p.text(left-8, y(v)+4, "end", strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64))
	}
	for at := core.Time(0); at <= p.s.Duration; at += core.Minute {
		p.line(p.x(at.Seconds()), bottom, p.x(at.Seconds()), bottom+4, `stroke="black"`)
		p.text(p.x(at.Seconds()), bottom+18, "middle", strconv.Itoa(int(at/core.Minute))+" min")
	}
	cut := 0 // frames beyond the axis
	for i, name := range p.names {
		var line strings.Builder
		for _, x := range p.points[name] {
			fmt.Fprintf(&line, "%.1f,%.1f ", p.x(x.at), y(of(x)))
			if of(x) > most {
				p.add(`<path d="M%.1f %.1f l3 5 h-6 z" fill="%s"/>`, p.x(x.at), top-1, colours[i%len(colours)])
				cut++
			}
		}
		p.add(`<polyline fill="none" stroke-width="1.5" stroke="%s" points="%s"/>`, colours[i%len(colours)], strings.TrimSpace(line.String()))
	}
	if cut > 0 {
		_, unit, _ := strings.Cut(title, ", ")
		p.text(width-right, top-5, "end", fmt.Sprintf("%d frames above %.0f %s", cut, most, unit))
	}
	p.line(left, y(bound), width-right, y(bound), bounded)
	p.line(left, top, left, bottom, `stroke="black"`)
	p.line(left, bottom, width-right, bottom, `stroke="black"`)
}
