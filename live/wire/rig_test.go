package wire

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// golden compares text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(want), got, "run go test ./live/wire -update and look at the difference")
}

// shelf is the Book of an edge with three videos and a cloud, as in the captured exchanges.
type shelf struct{}

func (shelf) Addr(n core.NodeID) string {
	return map[core.NodeID]string{"edge1": "127.0.0.1:5001", "cloud": "127.0.0.2:5001"}[n]
}

func (shelf) NodeAt(addr string) (core.NodeID, bool) {
	n, ok := map[string]core.NodeID{"127.0.0.1:5001": "edge1", "127.0.0.1": "edge1", "127.0.0.2:5001": "cloud", "127.0.0.2": "cloud"}[addr]
	return n, ok
}

func (shelf) Role(n core.NodeID) core.Role {
	if n == "cloud" {
		return core.RoleCloud
	}
	return core.RoleEdge
}

var videos = map[core.CameraID]int{"classroom": 0, "meeting": 1, "traffic": 3}

func (shelf) Video(n core.NodeID, c core.CameraID) (int, bool) {
	v, ok := videos[c]
	return v, ok && n == "edge1"
}

func (shelf) Camera(n core.NodeID, video int) (core.CameraID, bool) {
	for c, v := range videos {
		if v == video && n == "edge1" {
			return c, true
		}
	}
	return "", false
}

// status returns the HTTP status of an error of this package.
func status(t *testing.T, err error) int {
	t.Helper()
	var e *Error
	require.ErrorAs(t, err, &e)
	assert.NotEmpty(t, e.Text)
	assert.NotZero(t, e.Status)
	return e.HTTP
}

// fill sets v to random content that core promises to be possible.
func fill(r *rand.Rand, v reflect.Value) {
	if special, ok := fillers[v.Type()]; ok {
		v.Set(reflect.ValueOf(special(r)).Convert(v.Type()))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(r, v.Field(i))
		}
	case reflect.Slice:
		if n := r.IntN(4); n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				fill(r, v.Index(i))
			}
		}
	case reflect.String:
		v.SetString(randomText(r))
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(r.Uint64()>>r.IntN(64)) * int64(1-2*r.IntN(2)))
	case reflect.Uint64:
		v.SetUint(r.Uint64() >> r.IntN(64))
	case reflect.Float64:
		v.SetFloat(randomFloat(r))
	default:
		panic("no random " + v.Type().String())
	}
}

var fillers = map[reflect.Type]func(*rand.Rand) any{
	reflect.TypeFor[core.QueryID]():    func(r *rand.Rand) any { return r.Uint64()>>r.IntN(63) | 1 },
	reflect.TypeFor[core.Role]():       func(r *rand.Rand) any { return uint8(r.IntN(numRoles)) },
	reflect.TypeFor[core.Mode]():       func(r *rand.Rand) any { return uint8(r.IntN(numModes)) },
	reflect.TypeFor[core.Outcome]():    func(r *rand.Rand) any { return uint8(r.IntN(numOutcomes)) },
	reflect.TypeFor[core.Reason]():     func(r *rand.Rand) any { return uint8(r.IntN(core.NumReasons)) },
	reflect.TypeFor[core.State]():      func(r *rand.Rand) any { return uint8(r.IntN(numStates)) },
	reflect.TypeFor[core.Pipeline]():   func(r *rand.Rand) any { return randomPipeline(r) },
	reflect.TypeFor[core.NodeID]():     func(r *rand.Rand) any { return "n" + randomText(r) },
	reflect.TypeFor[core.CameraID]():   func(r *rand.Rand) any { return "c" + randomText(r) },
	reflect.TypeFor[core.Resolution](): func(r *rand.Rand) any { return randomResolution(r) },
	reflect.TypeFor[core.Constraint](): func(r *rand.Rand) any {
		return core.Constraint{Delay: randomBound(r), Latency: randomBound(r), Accuracy: []float64{0, 1, r.Float64()}[r.IntN(3)]}
	},
	reflect.TypeFor[core.Plan](): func(r *rand.Rand) any { return randomPlan(r) },
}

