package scenarios

import (
	"fmt"
	"reflect"
	"strings"

	"vidq/core/sched"
)

const docsHead = "# The scenario file\n\n" +
	"<!-- Written by `go test ./scenarios -run TestDocs -update` from the structs that the loader reads by. Do not edit. -->\n\n" +
	`A scenario is one experiment in one TOML file: the machines and links that exist, the cameras and what they see, what is
asked of them, who schedules, and what goes wrong. The simulator (vidq-sim) and the live system (vidq-live) read the same file.

- Spans of time, rates and sizes are strings with units: "300ms", "1h30m", "10y" (%s; a year has 365 days);
  "20Mbit/s", "2.5MB/s" (%s); "4GiB" (%s). Units are case-sensitive, and b is never a unit.
- Ids consist of letters, digits, _ and - (at most 64).
- A value of %s is a file when it has a path separator or an extension, else a name. Relative files belong to the folder of the
  scenario, in --set to the working directory.
- count = n makes n elements NAME-1 ... NAME-n of one. Nodes can then be named by a pattern where a link ends and where
  cameras are spread: edge-* is every node so called, edge-1..10 the ten of these numbers, and a list of names stands for all of them.
- An unknown key, a wrong type or unit, a name that nobody has and a number that cannot be are errors that tell file, line and key.

## Settings on the command line

--set KEY=VALUE (repeatable, the last one wins) changes any key. Elements of lists are addressed by id, links by from-to in either
order, faults by id or number:

    --set duration=1m --set kb.noise=.3
    --set camera.classroom.fps=10            also camera.street.fps of a camera with a count: all of them, or camera.street-7.fps
    --set link.edge1-cloud.rate=5Mbit/s      between = ["edge-*", "cloud"] is link.edge-*-cloud, or one of them link.edge-3-cloud
    --set query.headup.constraint.delay=200ms
    --set node.edge1.services.face_detection=2
    --set scheduler.latfirst.mode=peer
    --set 'fault=[]'                         none

Strings need no quotes; lists and tables are written as in the file. Where a setting for all elements of a count meets one
for a single element, the single one wins.
`

// Docs returns docs/scenario.md: every key with its type, unit, default and
// meaning, from the same structs as the loader and the schema.
func Docs() []byte {
	var w strings.Builder
	fmt.Fprintf(&w, docsHead, words(unitNames(timeUnits)), words(unitNames(rateUnits)), words(unitNames(sizeUnits)),
		"kb.belief, kb.truth, camera.content and link.trace")
	w.WriteString("\n## Top level\n\n")
	done := map[reflect.Type]bool{}
	docTable(&w, reflect.TypeFor[fileScenario]())
	docBelow(&w, reflect.TypeFor[fileScenario](), "", done)
	w.WriteString("\n## Kinds of faults\n\n| kind | needs | may have | what happens |\n|---|---|---|---|\n")
	for _, k := range faultKinds {
		fmt.Fprintf(&w, "| `%s` | %s | %s | %s |\n", k.name, codes(k.required), codes(k.optional), k.doc)
	}
	w.WriteString("\nThe kind may be left out where the other keys tell it: link alone is `link_down`, with rate, factor, delay or loss `link_degraded`; " +
		"service is `service_down`, with factor `service_slow`; loss is `message_loss`; node alone is `node_down`.\n")
	w.WriteString("\n## Parameters of schedulers\n\n" +
		"A frame rate, resolution, encoder or quality that is given, here or with --scheduler, must be among the [knobs](#knobs), a model among " +
		"those of the services that are asked for, and a place a node, host, edge or cloud. A default that is not is used as it is.\n")
	for _, name := range sched.Names() {
		docScheduler(&w, sched.Describe(name))
	}
	return []byte(w.String())
}

func codes(keys []string) string {
	var parts []string
	for _, k := range keys {
		parts = append(parts, "`"+k+"`")
	}
	return strings.Join(parts, ", ")
}

