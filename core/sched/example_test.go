package sched_test

import (
	"fmt"

	"vidq/core"
	"vidq/core/sched"
	"vidq/core/sched/schedtest"
)

func ExampleParseSpecs() {
	specs, _ := sched.ParseSpecs("latfirst[mode=peer], static[plan=given, place=[host,cloud]]")
	for _, s := range specs {
		fmt.Println(s)
	}
	_, err := sched.New(sched.Spec{Name: "latfirst", Params: map[string]any{"mode": "per"}}, sched.Deps{})
	fmt.Println(err)
	// Output:
	// latfirst[mode=peer]
	// static[place=[host,cloud],plan=given]
	// scheduler latfirst: mode: want fixed, peer, got "per" (did you mean "peer"?)
}

func ExampleNew() {
	v := schedtest.Regular(2, 3) // two queries, two edges, one cloud
	s, err := sched.New(sched.Spec{Name: "static", Params: map[string]any{"plan": "given", "host_stages": 1}}, sched.Deps{})
	if err != nil {
		fmt.Println(err)
		return
	}
	var d core.Decision
	s.Schedule(v, &d)
	for _, p := range d.Plans {
		fmt.Println(p.Query, p.Plan.Video.Resolution, p.Plan.Video.FPS, p.Plan.Stages)
	}
	// Output:
	// 1 720p 10 [{edge-000 0} {cloud-000 0}]
	// 2 720p 10 [{edge-001 0} {cloud-000 0}]
}
