package main

import (
	"cmp"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"slices"

	"vidq/core/result"
	"vidq/core/sched"
)

// The search for a scheduler's best parameters, which docs/tune.md describes: random
// search (J. Bergstra, Y. Bengio: Random search for hyper-parameter optimization, JMLR 13,
// 2012) by successive halving (K. Jamieson, A. Talwalkar: Non-stochastic best arm
// identification and hyperparameter optimization, AISTATS 2016), which gets half of
// the runs, then a pattern search along the coordinates (R. Hooke, T. A. Jeeves: Direct search
// solution of numerical and statistical problems, JACM 8, 1961) from the best on.
const (
	tuneRungs = 4       // of successive halving: an eighth, a quarter, a half, all of the worlds
	tuneKeep  = .5      // probability that a drawn candidate keeps a parameter's default
	tuneDraws = 200     // draws in a row that are not new, after which nothing is left to be drawn
	tuneStep  = 1.0 / 4 // first step along a coordinate, as a share of its range
	tuneLeast = 1.0 / 32
)

// errSpent ends a search: there are not enough runs left for what is next.
var errSpent = errors.New("the budget is spent")

// candidate is a specification with its slo_time.joint in the worlds that it has met.
type candidate struct {
	spec  sched.Spec
	joint []float64
}

// mean is over the first n worlds.
func (c *candidate) mean(n int) float64 { return result.NewStat(c.joint[:n]).Mean }

// tuner searches the parameters of one scheduler.
type tuner struct {
	fixed  sched.Spec     // with the parameters that stay
	values map[string]any // the defaults of the others
	ranges []sched.Range
	worlds int
	budget int
	rng    *rand.Rand
	// play runs the candidates up to n worlds.
	play func(candidates []*candidate, n int) error

	spent int
	known map[string]*candidate // by specification
	order []*candidate          // as they were made
	base  *candidate            // the default
	best  *candidate            // of those that met all worlds
}

// newTuner searches what spec leaves open, in scenarios that have all that offers say.
func newTuner(spec sched.Spec, offers []*sched.Offer, worlds, budget int, seed uint64) *tuner {
	h := fnv.New64a()
	h.Write([]byte(spec.String())) // a hash's Write never fails
	t := &tuner{
		fixed: spec, values: map[string]any{}, worlds: worlds, budget: budget,
		rng: rand.New(rand.NewPCG(seed, h.Sum64())), known: map[string]*candidate{},
	}
	info := sched.Describe(spec.Name)
	for i := range info.Params {
		p := &info.Params[i]
		r, ok := p.Range(offers)
		if _, given := spec.Params[p.Key]; ok && !given {
			t.ranges = append(t.ranges, r)
			t.values[p.Key] = p.Default
		}
	}
	return t
}

