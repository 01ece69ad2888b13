package core_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"vidq/core"
)

// An estimate stands until a newer one comes, or a call proves that it is too low: then the rate is
// not known, rather than wrong.
func TestDisprovedEstimateIsForgotten(t *testing.T) {
	var link core.LinkEstimate
	c := qmConfig(nil)
	c.Period = core.Second
	c.Scheduler = qmSched(func(v *core.View, _ *core.Decision) { link = v.Link("edge1", "cloud").LinkEstimate })
	r, id := qmRunning(t, c)
	tell := func(e core.LinkEstimate) {
		r.beat("edge1", func(h *core.Heartbeat) {
			h.Links = []core.LinkView{{From: "edge1", To: "cloud", LinkEstimate: e}}
		}, core.JobStatus{Query: id, State: core.StateRunning})
		r.advance(core.Second)
	}
	tell(core.LinkEstimate{Rate: 1e5, RTT: 30 * ms, Samples: 3})
	assert.InDelta(t, 1e5, link.Rate, 0)
	for _, least := range []float64{0, 5e4, 1.1e5} { // nothing, less, and no more than an estimate may err
		tell(core.LinkEstimate{RTT: 10 * ms, Least: least})
		assert.InDelta(t, 1e5, link.Rate, 0)
		assert.Equal(t, 3, link.Samples)
		assert.InDelta(t, least, link.Least, 0)
	}
	tell(core.LinkEstimate{RTT: 10 * ms, Least: 1.3e5})
	assert.Equal(t, core.LinkEstimate{Rate: 1e6, RTT: 20 * ms, Least: 1.3e5}, link, "nominal")
	tell(core.LinkEstimate{Rate: 9e5, RTT: 10 * ms, Age: ms, Samples: 1})
	assert.InDelta(t, 9e5, link.Rate, 0)
	assert.Zero(t, link.Least)
}
