package sched

import "vidq/core"

func init() {
	Register("latfirst", "the original's latency-first scheduler: fixed (what it meant to do) or peer (what it does)",
		latfirstDefaults,
		func(c latfirstConfig, _ Deps) (core.Scheduler, error) {
			if c.Mode == "peer" {
				alone := latfirstDefaults
				if alone.Mode = c.Mode; c != alone {
					return nil, &Error{Key: "mode", Msg: "peer is the original as it is and takes no other parameter: leave the others away"}
				}
				return &latfirstPeer{}, nil
			}
			if c.Slack > c.Setpoint {
				return nil, &Error{Key: "slack", Msg: "must not be above setpoint"}
			}
			return &latfirstFixed{latfirstConfig: c}, nil
		})
}

var latfirstDefaults = latfirstConfig{Mode: "fixed", Setpoint: 0.9, Slack: 0.8, Kp: 1, Ki: 0.1, Kd: 0.01, DeadBand: 0.05, InFlight: 1, Buffer: 1}

// latfirstConfig's gains are the original's; mode peer has no other parameters.
type latfirstConfig struct {
	Mode     string  `toml:"mode" choices:"fixed|peer" doc:"peer: the original with its mistakes, which takes no other parameter; fixed: a persistent controller, real predictions, every placement"`
	Setpoint float64 `toml:"setpoint" min:"0.1" max:"1" doc:"share of the bound at which the 95th percentile is held"`
	Slack    float64 `toml:"slack" min:"0.1" max:"1" doc:"share of the bound below which a better plan must be predicted to stay before it is taken"`
	Kp       float64 `toml:"kp" min:"0" max:"100" doc:"proportional gain on the relative error"`
	Ki       float64 `toml:"ki" min:"0" max:"100" doc:"integral gain, per second"`
	Kd       float64 `toml:"kd" min:"0" max:"100" doc:"derivative gain, seconds"`
	DeadBand float64 `toml:"dead_band" min:"0" max:"10" doc:"controller outputs below this change nothing"`
	Model    int     `toml:"model" knob:"model" min:"0" max:"255" doc:"index of the model of every stage, 0 = the most accurate"`
	InFlight int     `toml:"in_flight" min:"1" max:"64" doc:"frames of a query under way at once"`
	Buffer   int     `toml:"buffer" min:"1" max:"1000" doc:"frames that wait when the window is full; 1 = the newest only"`
}
