package coretest

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"vidq/core"
)

// chaos plays a random script: everything that can go wrong does.
type chaos struct {
	*env
	r       *rand.Rand
	queries int
	log     []string
}

func newChaos(seed uint64) *chaos {
	c := &chaos{env: newEnv(), r: rand.New(rand.NewPCG(seed, 7))}
	c.quiet = true
	for _, line := range []string{
		"node cloud role=cloud services=a:2,b:2", "node edge1 services=a:1,b:1 cameras=x,y", "node edge2 services=a:1 cameras=z mode=file length=200",
		"link edge1 cloud", "link edge2 cloud", "manager cloud period=700ms phase=100ms decision=50ms", "set resend=200ms frame=2s stage=300ms sync=50ms", "start",
	} {
		c.do("%s", line)
	}
	return c
}

func (c *chaos) do(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	c.log = append(c.log, line)
	c.command(line)
}

func (c *chaos) chance(p float64) bool { return c.r.Float64() < p }

// disturb does one random thing.
func (c *chaos) disturb() {
	for range min(len(c.messages), 4) {
		m := fmt.Sprintf("m%d", c.messages[c.r.IntN(min(len(c.messages), 8))].number)
		switch p := c.r.Float64(); {
		case p < .6:
			c.do("deliver %s", m)
		case p < .65:
			c.do("drop %s", m)
		case p < .7:
			c.do("duplicate %s", m)
		}
		if len(c.messages) == 0 {
			break
		}
	}
	switch c.r.IntN(9) {
	case 0, 1:
		c.do("advance %dms", c.r.IntN(150))
	case 2:
		if c.manager != nil {
			c.do("saved%s", []string{"", "", "", " error disk full"}[c.r.IntN(4)])
		}
	case 3:
		c.submitOrStop()
	case 4:
		c.decide()
	case 5, 6:
		c.frames()
	case 7:
		c.calls()
	default:
		c.crash()
	}
}

func (c *chaos) submitOrStop() {
	if c.queries > 0 && c.chance(.3) {
		c.do("stop %d", 1+c.r.IntN(c.queries))
		return
	}
	if c.queries < 8 {
		c.queries++
	}
	host := [][2]string{{"edge1", "x"}, {"edge1", "y"}, {"edge2", "z"}}[c.r.IntN(3)]
	c.do("submit k%d node=%s camera=%s pipeline=a latency=%dms", 1+c.r.IntN(c.queries), host[0], host[1], 200*c.r.IntN(3))
}

func (c *chaos) decide() {
	q := 1 + c.r.IntN(max(c.queries, 1))
	switch c.r.IntN(7) {
	case 0:
		c.do("refuse %d", q)
	case 1:
		c.do("pace %d %d", q, c.r.IntN(3)*100_000)
	case 2:
		c.do("service %s a workers=%d model=%d", []string{"cloud", "edge1"}[c.r.IntN(2)], 1+c.r.IntN(3), c.r.IntN(2))
	case 3:
		c.do("charge %d cloud a calls=%d", q, c.r.IntN(3))
	default:
		c.do("plan %d stages=%s:%d fps=%d window=%d buffer=%d", q, []string{"cloud", "edge1", "edge2"}[c.r.IntN(3)],
			c.r.IntN(2), 1+c.r.IntN(30), 1+c.r.IntN(3), c.r.IntN(4)-1)
	}
}

// frames answers some of the captures under way.
func (c *chaos) frames() {
	for _, id := range c.ids {
		n := c.nodes[id]
		if n.machine == nil {
			continue
		}
		for _, q := range sortedKeys(n.captures) {
			capture, there := n.captures[q]
			if !there || c.chance(.3) {
				continue
			}
			ev := &core.FrameCaptured{Query: q, CameraFrame: core.Selected(capture.From, capture.Plan.Video.FPS, 30), At: c.now, Bytes: 1000}
			delete(n.captures, q)
			if ev.CameraFrame >= 200 && id == "edge2" {
				n.machine.step(&core.VideoEnded{Query: q})
				continue
			}
			c.check.Captured(c.now, id, ev)
			n.machine.step(ev)
		}
	}
}

// calls answers, loses or fails some of the calls under way.
func (c *chaos) calls() {
	for _, id := range c.ids {
		n := c.nodes[id]
		for _, name := range sortedKeys(n.invokes) {
			switch {
			case n.machine == nil || c.chance(.3):
			case c.chance(.2):
				delete(n.invokes, name)
			default:
				c.do("done %s err=%s", name, []string{"", "", "", "rejected", "unreachable"}[c.r.IntN(5)])
			}
		}
	}
}

func (c *chaos) crash() {
	name := []string{"manager", "edge1", "edge2", "cloud"}[c.r.IntN(4)]
	running := c.manager != nil
	if name != "manager" {
		running = c.nodes[core.NodeID(name)].machine != nil
	}
	switch {
	case running && c.chance(.1):
		c.do("crash %s%s", name, []string{"", " committed"}[c.r.IntN(2)])
	case !running:
		c.do("restart %s", name)
	}
}

// heal ends all faults.
func (c *chaos) heal() {
	if c.manager == nil {
		c.do("restart manager")
	}
	for _, id := range c.ids {
		if c.nodes[id].machine == nil {
			c.do("restart %s", id)
		}
	}
	c.next = core.Decision{}
	c.do("saved")
	for range 60 { // a node that could not join tries again after a pause
		c.do("run 100ms")
		up := true
		for _, n := range c.manager.m.(*core.QueryManager).Nodes() {
			up = up && n.Up
		}
		if up {
			break
		}
	}
	c.do("run 2100ms") // two heartbeats
	c.do("converged")
}

func TestRandomFaultsBreakNothing(t *testing.T) {
	for seed := range uint64(Cases(300)) {
		c := newChaos(seed)
		for range 400 {
			c.disturb()
		}
		c.heal()
		queries := c.manager.m.(*core.QueryManager).Queries()
		for _, q := range queries {
			c.do("stop %d", q.Query.ID)
		}
		c.do("run 4s")
		for _, q := range queries {
			require.Zero(t, c.check.Held(q.Query.ID), "seed %d: query %d's node holds frames after its end", seed, q.Query.ID)
		}
		require.NoError(t, c.check.Err(), "seed %d", seed)
		require.Empty(t, c.manager.saves, "seed %d", seed)
	}
}
