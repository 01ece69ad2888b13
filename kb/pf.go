package kb

import (
	"io"
	"math"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"vidq/core"
)

// PFRow is a row of the original's knowledge base: the seconds that a service
// takes for a frame at a role (edge or cloud).
type PFRow struct {
	Resolution core.Resolution
	Role       core.Role
	Seconds    float64
}

// ReadPF reads one of the original's profiles (resolution, role and seconds,
// separated by tabs); file names it in errors.
func ReadPF(r io.Reader, file string) ([]PFRow, error) {
	b, err := readAll(r, file, maxProfile)
	if err != nil {
		return nil, err
	}
	var rows []PFRow
	sc := lines(b)
	for line := 1; sc.Scan(); line++ {
		f := strings.Fields(sc.Text())
		if len(f) == 0 {
			continue
		}
		bad := func(msg string) ([]PFRow, error) { return nil, &Error{File: file, Line: line, Msg: msg} }
		if len(f) != 3 {
			return bad("want resolution, role and seconds")
		}
		res, err := core.ParseResolution(f[0])
		if err != nil {
			return bad(err.Error())
		}
		role := core.RoleEdge
		switch f[1] {
		case "edge":
		case "cloud":
			role = core.RoleCloud
		default:
			return bad("role is " + strconv.Quote(f[1]) + ", want edge or cloud")
		}
		sec, err := strconv.ParseFloat(f[2], 64)
		if err != nil || !(sec > 0) || math.IsInf(sec, 0) {
			return bad("seconds is " + strconv.Quote(f[2]) + ", want a positive number")
		}
		if slices.ContainsFunc(rows, func(r PFRow) bool {
			return r.Resolution.Pixels() == res.Pixels() && r.Role == role
		}) {
			return bad("a second row for " + f[0] + " " + f[1])
		}
		rows = append(rows, PFRow{res, role, sec})
	}
	if err := sc.Err(); err != nil {
		return nil, &Error{File: file, Msg: err.Error()}
	}
	return rows, nil
}

// originals are the original's services, with what each is fed with. Its loader
// takes face_detection's table for a service that has no file of its own name.
var originals = []struct {
	name  string
	input core.Input
}{
	{"car_detection", core.InputImage},
	{"face_alignment", core.InputCrops},
	{"face_detection", core.InputImage},
	{"object_detection", core.InputImage},
	{"pedestrian_detection", core.InputImage},
}

const fallbackTable = "face_detection"

// originalContent is the content that the original's tables were measured on.
const originalContent = "faces"

// tables makes the services of a folder of .pf files, as the original's loader
// would: one service per file, and the original's services that lack a file
// answer with face_detection's table. The tables say nothing of accuracy: it is
// that of the content, as in every set. Encoding is not reckoned, since its
// tables are all that the original adds up.
func (l *loader) tables(names []string) error {
	for _, n := range names {
		show := path.Join(filepath.ToSlash(l.show), n+".pf")
		f, err := openIn(l.fsys, n+".pf")
		if err != nil {
			return &Error{File: show, Msg: cause(err)}
		}
		rows, err := ReadPF(f, show)
		f.Close() // read only: nothing is lost
		if err != nil {
			return err
		}
		l.set.services[n] = tableService(n, rows)
	}
	for _, o := range originals {
		s := l.set.services[o.name]
		if s == nil {
			s = l.set.services[fallbackTable]
		}
		if s == nil {
			continue
		}
		c := *s // it may be a base's, or stand for several
		c.info.Name, c.info.Input = o.name, o.input
		l.set.services[o.name] = &c
	}
	l.set.noEncode = true
	if l.file.Content == "" {
		l.set.content = l.set.contents[originalContent]
	}
	return nil
}

// tableService makes a service of a table by role. A role without rows cannot
// run it.
func tableService(name string, rows []PFRow) *service {
	m := model{name: "default", accuracy: 1, onClass: map[string]*ServiceModel{}}
	for _, r := range rows {
		sm := m.onRole[r.Role]
		if sm == nil {
			sm = &ServiceModel{Name: m.name, Needs: core.Needs{CPU: 1}, marginal: 1}
			m.onRole[r.Role] = sm
		}
		sm.points = append(sm.points, lawPoint{float64(r.Resolution.Pixels()), Law{A: r.Seconds}})
	}
	for _, sm := range m.onRole {
		if sm != nil {
			slices.SortFunc(sm.points, func(a, b lawPoint) int { return int(a.pixels - b.pixels) })
		}
	}
	return &service{
		info:   core.ServiceInfo{Name: name, Models: []string{m.name}},
		output: output{base: 200, perObject: 50},
		models: []model{m},
	}
}
