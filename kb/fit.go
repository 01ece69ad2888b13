package kb

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// RunRow is a processed frame of a run that the original recorded.
type RunRow struct {
	Frame   float64
	Objects float64 // faces found
	Delay   float64 // as recorded, seconds
}

// ReadRun reads a run as the original records it: CSV with a header that names at
// least frame_id, total and delay; file names it in errors.
func ReadRun(r io.Reader, file string) ([]RunRow, error) {
	b, err := readAll(r, file, MaxFile)
	if err != nil {
		return nil, err
	}
	cr := csv.NewReader(bytes.NewReader(b))
	cr.ReuseRecord = true
	head, err := cr.Read()
	if err != nil {
		return nil, csvError(file, err)
	}
	var at [3]int
	for i, name := range []string{"frame_id", "total", "delay"} {
		if at[i] = slices.Index(head, name); at[i] < 0 {
			return nil, &Error{File: file, Line: 1, Msg: "has no column " + name}
		}
	}
	var rows []RunRow
	for {
		rec, err := cr.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, csvError(file, err)
		}
		var v [3]float64
		for i, c := range at {
			if v[i], err = finite(rec[c]); err != nil {
				line, _ := cr.FieldPos(c)
				return nil, &Error{File: file, Line: line, Msg: err.Error()}
			}
		}
		rows = append(rows, RunRow{v[0], v[1], v[2]})
	}
	if len(rows) == 0 {
		return nil, &Error{File: file, Msg: "has no rows"}
	}
	return rows, nil
}

// Deduplicate drops the first warmup rows and keeps the last row of each group of
// equal delays: several rows of one poll of the original repeat the newest delay.
func Deduplicate(rows []RunRow, warmup int) []RunRow {
	rows = rows[min(max(warmup, 0), len(rows)):]
	var out []RunRow
	for i, r := range rows {
		if i == len(rows)-1 || rows[i+1].Delay != r.Delay {
			out = append(out, r)
		}
	}
	return out
}

// Fit is a law fitted from a run.
type Fit struct {
	Law
	SD  float64 // of the residuals, seconds
	CV  float64 // of the residuals relative to the law
	Phi float64 // correlation of a residual with the one before
	R2  float64
	N   int // rows
}

// FitRun fits delay*unit = A + B*objects by least squares to the rows that
// Deduplicate leaves. unit is what the record must be multiplied by to give the
// true time: 2 for the original's, which divides by the frame gap + 1.
func FitRun(rows []RunRow, warmup int, unit float64) (Fit, error) {
	rows = Deduplicate(rows, warmup)
	x, y := make([]float64, len(rows)), make([]float64, len(rows))
	for i, r := range rows {
		x[i], y[i] = r.Objects, r.Delay*unit
	}
	if len(rows) < 3 || stat.Variance(x, nil) == 0 {
		return Fit{}, errors.New("a fit needs at least three rows with different counts of objects")
	}
	f := Fit{N: len(rows)}
	f.A, f.B = stat.LinearRegression(x, y, nil, false)
	f.R2 = stat.RSquared(x, y, nil, f.A, f.B)
	var sq, rel, lag float64
	last := 0.0
	for i := range x {
		e := y[i] - f.Mean(x[i])
		m := e / f.Mean(x[i])
		sq, rel, lag = sq+float64(e*e), rel+float64(m*m), lag+float64(m*last)
		last = m
	}
	n := float64(len(x))
	f.SD, f.CV, f.Phi = math.Sqrt(sq/n), math.Sqrt(rel/n), clamp01(lag/rel)
	return f, nil
}

// StageCV is the noise that each of two stages needs so that their sum has the
// relative noise cv when they draw independently and a part of the time, the
// overhead, does not vary: the mean over the counts of objects.
func StageCV(cv, overhead float64, first, second Law, objects []float64) float64 {
	sum := 0.0
	for _, n := range objects {
		a, b := first.Mean(n), second.Mean(n)
		sum += cv * (a + b + overhead) / math.Hypot(a, b)
	}
	return sum / float64(len(objects))
}

// FitDecay fits accuracy(row, fps) = fresh(row) * MeanAgeing(decay, fps,
// cameraFPS) by least squares to a table with a row for each resolution (or
// whatever else fresh depends on) and a column for each of fps.
func FitDecay(table [][]float64, fps []float64, cameraFPS float64) (decay float64, fresh []float64, err error) {
	if len(table) == 0 || len(fps) < 2 {
		return 0, nil, errors.New("a fit of ageing needs a row and two frame rates")
	}
	for _, row := range table {
		if len(row) != len(fps) {
			return 0, nil, errors.New("a row of the table has not one figure for each frame rate")
		}
	}
	fresh = make([]float64, len(table))
	residual := func(decay float64) float64 {
		sum := 0.0
		for i, row := range table {
			fresh[i] = FitFresh(row, fps, cameraFPS, decay)
			for j, y := range row {
				e := y - fresh[i]*MeanAgeing(decay, fps[j], cameraFPS)
				sum += float64(e * e)
			}
		}
		return sum
	}
	decay = math.Exp(minimize(func(x float64) float64 { return residual(math.Exp(x)) }, math.Log(1e-3), math.Log(100)))
	residual(decay) // leaves fresh
	return decay, fresh, nil
}

// minimize finds the minimum of a function with one valley in [lo, hi] by golden
// section, to 1e-6 of the argument.
func minimize(f func(float64) float64, lo, hi float64) float64 {
	const g = 0.6180339887498949 // (sqrt(5)-1)/2
	a, b := hi-g*(hi-lo), lo+g*(hi-lo)
	fa, fb := f(a), f(b)
	for hi-lo > 1e-6 {
		if fa < fb {
			hi, b, fb = b, a, fa
			a = hi - g*(hi-lo)
			fa = f(a)
		} else {
			lo, a, fa = a, b, fb
			b = lo + g*(hi-lo)
			fb = f(b)
		}
	}
	return (lo + hi) / 2
}

// FitFresh is the least squares estimate of a row's fresh accuracy at a decay.
func FitFresh(row, fps []float64, cameraFPS, decay float64) float64 {
	var gy, gg float64
	for j, y := range row {
		g := MeanAgeing(decay, fps[j], cameraFPS)
		gy, gg = gy+float64(g*y), gg+float64(g*g)
	}
	return clamp01(gy / gg)
}
