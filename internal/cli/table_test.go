package cli

import (
	"strings"
	"testing"

	"vidq/core"
	"vidq/core/result"
	"vidq/scenarios"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTableOfNothing(t *testing.T) {
	s := &scenarios.Scenario{Name: "empty"}
	run := result.NewCollector(result.Meta{Scheduler: "random"}).End(core.Second)
	doc := &result.Document{Scenario: "empty", Runs: []*result.Run{run}, Summary: result.Summarize([]*result.Run{run})}
	var b strings.Builder
	require.NoError(t, WriteTable(&b, s, doc, "1 s simulated"))
	assert.Contains(t, b.String(), "no query")
	assert.Contains(t, b.String(), "0/0")
	require.NoError(t, WriteTable(&b, s, &result.Document{Interrupted: true}, ""))
	assert.Contains(t, b.String(), "INTERRUPTED")
}

func TestAsks(t *testing.T) {
	s := &scenarios.Scenario{}
	add := func(n int, c core.Constraint) {
		for range n {
			s.Queries = append(s.Queries, scenarios.Query{ID: "q", Constraint: c})
		}
	}
	add(1, core.Constraint{Latency: 1500 * core.Microsecond})
	add(990, core.Constraint{Delay: core.Second, Latency: core.Second, Accuracy: .75})
	add(2, core.Constraint{})
	assert.Equal(t, "q asks latency <= 1.5 ms; 990 queries ask delay <= 1000 ms, latency <= 1000 ms, accuracy >= 0.75; 2 queries ask for nothing", asks(s))
	add(1, core.Constraint{Accuracy: .1})
	assert.True(t, strings.HasSuffix(asks(s), "; ..."))
}
