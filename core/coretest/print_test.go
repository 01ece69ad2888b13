package coretest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"vidq/core"
)

func TestPrinterWritesALineForEachEffect(t *testing.T) {
	p := good(2)
	p.Pace, p.Refused = 10, true
	fx := core.Effects{
		Records: []core.Record{
			&core.NodeState{Node: "edge1", Incarnation: 2}, &core.LinkRecord{Link: core.LinkSample{From: "a", To: "b", Bytes: 7}},
			&core.FaultRecord{Kind: "link_down", Target: "a-b", Begin: true}, &core.StageRecord{Err: core.CallRejected, Service: "a", On: "edge1"},
			&core.PlanRecord{Query: 1, Plan: p},
		},
		Saves:    []core.Save{{ID: 4, Changes: []core.Change{{Kind: core.ChangeNode, Node: core.SavedNode{Node: "edge1", Incarnation: 2, Seq: 9}}}}},
		Captures: []core.Capture{{Query: 1, Camera: "cam", From: 5, Plan: &p}},
		Invokes:  []core.Invoke{{Ref: core.CallRef{Query: 1, Frame: 2, Attempt: 1}, Node: "edge1", Service: "a", Charged: true, Timeout: core.Second}},
		Releases: []core.Release{{Query: 1, CameraFrame: 5}},
		Sends:    []core.Send{{To: core.Address{Node: "edge1", Part: core.PartServices}, Msg: &core.ConfigureServices{Incarnation: 2, Revision: 3}}},
		Wakes:    []core.Wake{{At: 1500 * core.Millisecond}},
	}
	var out strings.Builder
	fx.Drain(&Printer{Out: &out, Prefix: "edge1: "})
	assert.Equal(t, `edge1: record node edge1/2 down
edge1: record link a-b 7 bytes
edge1: record fault link_down a-b begin true
edge1: record stage 0/0.0 a at edge1 rejected
edge1: record plan of query 1: r2 360p 2fps jpeg q90 edge1:0 window 1 buffer 1 pace 10 B/s refused
edge1: save 4: node edge1/2 up to 9
edge1: capture query 1: cam from frame 5 for r2
edge1: invoke 1/2.0#2: a model 0 at edge1 with charged work, camera frame 0, within 1s
edge1: release query 1 frame 5
edge1: send to edge1/services: ConfigureServices /2 r3
edge1: wake at 1.5s
`, out.String())
}
