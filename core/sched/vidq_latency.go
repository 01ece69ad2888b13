package sched

import "math"

// linkLatency is what calls over a link take whatever their size, beyond the smallest round
// trip: jitter, and what a call costs. It is told apart from the rate and from other traffic
// by what it does not grow with: a transfer that shares the link, or meets a lower rate than is
// believed, takes longer in proportion to its bytes. So a line is put through what calls took by what
// their bytes should have taken, by least squares with forgetting; its foot is the latency, the
// scatter about it the jitter. Where all calls are of one size, which tells nothing, the excess is split as
// their priors have it (ridge regression). Calls count while the view has an estimate of the
// rate: what they should have taken by the nominal one would be no measure.
type linkLatency struct {
	n                float64 // calls that count
	x, xx, y, xy     float64 // sums of usual and excess seconds, of their squares and products
	foot, slope, dev float64 // the line, and the mean absolute deviation from it
}

const (
	latencyMemory = 100.             // calls that a line is put through
	latencyNoise  = .005             // seconds by which a call is off, against which priors weigh
	latencyPrior  = .01              // standard deviation of the foot before any call, seconds
	latencyShare  = .5               // the same of the slope
	latencyCut    = 2 * latencyNoise // seconds that a call may be off, at least, without being cut to it
)

// add takes in a call whose bytes should have taken usual seconds and which took excess seconds more.
func (l *linkLatency) add(usual, excess float64) {
	off := excess - l.foot - float64(l.slope*usual)
	if l.n >= 5 {
		bound := max(outlier*l.dev, latencyCut)
		off = min(max(off, -bound), bound)
		excess = l.foot + float64(l.slope*usual) + off
	}
	keep := 1 - 1/latencyMemory
	l.n = float64(l.n*keep) + 1
	l.x, l.xx = float64(l.x*keep)+usual, float64(l.xx*keep)+float64(usual*usual)
	l.y, l.xy = float64(l.y*keep)+excess, float64(l.xy*keep)+float64(usual*excess)
	l.dev += (math.Abs(off) - l.dev) / l.n
	a, b := l.n+float64(square(latencyNoise/latencyPrior)), l.xx+float64(square(latencyNoise/latencyShare))
	det := float64(a*b) - float64(l.x*l.x)
	l.foot = max((float64(b*l.y)-float64(l.x*l.xy))/det, 0)
	l.slope = (l.xy - float64(l.foot*l.x)) / b
}

// known is what is to be reckoned with, in seconds, and its standard deviation.
func (l *linkLatency) known() (foot, sd float64) {
	share := l.n / (l.n + priorOwn)
	return share * l.foot, share * 1.25 * l.dev
}

// rates returns what a call that took so many seconds beyond the round trip tells of the time
// of its bytes, which at the rate that is believed in should take usual. What it differs by is the
// rate's or the latency's, in proportion to how much each could make of it (the best linear
// estimate): a call of few bytes over a link that jitters tells of the rate next to nothing.
func (l *linkLatency) rates(took, usual float64) float64 {
	foot, sd := l.known()
	weight := float64(square(usual)) / (float64(square(usual)) + float64(square(sd)) + 1e-12)
	return usual + float64(weight*(took-foot-usual))
}
