package result

// mserBatch is the 5 of MSER-5: observations to a batch.
const mserBatch = 5

// MSER5 returns how many of the first values belong to the warm-up, by MSER-5: the
// values are averaged in batches of five, and the cut is the number d of batches that
// minimises
//
//	sum over j > d of (x_j - mean of x_j, j > d)^2 / (n - d)^2
//
// the squared standard error of the mean of what is left (K. P. White: An effective
// truncation heuristic for bias reduction in simulation output, Simulation 69(6), 1997;
// K. P. White, M. J. Cobb, S. C. Spratt: A comparison of five steady-state truncation
// heuristics for simulation, WSC 2000). Candidates are the cuts in the first half, as
// is usual, since few values agree by chance; of equal ones the earliest. ok is false
// when the minimum lies at the end of that range or there are fewer than ten batches:
// then the series is too short to tell, or still moves.
func MSER5(values []float64) (cut int, ok bool) {
	n := len(values) / mserBatch
	if n < 10 {
		return 0, false
	}
	x := make([]float64, n)
	whole := 0.0
	for i := range x {
		for _, v := range values[i*mserBatch : (i+1)*mserBatch] {
			x[i] += v / mserBatch
		}
		whole += x[i] / float64(n)
	}
	best, least := 0, -1.0
	sum, squares := 0.0, 0.0 // of the values from d on, less the mean of all: nothing cancels
	for d := n - 1; d >= 0; d-- {
		y := x[d] - whole
		sum += y
		squares += float64(y * y)
		left := float64(n - d)
		if 2*d > n {
			continue
		}
		rest := squares - float64(sum*sum)/left
		if rest < 1e-12*squares { // constant but for rounding
			rest = 0
		}
		z := rest / (left * left)
		if least < 0 || z <= least {
			best, least = d, z
		}
	}
	if 2*best >= n-1 {
		return 0, false
	}
	return best * mserBatch, true
}
