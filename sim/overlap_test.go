package sim_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/scenarios"
)

// A service that is down of itself stays down when its node comes back; and a
// link of which a fault leaves nothing carries nothing.
func TestOverlappingFaults(t *testing.T) {
	for name, faults := range map[string]string{
		"service": `[{ kind = "service_down", at = "10s", for = "40s", node = "cloud", service = "face_detection" }, { kind = "node_down", at = "20s", for = "5s", node = "cloud" }]`,
		"link":    `[{ kind = "link_degraded", at = "10s", for = "40s", link = ["edge1", "cloud"], factor = 0 }]`,
	} {
		t.Run(name, func(t *testing.T) {
			sc, err := scenarios.Load("face", []string{"duration=50s", "warmup=30s", "manager=edge1", "fault=" + faults})
			require.NoError(t, err)
			run := runOf(t, sc, 50*core.Second, "static[plan=golden]", 1)
			require.NoError(t, run.Check())
			assert.Zero(t, run.Frames.Done)
		})
	}
}
