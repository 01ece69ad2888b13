package scenarios

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core/sched"
)

var update = flag.Bool("update", false, "write docs/scenario.md and the generated traces again")

const docsFile = "../docs/scenario.md"

// TestDocs compares docs/scenario.md with what the structs say. The parameters of the
// schedulers that the test binary holds are part of it.
func TestDocs(t *testing.T) {
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(docsFile), 0o755))
		require.NoError(t, os.WriteFile(docsFile, Docs(), 0o644))
	}
	have, err := os.ReadFile(docsFile)
	require.NoError(t, err, "go test ./scenarios -update writes it")
	assert.Equal(t, string(Docs()), string(have), "go test ./scenarios -update writes it again")
}

// TestDocsAreWhole checks that every key of every table is documented.
func TestDocsAreWhole(t *testing.T) {
	docs := string(Docs())
	var walk func(typ reflect.Type)
	seen := map[reflect.Type]bool{}
	walk = func(typ reflect.Type) {
		for typ.Kind() == reflect.Slice || typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || !strings.HasPrefix(typ.Name(), "file") || seen[typ] {
			return
		}
		seen[typ] = true
		for i := range typ.NumField() {
			f := typ.Field(i)
			assert.NotEmpty(t, f.Tag.Get("doc"), "%s.%s", typ.Name(), f.Name)
			if key := f.Tag.Get("toml"); key != "*" {
				assert.Contains(t, docs, "| `"+key+"` |")
			}
			walk(f.Type)
		}
	}
	for _, root := range []any{fileScenario{}, fileService{}, fileStage{}} {
		walk(reflect.TypeOf(root))
	}
	for _, k := range faultKinds {
		assert.Contains(t, docs, "| `"+k.name+"` |")
	}
	for _, name := range sched.Names() {
		assert.Contains(t, docs, "### "+name+"\n")
	}
}

// TestSchemaAgrees checks that the schema takes the good files and refuses the bad
// ones that a schema can refuse.
func TestSchemaAgrees(t *testing.T) {
	schema := schemaValue(t)
	good := []string{"testdata/everything.toml"}
	for _, name := range Names() {
		good = append(good, name+".toml")
	}
	for _, file := range good {
		assert.Empty(t, schema.check(decodeFile(t, file)), file)
	}
	for _, name := range []string{
		"unknown-key", "unknown-key-in-list", "unknown-key-inline", "unknown-table", "missing-duration", "missing-id", "wrong-type-string",
		"wrong-type-number", "wrong-type-bool", "wrong-type-table", "wrong-type-list", "bare-duration", "unit-missing", "unit-wrong", "unit-time",
		"duration-negative", "rate-negative", "loss", "fps-zero", "fps-negative", "resolution", "accuracy", "enum", "scheduler-table",
		"scheduler-parameter", "scheduler-value", "service-workers", "count", "pipeline-empty", "fault-kind", "fault-key", "fault-at",
	} {
		assert.NotEmpty(t, schema.check(decodeFile(t, "testdata/"+name+".bad.toml")), name)
	}
}

func TestSchemaIsStable(t *testing.T) {
	assert.Equal(t, string(Schema()), string(Schema()))
	assert.Equal(t, string(Docs()), string(Docs()))
}

func decodeFile(t *testing.T, file string) any {
	t.Helper()
	var m map[string]any
	_, err := toml.DecodeFile(file, &m)
	require.NoError(t, err)
	text, err := json.Marshal(m)
	require.NoError(t, err)
	var v any
	require.NoError(t, json.Unmarshal(text, &v))
	return v
}

// jsonSchema checks values by as much of JSON Schema as Schema uses.
type jsonSchema struct{ root, node map[string]any }

func schemaValue(t *testing.T) *jsonSchema {
	t.Helper()
	var m map[string]any
	require.NoError(t, json.Unmarshal(Schema(), &m))
	assert.Equal(t, "https://json-schema.org/draft/2020-12/schema", m["$schema"])
	return &jsonSchema{m, m}
}

func (s *jsonSchema) sub(node any) *jsonSchema {
	switch n := node.(type) {
	case map[string]any:
		return &jsonSchema{s.root, n}
	case bool:
		if n {
			return &jsonSchema{s.root, map[string]any{}}
		}
		return &jsonSchema{s.root, map[string]any{"enum": []any{}}}
	}
	panic(fmt.Sprintf("no schema: %v", node))
}

func (s *jsonSchema) check(v any) (wrong []string) {
	for keyword, want := range s.node {
		bad := func(format string, args ...any) { wrong = append(wrong, keyword+": "+fmt.Sprintf(format, args...)) }
		switch keyword {
		case "$ref":
			wrong = append(wrong, s.sub(s.root["$defs"].(map[string]any)[strings.TrimPrefix(want.(string), "#/$defs/")]).check(v)...)
		case "type":
			kind := map[string]bool{}
			switch x := v.(type) {
			case string:
				kind["string"] = true
			case bool:
				kind["boolean"] = true
			case float64:
				kind["number"], kind["integer"] = true, x == float64(int64(x))
			case []any:
				kind["array"] = true
			case map[string]any:
				kind["object"] = true
			}
			if !kind[want.(string)] {
				bad("%v is no %v", v, want)
			}
		case "enum":
			found := false
			for _, e := range want.([]any) {
				found = found || e == v
			}
			if !found {
				bad("%v", v)
			}
		case "const":
			if v != want {
				bad("%v", v)
			}
		case "pattern":
			if x, ok := v.(string); ok && !regexp.MustCompile(want.(string)).MatchString(x) {
				bad("%q", x)
			}
		case "minimum", "maximum", "exclusiveMinimum":
			x, ok := v.(float64)
			w := want.(float64)
			if ok && (keyword == "minimum" && x < w || keyword == "maximum" && x > w || keyword == "exclusiveMinimum" && x <= w) {
				bad("%v", x)
			}
		case "minItems", "maxItems":
			l, ok := v.([]any)
			if ok && (keyword == "minItems" && len(l) < int(want.(float64)) || keyword == "maxItems" && len(l) > int(want.(float64))) {
				bad("%d", len(l))
			}
		case "anyOf":
			matched := false
			for _, o := range want.([]any) {
				matched = matched || len(s.sub(o).check(v)) == 0
			}
			if !matched {
				bad("none fits %v", v)
			}
		case "allOf":
			for _, o := range want.([]any) {
				wrong = append(wrong, s.sub(o).check(v)...)
			}
		case "if":
			if len(s.sub(want).check(v)) == 0 {
				wrong = append(wrong, s.sub(s.node["then"]).check(v)...)
			}
		case "items":
			l, _ := v.([]any)
			for _, e := range l {
				wrong = append(wrong, s.sub(want).check(e)...)
			}
		case "required":
			m, ok := v.(map[string]any)
			for _, k := range want.([]any) {
				if _, has := m[k.(string)]; ok && !has {
					bad("%v", k)
				}
			}
		case "properties":
			m, _ := v.(map[string]any)
			for k, p := range want.(map[string]any) {
				if x, has := m[k]; has {
					wrong = append(wrong, s.sub(p).check(x)...)
				}
			}
		case "additionalProperties":
			m, _ := v.(map[string]any)
			props, _ := s.node["properties"].(map[string]any)
			for k, x := range m {
				if props[k] == nil {
					wrong = append(wrong, s.sub(want).check(x)...)
				}
			}
		case "then", "$schema", "$defs", "title", "description", "default":
		default:
			panic("keyword " + keyword)
		}
	}
	return wrong
}