// search runs until the budget is spent, nothing is left to try or a run fails or is
// interrupted; best is the best so far, nil when not even the default has met all worlds.
func (t *tuner) search() error {
	t.base = t.make(t.fixed.Params, nil)
	if err := t.meet([]*candidate{t.base}, t.worlds); err != nil {
		return err
	}
	t.best = t.base
	for first := true; ; first = false {
		found, err := t.halve(t.pool((t.budget-t.spent)/2, first))
		if err == nil && !found && !first {
			return nil
		}
		if err == nil {
			err = t.refine()
		}
		if errors.Is(err, errSpent) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// rung is how many worlds candidates have met after step i of the halving.
func (t *tuner) rung(i int) int { return max(t.worlds>>(tuneRungs-1-i), 1) }

// cost is what the halving of n candidates takes.
func (t *tuner) cost(n int) (runs int) {
	met := 0
	for i := range tuneRungs {
		runs += n * (t.rung(i) - met)
		met, n = t.rung(i), (n+1)/2
	}
	return runs
}

// pool makes as many candidates as can be halved with so many runs: at first those
// that differ from the default in one choice, which a draw may miss, then drawn ones.
func (t *tuner) pool(runs int, first bool) (pool []*candidate) {
	n := 0
	for t.cost(n+1) <= runs {
		n++
	}
	if first {
		for i := range t.ranges {
			for _, v := range t.ranges[i].Values {
				if len(pool) == n {
					return pool
				}
				if c := t.make(t.fixed.Params, map[string]any{t.ranges[i].Key: v}); c != nil {
					pool = append(pool, c)
				}
			}
		}
	}
	for draws := 0; len(pool) < n && draws < tuneDraws; draws++ {
		changes := map[string]any{}
		for i := range t.ranges {
			keep, u := t.rng.Float64() < tuneKeep, t.rng.Float64()
			if !keep {
				changes[t.ranges[i].Key] = t.ranges[i].At(u)
			}
		}
		if c := t.make(t.fixed.Params, changes); c != nil {
			pool, draws = append(pool, c), 0
		}
	}
	return pool
}

// make returns the candidate that differs from params by changes; nil if there has been
// one of that kind, or if the scheduler refuses it. What has the default's value is not named.
func (t *tuner) make(params, changes map[string]any) *candidate {
	c := &candidate{spec: sched.Spec{Name: t.fixed.Name, Params: map[string]any{}}}
	for k, v := range params {
		c.spec.Params[k] = v
	}
	for k, v := range changes {
		c.spec.Params[k] = v
		if t.isDefault(k, v) {
			delete(c.spec.Params, k)
		}
	}
	key := c.spec.String()
	if t.known[key] != nil {
		return nil
	}
	if _, err := sched.New(c.spec, sched.Deps{}); err != nil {
		return nil
	}
	t.known[key] = c
	t.order = append(t.order, c)
	return c
}

func (t *tuner) isDefault(key string, v any) bool {
	return sched.FormatValue(v) == sched.FormatValue(t.values[key])
}

// halve plays the candidates on more and more worlds and drops the worse half each
// time. It reports whether there was any.
func (t *tuner) halve(pool []*candidate) (found bool, err error) {
	found = len(pool) > 0
	for i := range tuneRungs {
		n := t.rung(i)
		if err := t.meet(pool, n); err != nil {
			return found, err
		}
		slices.SortStableFunc(pool, func(a, b *candidate) int { return cmp.Compare(b.mean(n), a.mean(n)) })
		if n < t.worlds {
			pool = pool[:(len(pool)+1)/2]
		}
	}
	if found && pool[0].mean(t.worlds) > t.best.mean(t.worlds) {
		t.best = pool[0]
	}
	return found, nil
}

// refine moves the best along one coordinate after the other, with smaller steps when no
// move is better.
func (t *tuner) refine() error {
	for step := float64(tuneStep); step >= tuneLeast; {
		before := t.best
		for _, i := range t.rng.Perm(len(t.ranges)) {
			if err := t.move(&t.ranges[i], step); err != nil {
				return err
			}
		}
		if t.best == before {
			step /= 2
		}
	}
	return nil
}

// move tries the values near the best one's of a parameter, and the default, which is taken
// if it is as good: a parameter that changes nothing had better not be named.
func (t *tuner) move(r *sched.Range, step float64) error {
	value, set := t.best.spec.Params[r.Key]
	var plain *candidate
	var group []*candidate
	if set {
		if plain = t.make(t.best.spec.Params, map[string]any{r.Key: t.values[r.Key]}); plain != nil {
			group = append(group, plain)
		}
	} else {
		value = t.values[r.Key]
	}
	for _, v := range r.Near(value, step) {
		if c := t.make(t.best.spec.Params, map[string]any{r.Key: v}); c != nil {
			group = append(group, c)
		}
	}
	// Who is behind the best on a quarter of the worlds, or on a half, is dropped.
	for i := 1; i < tuneRungs && len(group) > 0; i++ {
		n := t.rung(i)
		if err := t.meet(group, n); err != nil {
			return err
		}
		reach := t.best.mean(n)
		group = slices.DeleteFunc(group, func(c *candidate) bool {
			return c.mean(n) < reach || c.mean(n) == reach && c != plain
		})
	}
	if len(group) > 0 {
		t.best = slices.MaxFunc(group, func(a, b *candidate) int { return cmp.Compare(a.mean(t.worlds), b.mean(t.worlds)) })
	}
	return nil
}

// meet plays candidates up to n worlds, or fails with errSpent if the budget is not enough
// for that.
func (t *tuner) meet(candidates []*candidate, n int) error {
	runs := 0
	for _, c := range candidates {
		runs += max(n-len(c.joint), 0)
	}
	if t.spent+runs > t.budget {
		return errSpent
	}
	if runs == 0 {
		return nil
	}
	if err := t.play(candidates, n); err != nil {
		return err
	}
	t.spent += runs
	return nil
}