func randomResolution(r *rand.Rand) core.Resolution {
	if r.IntN(2) == 0 {
		return core.Resolutions()[r.IntN(4)]
	}
	return core.Resolution{Width: uint16(1 + r.IntN(65535)), Height: uint16(1 + r.IntN(65535))}
}

func randomBound(r *rand.Rand) core.Time {
	return []core.Time{0, core.Never, core.Time(r.Int64() >> r.IntN(63))}[r.IntN(3)]
}

func randomText(r *rand.Rand) string {
	pool := []rune("abz09 _-/\\'\"<>&\x00\x01\n\r\t\x7fäß€\u2028\ufffd😀")
	out := make([]rune, r.IntN(12))
	for i := range out {
		out[i] = pool[r.IntN(len(pool))]
	}
	return string(out)
}

func randomFloat(r *rand.Rand) float64 {
	switch r.IntN(6) {
	case 0:
		return []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), math.MaxFloat64, math.SmallestNonzeroFloat64}[r.IntN(7)]
	case 1:
		return float64(r.IntN(100))
	case 2:
		if x := math.Float64frombits(r.Uint64()); !math.IsNaN(x) {
			return x
		}
	}
	return r.NormFloat64()
}

func randomPipeline(r *rand.Rand) core.Pipeline {
	if r.IntN(3) == 0 {
		return core.Linear([]string{"face_detection", "face_alignment", "car_detection"}[:1+r.IntN(3)]...)
	}
	p := make(core.Pipeline, 1+r.IntN(5))
	for i := range p {
		p[i] = core.Stage{Name: "s" + strconv.Itoa(i), Service: "x" + randomText(r)}
		for q := range i {
			if r.IntN(2) == 0 {
				p[i].Parents = append(p[i].Parents, q)
			}
		}
	}
	return p
}

func randomPlan(r *rand.Rand) core.Plan {
	p := core.Plan{
		Revision: 1 + r.Uint64()>>1, Video: core.VideoConf{FPS: 1e-3 + 100*r.Float64(), Encoder: "jpeg", Quality: 1 + r.IntN(100)},
		InFlight: r.IntN(64), Buffer: r.IntN(100) - 1, Pace: randomFloat(r), Pad: randomFloat(r), Refused: r.IntN(2) == 0, Hash: r.Uint64(),
	}
	if r.IntN(3) == 0 {
		p.Video.Encoder, p.Video.Quality = "h264", r.IntN(52)
	}
	p.Video.Resolution = randomResolution(r)
	for range r.IntN(5) {
		p.Stages = append(p.Stages, core.Assignment{Node: core.NodeID("n" + randomText(r)), Model: r.IntN(256)})
	}
	return p
}

// difference returns where two values differ: floats by their bits, an empty list is no list. "" = nowhere.
func difference(at string, a, b reflect.Value) string {
	switch a.Kind() {
	case reflect.Pointer:
		if a.IsNil() != b.IsNil() {
			return at + ": one is nil"
		}
		if a.IsNil() {
			return ""
		}
		return difference(at, a.Elem(), b.Elem())
	case reflect.Struct:
		for i := range a.NumField() {
			if d := difference(at+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i)); d != "" {
				return d
			}
		}
		return ""
	case reflect.Slice:
		if a.Len() != b.Len() {
			return fmt.Sprintf("%s: %d and %d elements", at, a.Len(), b.Len())
		}
		for i := range a.Len() {
			if d := difference(fmt.Sprintf("%s[%d]", at, i), a.Index(i), b.Index(i)); d != "" {
				return d
			}
		}
		return ""
	case reflect.Float64:
		if math.Float64bits(a.Float()) == math.Float64bits(b.Float()) {
			return ""
		}
	default:
		if a.Interface() == b.Interface() {
			return ""
		}
	}
	return fmt.Sprintf("%s: %v and %v", at, a, b)
}

// tree reads JSON by encoding/json, which knows nothing of this package.
func tree(t testing.TB, data []byte) any {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal(data, &v), "%s", data)
	return v
}

// newOf returns a pointer to a zero value of a type.
func newOf(t reflect.Type) any { return reflect.New(t).Interface() }
