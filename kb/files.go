package kb

import (
	"math"
	"strconv"

	"vidq/core"
)

// The types of this file are the forms of the profiles: see profiles/README.md
// for what each key means. Every table of figures carries its source.

// figure is the origin of the numbers beside it.
type figure struct {
	Source  string `toml:"source"`
	Assumed bool   `toml:"assumed"` // not measured, or measured on something else
}

// setFile is SET/set.toml.
type setFile struct {
	Title    string   `toml:"title"`
	Base     []string `toml:"base"`    // sets whose services this one inherits
	Content  string   `toml:"content"` // class of content that is assumed where none is told
	NoEncode bool     `toml:"no_encode"`
}

// serviceFile is SET/SERVICE.toml.
type serviceFile struct {
	Title  string      `toml:"title"`
	Like   string      `toml:"like"` // a service of the same set whose models this one has
	Input  string      `toml:"input"`
	Output *outputFile `toml:"output"`
	CPU    deviceFile  `toml:"cpu"` // defaults of rows with device "cpu"
	GPU    deviceFile  `toml:"gpu"`
	Models []modelFile `toml:"model"`
}

type outputFile struct {
	figure
	Base      float64 `toml:"base"`       // bytes
	PerObject float64 `toml:"per_object"` // bytes
	PerPixel  float64 `toml:"per_pixel"`  // bytes per pixel of an object's box
}

type modelFile struct {
	figure
	Name     string    `toml:"name"`
	Accuracy float64   `toml:"accuracy"` // relative to the service's best model
	Like     string    `toml:"like"`     // an earlier model of the file whose rows this one has
	Times    float64   `toml:"times"`    // multiplied by this
	On       []rowFile `toml:"on"`
}

type rowFile struct {
	figure
	deviceFile
	Class  string    `toml:"class"`
	Role   string    `toml:"role"` // instead of a class: every node of that role
	Like   string    `toml:"like"` // class of an earlier row of the model
	Times  float64   `toml:"times"`
	Device string    `toml:"device"`
	Laws   []lawFile `toml:"laws"`
}

type lawFile struct {
	figure
	At string  `toml:"at"` // resolution
	A  float64 `toml:"a"`  // seconds
	B  float64 `toml:"b"`  // seconds per object
}

type deviceFile struct {
	Noise *noiseFile `toml:"noise"`
	Load  *loadFile  `toml:"load"`
	Batch *batchFile `toml:"batch"`
	Needs *needsFile `toml:"needs"`
}

type noiseFile struct {
	figure
	CV  float64 `toml:"cv"`
	Phi float64 `toml:"phi"`
}

type loadFile struct {
	figure
	Seconds float64 `toml:"seconds"`
}

type batchFile struct {
	figure
	Marginal float64 `toml:"marginal"`
}

type needsFile struct {
	figure
	CPU    float64 `toml:"cpu"`
	GPU    float64 `toml:"gpu"`
	Memory float64 `toml:"memory_mb"`
}

// classFile is a table of classes.toml.
type classFile struct {
	Title    string `toml:"title"`
	Role     string `toml:"role"`
	Capacity struct {
		figure
		Cores  float64 `toml:"cores"`
		GPUs   float64 `toml:"gpus"`
		Memory float64 `toml:"memory_mb"`
	} `toml:"capacity"`
	Power struct {
		figure
		Idle    float64 `toml:"idle"`
		PerCore float64 `toml:"per_core"`
		PerGPU  float64 `toml:"per_gpu"`
	} `toml:"power"`
	Host struct {
		figure
		CallOverhead float64 `toml:"call_overhead"` // seconds of a core
		EncodeFactor float64 `toml:"encode_factor"`
	} `toml:"host"`
}

// check collects the first thing that is wrong with a file.
type check struct {
	file string
	err  error
}

func (c *check) fail(key, msg string) {
	if c.err == nil {
		c.err = &Error{File: c.file, Key: key, Msg: msg}
	}
}

// number wants v finite and within [lo, hi].
func (c *check) number(key string, v, lo, hi float64) {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		c.fail(key, "must be a finite number")
	case v < lo || v > hi:
		c.fail(key, "is "+ftoa(v)+", must be within "+ftoa(lo)+" and "+ftoa(hi))
	}
}

// positive is number for quantities that may not be zero.
func (c *check) positive(key string, v, hi float64) {
	if c.number(key, v, 0, hi); v == 0 {
		c.fail(key, "is missing or 0")
	}
}

func (c *check) source(key string, f figure) {
	if f.Source == "" {
		c.fail(key+".source", "is missing: every figure names where it comes from")
	}
}

func (c *check) resolution(key, s string) core.Resolution {
	r, err := core.ParseResolution(s)
	if err != nil {
		c.fail(key, err.Error())
	}
	return r
}

func (c *check) role(key, s string) core.Role {
	switch s {
	case "edge":
		return core.RoleEdge
	case "cloud":
		return core.RoleCloud
	}
	c.fail(key, "is "+strconv.Quote(s)+", want edge or cloud")
	return core.RoleEdge
}

func ftoa(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
func itoa(i int) string     { return strconv.Itoa(i) }
