package world

import (
	"math"

	"vidq/core"
)

// noiseTerms is how many innovations make one value of the noise.
const noiseTerms = 8

// Noise is the correlated noise of the work of one stage of one query: the
// moving average
//
//	z_k = sqrt(1-phi^2) * sum over j < 8 of phi^j * e_(k-j)
//
// over camera frames k, where e are independent standard normals, each keyed by
// its frame. It is an autoregressive process cut after eight terms, so that any
// frame's value is found from its number alone, whichever frames were analysed before.
// Node, model and plan are not in the key: they scale z.
//
// Its mean is 0, its variance 1 - phi^16 (slightly below 1: .9999996 for phi = .4) and its
// correlation at lag d < 8 is phi^d * (1 - phi^(16-2d)) / (1 - phi^16).
//
// A Noise remembers the innovations that it drew last, which changes what it costs
// and not what it says.
type Noise struct {
	key  Key
	phi  float64
	w    float64             // weight of the newest innovation
	last int64               // the frame that was asked for last
	have uint64              // the slots that hold an innovation of last or of the seven frames before, a bit each
	e    [noiseTerms]float64 // by frame mod 8
}

// NewNoise makes the noise of one query and stage; key names them, see WorkKey.
// phi is the correlation of neighbouring frames, 0 <= phi < 1.
func NewNoise(key Key, phi float64) Noise {
	return Noise{key: key, phi: phi, w: math.Sqrt(1 - phi*phi)}
}

// WorkKey is the key of the work noise of a query's stage. query is the name that
// the query has whoever serves it and however often it is accepted: the
// scenario's, not the manager's number.
func WorkKey(root Key, query string, stage int) Key {
	return root.Name("work").Name(query).With(uint64(stage))
}

// At returns z of a camera frame. The first attempt is 0; a retry draws from a
// sequence of its own.
func (n *Noise) At(frame int64, attempt int) float64 {
	z, w := 0.0, n.w
	if attempt > 0 {
		key := n.key.With(uint64(attempt)).Name("attempt")
		for j := range int64(noiseTerms) {
			z += float64(w * key.With(uint64(frame-j)).Normal())
			w *= n.phi
		}
		return z
	}
	n.turn(frame)
	for j := range int64(noiseTerms) {
		i := (frame - j) & (noiseTerms - 1)
		if n.have>>i&1 == 0 {
			n.e[i] = n.key.With(uint64(frame - j)).Normal()
		}
		z += float64(w * n.e[i])
		w *= n.phi
	}
	n.have = 1<<noiseTerms - 1
	return z
}

// turn forgets the innovations that frame does not look at.
func (n *Noise) turn(frame int64) {
	if d := frame - n.last; d < 0 || d >= noiseTerms {
		n.have = 0
	} else {
		for ; d > 0; d-- {
			n.have &^= 1 << ((n.last + d) & (noiseTerms - 1))
		}
	}
	n.last = frame
}

// WorkTime is the work of one frame: its mean times 1 + cv*z, at least a tenth of
// the mean, in whole ns. mean is in seconds.
func WorkTime(mean, cv, z float64) core.Time {
	return core.FromSeconds(mean * max(1+float64(cv*z), 0.1))
}
