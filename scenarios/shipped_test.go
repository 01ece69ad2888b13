package scenarios

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

// TestShipped loads every shipped scenario and checks what holds for all of them.
func TestShipped(t *testing.T) {
	assert.Subset(t, Names(), []string{"campus", "city", "face", "traffic"})
	assert.IsIncreasing(t, Names())
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			s, err := Load(name, nil)
			require.NoError(t, err)
			assert.Equal(t, name, s.Name)
			assert.NoError(t, s.Validate())
			text, err := os.ReadFile(name + ".toml")
			require.NoError(t, err)
			assert.True(t, strings.HasPrefix(string(text), "# "), "a comment at the head says what it shows")
			file, err := Load(name+".toml", nil)
			require.NoError(t, err)
			assert.Equal(t, forget(file), forget(s), "embedded or not")
			again := load(t, s.Text)
			assert.Equal(t, forget(s), forget(again), "the text as run gives the same scenario")
			for _, q := range s.Queries {
				mode := s.Camera(q.Camera).Mode
				assert.Equal(t, mode == core.ModeFile, q.Constraint.Delay > 0, "delay is for files")
				assert.Equal(t, mode == core.ModeLive, q.Constraint.Latency > 0, "latency is for live cameras")
			}
		})
	}
}

func TestCity(t *testing.T) {
	s, err := Load("city", nil)
	require.NoError(t, err)
	assert.Len(t, s.Cameras, 1000)
	assert.Len(t, s.Queries, 1000)
	assert.Len(t, s.Nodes, 22)
	assert.Len(t, s.Links, 41)
	cameras := map[core.NodeID]int{}
	for i := range s.Cameras {
		cameras[s.Cameras[i].Node]++
		assert.Equal(t, s.Cameras[i].Node, s.Queries[i].Node)
	}
	assert.Len(t, cameras, 20)
	for _, n := range cameras {
		assert.Equal(t, 50, n)
	}
	assert.Less(t, len(s.Text), 3000, "counts stay counts in the text as run")
}

// TestDeterministic loads the same twice.
func TestDeterministic(t *testing.T) {
	for range 3 {
		a, err := Load("city", []string{"camera.cam-7.fps=15", "kb.noise=.1"})
		require.NoError(t, err)
		b, err := Load("city", []string{"camera.cam-7.fps=15", "kb.noise=.1"})
		require.NoError(t, err)
		assert.Equal(t, a, b)
	}
}

func BenchmarkLoad(b *testing.B) {
	for _, name := range Names() {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				s, err := Load(name, nil)
				require.NoError(b, err)
				require.NotEmpty(b, s.Queries)
			}
		})
	}
}