// docTable writes the table of a struct's keys.
func docTable(w *strings.Builder, t reflect.Type) {
	w.WriteString("| key | type | default | meaning |\n|---|---|---|---|\n")
	for i := range t.NumField() {
		f := t.Field(i)
		key := f.Tag.Get("toml")
		if key == "*" {
			key = "NAME"
		}
		fmt.Fprintf(w, "| `%s` | %s | %s | %s |\n", key, typeWords(f.Type, f.Tag), defaultWords(f.Tag), cell(f.Tag.Get("doc")))
	}
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func defaultWords(tag reflect.StructTag) string {
	switch {
	case tag.Get("required") != "":
		return "**required**"
	case tag.Get("default") != "":
		return "`" + tag.Get("default") + "`"
	}
	return cell(tag.Get("absent"))
}

// typeWords describes a key's type with unit and bounds.
func typeWords(t reflect.Type, tag reflect.StructTag) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var words string
	switch {
	case reflect.PointerTo(t).Implements(customType):
		_, words = reflect.New(t).Interface().(custom).schema()
	case t.Kind() == reflect.Struct:
		return "table, see [" + defName(t) + "](#" + defName(t) + ")"
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct && !reflect.PointerTo(t.Elem()).Implements(customType):
		return "tables `[[...]]`, see [" + defName(t.Elem()) + "](#" + defName(t.Elem()) + ")"
	case t.Kind() == reflect.Slice:
		return "list of: " + typeWords(t.Elem(), tag)
	case t.Kind() == reflect.String:
		words = "string"
		if allowed := enumOf(tag); allowed != nil {
			words = "one of " + codes(allowed)
		}
	case t.Kind() == reflect.Bool:
		words = "boolean"
	case t.Kind() == reflect.Float64:
		words = "number"
	default:
		words = "integer"
	}
	if u := tag.Get("unit"); u != "" {
		words += ", " + u
	}
	for _, b := range []struct{ tag, words string }{{"min", "at least "}, {"above", "above "}, {"max", "at most "}} {
		if x := tag.Get(b.tag); x != "" {
			words += ", " + b.words + x
		}
	}
	return words
}

// docBelow writes a section for each table that is in t.
func docBelow(w *strings.Builder, t reflect.Type, path string, done map[reflect.Type]bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		ft, at := f.Type, address(path, f.Tag.Get("toml"))
		head := "[" + at + "]"
		switch ft {
		case reflect.TypeFor[services]():
			ft, head = reflect.TypeFor[fileService](), at+".NAME"
		case reflect.TypeFor[pipeline]():
			ft, head = reflect.TypeFor[fileStage](), "an entry of "+at
		}
		if ft.Kind() == reflect.Slice {
			ft, head = ft.Elem(), "["+head+"]"
		}
		if ft.Kind() != reflect.Struct || done[ft] || !strings.HasPrefix(ft.Name(), "file") {
			continue
		}
		done[ft] = true
		fmt.Fprintf(w, "\n## %s\n\n`%s`: %s\n\n", defName(ft), head, f.Tag.Get("doc"))
		docTable(w, ft)
		docBelow(w, ft, at, done)
	}
}

func docScheduler(w *strings.Builder, info sched.Info) {
	fmt.Fprintf(w, "\n### %s\n\n`[scheduler.%s]`: %s.\n", info.Name, info.Name, strings.TrimSuffix(info.Doc, "."))
	if info.NeedsTruth {
		w.WriteString("It sees the truth: an upper bound, not a contestant.\n")
	}
	if len(info.Params) == 0 {
		w.WriteString("It has no parameters.\n")
		return
	}
	w.WriteString("\n| key | type | default | meaning |\n|---|---|---|---|\n")
	for _, p := range info.Params {
		words := p.Type
		if p.Choices != nil {
			words = "one of " + codes(p.Choices)
		}
		unit := ""
		if p.Type == "duration" {
			unit = "s"
		}
		if p.Min != nil {
			words += fmt.Sprintf(", at least %v%s", *p.Min, unit)
		}
		if p.Max != nil {
			words += fmt.Sprintf(", at most %v%s", *p.Max, unit)
		}
		def := fmt.Sprint(p.Default)
		if s, ok := p.Default.(string); ok {
			def = quoteString(s)
		}
		fmt.Fprintf(w, "| `%s` | %s | `%s` | %s |\n", p.Key, words, def, cell(p.Doc))
	}
}
