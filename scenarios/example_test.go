package scenarios_test

import (
	"fmt"

	"vidq/scenarios"
)

// A shipped scenario with two settings changed, and what a mistake looks like.
func ExampleLoad() {
	s, err := scenarios.Load("face", []string{"link.edge1-cloud.rate=5Mbit/s", "duration=1m"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Name, s.Duration, len(s.Nodes), "nodes,", s.Links[0].Rate, "bytes/s")
	for _, q := range s.Queries {
		fmt.Println(q.Key, "on", q.Node, "within", q.Constraint.Delay)
	}
	_, err = scenarios.Load("face", []string{"camera.clasroom.fps=10"})
	fmt.Println(err)
	// Output:
	// face 60s 2 nodes, 625000 bytes/s
	// face/headup on edge1 within 0.3s
	// --set camera.clasroom.fps=10: there is no camera "clasroom"; there is classroom (did you mean "classroom"?)
}
