package result

import (
	"math"
	"math/bits"

	"vidq/core"
)

// Buckets of a Histogram: an octave of times has 512 of equal width, so that the
// widest bucket of a value is 1/512 of it (a bucket ratio of at most 1.00196) and
// its middle is at most 1/1024 = .098% away. Times below 512 ns have a bucket each.
const (
	octaveBits = 9
	octaveSize = 1 << octaveBits
	octaves    = 64 - octaveBits
)

// Histogram counts times of at least 0 and tells their mean exactly, their maximum exactly and
// their quantiles within .1% of the value (nearest rank, the middle of the
// value's bucket). Its memory depends on the range of the values alone: 1 KiB for each
// octave in which there is one, 5 KiB once a bucket holds more than 65,535. The
// zero value is empty and ready.
type Histogram struct {
	n     uint64
	sum   float64 // ns; exact up to 2^53 ns, 104 days
	max   core.Time
	count [octaves]*octave
}

// octave counts in 16 bits, so that a thousand queries' histograms stay near the
// processor, and carries into 64.
type octave struct {
	low   [octaveSize]uint16
	carry *[octaveSize]uint64 // in 65,536
	used  span
}

// span is the buckets in use, [from, to): what a hundred thousand queries have counted is
// merged and searched when their run is interrupted, and a query's times lie
// close together. The zero span is empty.
type span struct{ from, to int }

func (s *span) add(i int) {
	if s.to == 0 {
		s.from = i
	}
	s.from, s.to = min(s.from, i), max(s.to, i+1)
}

// join adds what o spans.
func (s *span) join(o span) {
	if o.to > 0 {
		s.add(o.from)
		s.add(o.to - 1)
	}
}

func (o *octave) get(i int) uint64 {
	n := uint64(o.low[i])
	if o.carry != nil {
		n += o.carry[i] << 16
	}
	return n
}

func (o *octave) overflow(i int, n uint64) {
	if o.carry == nil {
		o.carry = new([octaveSize]uint64)
	}
	o.carry[i] += n
}

// Add counts t; a negative t counts as 0. It allocates only when t is the first of
// its octave, and once when the octave's first bucket overflows.
func (h *Histogram) Add(t core.Time) {
	t = max(t, 0)
	h.n++
	h.sum += float64(t)
	h.max = max(h.max, t)
	i := bucket(t)
	o := h.count[i>>octaveBits]
	if o == nil {
		o = new(octave)
		h.count[i>>octaveBits] = o
	}
	i &= octaveSize - 1
	o.used.add(i)
	if o.low[i]++; o.low[i] == 0 {
		o.overflow(i, 1)
	}
}

// bucket returns the index of the bucket of t >= 0. Below 512 ns it is t; above,
// with e the number of binary places by which t exceeds 10 bits, it is e*512 plus
// the leading 10 bits of t, which are in [512, 1024): indices go on without a gap.
func bucket(t core.Time) int {
	if t < octaveSize {
		return int(t)
	}
	e := bits.Len64(uint64(t)) - octaveBits - 1
	return e<<octaveBits + int(t>>e)
}

// middle returns the middle of the bucket with index i.
func middle(i int) core.Time {
	if i < 2*octaveSize { // one value each
		return core.Time(i)
	}
	e := i>>octaveBits - 1
	low := core.Time(i-e<<octaveBits) << e
	return low + core.Time(1)<<e/2
}

// Merge adds everything that o has counted.
func (h *Histogram) Merge(o *Histogram) {
	h.n += o.n
	h.sum += o.sum
	h.max = max(h.max, o.max)
	for i, from := range o.count {
		if from == nil {
			continue
		}
		to := h.count[i]
		if to == nil {
			to = new(octave)
			h.count[i] = to
		}
		to.used.join(from.used)
		for j := from.used.from; j < from.used.to; j++ {
			n := from.get(j) + uint64(to.low[j])
			to.low[j] = uint16(n)
			if n>>16 > 0 {
				to.overflow(j, n>>16)
			}
		}
	}
}

// Count returns how many times were counted.
func (h *Histogram) Count() int64 { return int64(h.n) }

// Max returns the largest time; 0 if there is none.
func (h *Histogram) Max() core.Time { return h.max }

// Mean returns the mean in seconds; NaN if there is none.
func (h *Histogram) Mean() float64 { return h.sum / float64(h.n) / float64(core.Second) }

// Quantile returns the p-quantile (0..1) by nearest rank: the smallest time that
// at least p of all do not exceed, within .1%. 0 if there is none.
func (h *Histogram) Quantile(p float64) core.Time {
	if h.n == 0 {
		return 0
	}
	left := rank(p, h.n)
	for o, c := range h.count {
		if c == nil {
			continue
		}
		for j := c.used.from; j < c.used.to; j++ {
			n := c.get(j)
			if n >= left {
				return min(middle(o<<octaveBits+j), h.max)
			}
			left -= n
		}
	}
	return h.max
}

// rank returns the nearest rank of the p-quantile of n values, 1..n. The small
// number takes back what rounding p*n up may have added (.95*20 is 19).
func rank(p float64, n uint64) uint64 {
	r := uint64(math.Ceil(p*float64(n)*(1-1e-12) - 1e-12))
	return min(max(r, 1), n)
}

// shares counts values in 0..1 in buckets of a thousandth, weighted.
type shares struct {
	n     int64
	count *[1001]int64 // nil before the first
	used  span
}

func (s *shares) add(v float64, weight int64) {
	s.n += weight
	i := int(min(max(v, 0), 1)*1000 + .5)
	s.used.add(i)
	s.buckets()[i] += weight
}

func (s *shares) merge(o *shares) {
	if o.count == nil {
		return
	}
	s.n += o.n
	s.used.join(o.used)
	mine := s.buckets()
	for i := o.used.from; i < o.used.to; i++ {
		mine[i] += o.count[i]
	}
}

func (s *shares) buckets() *[1001]int64 {
	if s.count == nil {
		s.count = new([1001]int64)
	}
	return s.count
}

// quantile returns the p-quantile by nearest rank, within .0005, of the values and so
// many zeros more; together they must be some.
func (s *shares) quantile(p float64, zeros int64) float64 {
	left := int64(rank(p, uint64(s.n+zeros))) - zeros
	if left <= 0 || s.count == nil {
		return 0
	}
	for i := s.used.from; i < s.used.to; i++ {
		n := s.count[i]
		if n >= left {
			return float64(i) / 1000
		}
		left -= n
	}
	return 1
}
