package world

import "math"

// The normal draws are Marsaglia and Tsang's ziggurat (The ziggurat method for
// generating random variables, Journal of Statistical Software 5(8), 2000) with 256
// layers of equal area: exact up to the 53 bits of a float64, and 99% of the draws
// need one look into a table. The tables are made at start.
const (
	layers    = 256
	zigTail   = 3.6541528853610088   // where the lowest layer's tail begins
	zigArea   = 0.004928673233974655 // of each layer
	zigUnit53 = 1.0 / (1 << 52)
)

// ziggurat: layer i reaches from -x[i] to x[i], and is inside the curve up to
// x[i+1]; y[i] is the curve's height at x[i].
type ziggurat struct {
	x, y [layers + 1]float64
}

var zig = newZiggurat()

func newZiggurat() *ziggurat {
	z := new(ziggurat)
	f := func(x float64) float64 { return math.Exp(-0.5 * x * x) }
	z.x[0] = zigArea / f(zigTail) // the lowest layer's, as if it had no tail
	z.x[1] = zigTail
	for i := 2; i < layers; i++ {
		z.x[i] = math.Sqrt(-2 * math.Log(float64(zigArea/z.x[i-1])+f(z.x[i-1])))
	}
	for i := range z.x {
		z.y[i] = f(z.x[i])
	}
	return z
}

// normal returns a standard normal number that is a function of 64 random bits;
// the rare draw that needs more bits derives them.
func normal(u uint64) float64 {
	u = mix(u ^ golden)
	i := u & (layers - 1)
	x := float64(int64(u)>>11) * zigUnit53 * zig.x[i]
	if math.Abs(x) < zig.x[i+1] {
		return x
	}
	return normalEdge(u, i, x)
}

// normalEdge decides a draw at the edge of layer i.
func normalEdge(u, i uint64, x float64) float64 {
	for n := uint64(1); ; n++ {
		v := uniform(u + n*golden)
		if i == 0 { // beyond the lowest layer: Marsaglia's tail
			a := -math.Log1p(-v) / zigTail
			b := -math.Log1p(-uniform(u ^ n))
			if 2*b > a*a {
				return math.Copysign(zigTail+a, x)
			}
			continue
		}
		if zig.y[i]+float64(v*(zig.y[i+1]-zig.y[i])) < math.Exp(-0.5*x*x) {
			return x
		}
		return normal(u + n*golden)
	}
}

func uniform(u uint64) float64 { return float64(mix(u)>>11) * 0x1p-53 }
