package wire

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOpenAPIIsWhatItWas(t *testing.T) {
	golden(t, "openapi.json", string(OpenAPI("test")))
	assert.Equal(t, OpenAPI("test"), OpenAPI("test", Ports()...))
	one := tree(t, OpenAPI("1", PortSideCloud)).(map[string]any)
	assert.Equal(t, []string{"/healthz", "/metrics", "/openapi.json", "/readyz", "/user/update_node_addr", "/user/video/{id}"}, slices.Sorted(maps.Keys(one["paths"].(map[string]any))))
}

// document reads the OpenAPI text with a lookup of references.
type document struct {
	t    testing.TB
	root map[string]any
}

func openAPI(t testing.TB) document {
	return document{t, tree(t, OpenAPI("test")).(map[string]any)}
}

// at follows a reference, if v is one.
func (d document) at(v any) map[string]any {
	m := v.(map[string]any)
	name, ok := m["$ref"].(string)
	if !ok {
		return m
	}
	parts := strings.Split(name, "/")
	require.Len(d.t, parts, 4, name)
	require.Equal(d.t, []string{"#", "components"}, parts[:2])
	s := d.root["components"].(map[string]any)[parts[2]].(map[string]any)[parts[3]]
	require.NotNil(d.t, s, "nothing at %s", name)
	return s.(map[string]any)
}

// TestOpenAPIStructure holds what OpenAPI 3.1 wants of a description, and that it describes every route.
func TestOpenAPIStructure(t *testing.T) {
	d := openAPI(t)
	assert.Equal(t, "3.1.0", d.root["openapi"])
	assert.NotEmpty(t, d.root["info"].(map[string]any)["title"])
	assert.NotEmpty(t, d.root["info"].(map[string]any)["version"])
	paths := d.root["paths"].(map[string]any)
	ids := map[string]bool{}
	used := map[string]bool{}
	for path, item := range paths {
		for method, op := range item.(map[string]any) {
			if method == "servers" {
				assert.NotEmpty(t, op)
				continue
			}
			assert.Contains(t, []string{"get", "post"}, method)
			d.operation(path, op.(map[string]any), ids, used)
		}
	}
	for _, r := range Routes() {
		item, ok := paths[r.Path].(map[string]any)
		require.True(t, ok, r.Path)
		assert.NotNil(t, item[strings.ToLower(r.Method)], r.Path)
		assert.Contains(t, fmt.Sprint(item["servers"]), strconv.Itoa(int(r.Port)))
	}
	schemas := d.root["components"].(map[string]any)["schemas"].(map[string]any)
	for name := range schemas {
		assert.True(t, used[name], "schema %s is referred to by nobody", name)
	}
}

func (d document) operation(path string, op map[string]any, ids, used map[string]bool) {
	t := d.t
	id := op["operationId"].(string)
	assert.Regexp(t, `^[a-zA-Z]+$`, id)
	assert.False(t, ids[id], "operationId %s twice", id)
	ids[id] = true
	assert.NotEmpty(t, op["summary"])
	inPath := regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1)
	told := 0
	params, _ := op["parameters"].([]any)
	for _, p := range params {
		p := p.(map[string]any)
		assert.NotEmpty(t, p["name"])
		assert.NotEmpty(t, p["schema"])
		if p["in"] == "path" {
			told++
			assert.Equal(t, true, p["required"])
			assert.Contains(t, path, "{"+p["name"].(string)+"}")
		}
	}
	assert.Equal(t, len(inPath), told, path)
	if body, ok := op["requestBody"].(map[string]any); ok {
		d.content(body["content"], used)
	}
	responses := op["responses"].(map[string]any)
	assert.NotNil(t, responses["200"], path)
	assert.NotNil(t, responses["405"], path)
	for code, r := range responses {
		assert.Regexp(t, `^[2-5]\d\d$`, code)
		r := d.at(r)
		assert.NotEmpty(t, r["description"])
		d.content(r["content"], used)
	}
}

func (d document) content(c any, used map[string]bool) {
	require.NotEmpty(d.t, c)
	for media, m := range c.(map[string]any) {
		assert.Contains(d.t, media, "/")
		if s, ok := m.(map[string]any)["schema"]; ok {
			d.wellFormed(s, used)
		}
	}
}

var schemaTypes = []any{"object", "array", "string", "number", "integer", "boolean", "null"}

// wellFormed checks a schema: known types, required fields that are described, references that lead somewhere.
func (d document) wellFormed(s any, used map[string]bool) {
	t := d.t
	m := s.(map[string]any)
	if name, ok := m["$ref"].(string); ok {
		name = strings.TrimPrefix(name, "#/components/schemas/")
		if !used[name] {
			used[name] = true
			d.wellFormed(d.at(m), used)
		}
		return
	}
	switch typ := m["type"].(type) {
	case string:
		assert.Contains(t, schemaTypes, typ)
	case []any:
		assert.Subset(t, schemaTypes, typ)
	}
	if p, ok := m["pattern"].(string); ok {
		_, err := regexp.Compile(p)
		assert.NoError(t, err)
	}
	props, _ := m["properties"].(map[string]any)
	for _, p := range props {
		d.wellFormed(p, used)
	}
	required, _ := m["required"].([]any)
	for _, r := range required {
		if props != nil {
			assert.Contains(t, props, r)
		}
	}
	needs, _ := m["dependentRequired"].(map[string]any)
	for k, list := range needs {
		assert.Contains(t, props, k)
		for _, r := range list.([]any) {
			assert.Contains(t, props, r)
		}
	}
	for _, k := range []string{"items", "additionalProperties"} {
		if v, ok := m[k]; ok {
			d.wellFormed(v, used)
		}
	}
	for _, k := range []string{"anyOf", "allOf"} {
		list, _ := m[k].([]any)
		for _, v := range list {
			d.wellFormed(v, used)
		}
	}
}

// wrong validates a value against a schema, as far as the schemas of this package go;
// "" = it fits.
func (d document) wrong(s, v any, at string) string {
	m := d.at(s)
	if list, ok := m["allOf"].([]any); ok {
		for _, a := range list {
			if w := d.wrong(a, v, at); w != "" {
				return w
			}
		}
	}
	if list, ok := m["anyOf"].([]any); ok {
		var all []string
		for _, a := range list {
			w := d.wrong(a, v, at)
			if w == "" {
				all = nil
				break
			}
			all = append(all, w)
		}
		if all != nil {
			return strings.Join(all, ", ")
		}
	}
	if m["type"] != nil && !slices.ContainsFunc(listOf(m["type"]), func(typ any) bool { return isOf(v, typ.(string)) }) {
		return fmt.Sprintf("%s is %T, want %v", at, v, m["type"])
	}
	if e, ok := m["enum"].([]any); ok && !slices.Contains(e, v) {
		return fmt.Sprintf("%s is %v, want %v", at, v, e)
	}
	switch v := v.(type) {
	case string:
		if p, ok := m["pattern"].(string); ok && !regexp.MustCompile(p).MatchString(v) {
			return at + " does not fit " + p
		}
		if n, ok := m["maxLength"].(float64); ok && len(v) > int(n) {
			return at + " is too long"
		}
	case float64:
		low, lowOK := m["minimum"].(float64)
		high, highOK := m["maximum"].(float64)
		above, aboveOK := m["exclusiveMinimum"].(float64)
		if lowOK && v < low || highOK && v > high || aboveOK && v <= above {
			return fmt.Sprint(at, " is out of range: ", v)
		}
	case []any:
		low, lowOK := m["minItems"].(float64)
		high, highOK := m["maxItems"].(float64)
		if lowOK && len(v) < int(low) || highOK && len(v) > int(high) {
			return at + " is too long or short"
		}
		for i, e := range v {
			if m["items"] == nil {
				break
			}
			if w := d.wrong(m["items"], e, fmt.Sprint(at, "[", i, "]")); w != "" {
				return w
			}
		}
	case map[string]any:
		return d.wrongObject(m, v, at)
	}
	return ""
}

func (d document) wrongObject(m, v map[string]any, at string) string {
	need := func(list any) string {
		for _, r := range listOf(list) {
			if _, ok := v[r.(string)]; !ok {
				return at + "." + r.(string) + " is missing"
			}
		}
		return ""
	}
	if m["required"] != nil {
		if w := need(m["required"]); w != "" {
			return w
		}
	}
	needs, _ := m["dependentRequired"].(map[string]any)
	for k, list := range needs {
		if _, ok := v[k]; ok {
			if w := need(list); w != "" {
				return w
			}
		}
	}
	props, _ := m["properties"].(map[string]any)
	for k, e := range v {
		s := props[k]
		if s == nil {
			s = m["additionalProperties"]
		}
		if s != nil {
			if w := d.wrong(s, e, at+"."+k); w != "" {
				return w
			}
		}
	}
	return ""
}

func listOf(v any) []any {
	if l, ok := v.([]any); ok {
		return l
	}
	return []any{v}
}

func isOf(v any, typ string) bool {
	switch x := v.(type) {
	case nil:
		return typ == "null"
	case bool:
		return typ == "boolean"
	case string:
		return typ == "string"
	case float64:
		return typ == "number" || typ == "integer" && x == float64(int64(x))
	case []any:
		return typ == "array"
	}
	return typ == "object"
}

// bodySchema returns the JSON schema of a route's request or answer.
func (d document) bodySchema(r *Route, request bool) any {
	op := d.root["paths"].(map[string]any)[r.Path].(map[string]any)[strings.ToLower(r.Method)].(map[string]any)
	holder := op["requestBody"]
	if !request {
		holder = op["responses"].(map[string]any)["200"]
	}
	return holder.(map[string]any)["content"].(map[string]any)[JSONType].(map[string]any)["schema"]
}

// TestOpenAPIFitsTheOriginal: what was captured of the original, and our own answers and requests, are as described.
func TestOpenAPIFitsTheOriginal(t *testing.T) {
	d := openAPI(t)
	checked := 0
	for _, e := range exchanges(t) {
		if e.request != nil {
			assert.Empty(t, d.wrong(d.bodySchema(e.route, true), tree(t, e.request), e.name))
			checked++
		}
		if e.answer != nil && e.status == http.StatusOK && e.route.Media == "" {
			assert.Empty(t, d.wrong(d.bodySchema(e.route, false), tree(t, e.answer), e.name))
			checked++
		}
		if ours, ok := ourAnswers(t)[e.name]; ok && e.route.Media == "" {
			data, err := Encode(ours)
			require.NoError(t, err)
			assert.Empty(t, d.wrong(d.bodySchema(e.route, false), tree(t, data), e.name))
		}
	}
	assert.Greater(t, checked, 35)
	for _, r := range Routes() {
		if v := whole()[r.Request]; v != nil {
			data, err := Encode(v)
			require.NoError(t, err)
			assert.Empty(t, d.wrong(d.bodySchema(&r, true), tree(t, data), r.Path))
		}
	}
}

// TestOpenAPISeesWhatIsWrong: where a body is refused for a type or a missing field, the description
// refuses it too, and the other way round. What ties fields to each other the description
// cannot say.
func TestOpenAPISeesWhatIsWrong(t *testing.T) {
	d := openAPI(t)
	both := 0
	for _, r := range Routes() {
		v := whole()[r.Request]
		if v == nil {
			continue
		}
		data, err := Encode(v)
		require.NoError(t, err)
		schema := d.bodySchema(&r, true)
		breakAt(tree(t, data), "", func(at, how string, broken func() any) {
			bad, err := json.Marshal(broken())
			require.NoError(t, err)
			err = DecodeInto(bad, newOf(r.Request))
			w := d.wrong(schema, tree(t, bad), "")
			switch {
			case err != nil && strings.Contains(err.Error(), "want an object: a plan has"), err != nil && strings.Contains(err.Error(), "is not the name of state"):
			default:
				assert.Equal(t, err == nil, w == "", "%s %s %s: %v, %s", r.Path, at, how, err, w)
				both++
			}
		}, func(root any) any { return root })
	}
	assert.Greater(t, both, 1000)
}

// TestRoutes: servers can be made of the table.
func TestRoutes(t *testing.T) {
	muxes := map[Port]*http.ServeMux{}
	count := 0
	for _, r := range Routes() {
		if muxes[r.Port] == nil {
			muxes[r.Port] = http.NewServeMux()
		}
		assert.NotPanics(t, func() { muxes[r.Port].HandleFunc(r.Method+" "+r.Path, func(http.ResponseWriter, *http.Request) {}) }, r.Path)
		assert.NotEmpty(t, r.Doc)
		assert.True(t, (r.Answer == nil) != (r.Media == ""), r.Path)
		assert.Equal(t, r.Request != nil, r.Limit > 0, r.Path)
		for _, q := range r.Query {
			assert.Contains(t, parameters, q)
		}
		if !r.Added {
			count++
		}
		for _, typ := range []reflect.Type{r.Request, r.Answer} {
			if typ != nil && typ != typeOf[Task]() && typ != typeOf[TaskAnswer]() {
				assert.NotPanics(t, func() { shapeOf(typ) })
			}
		}
	}
	assert.Len(t, muxes, len(Ports()))
	assert.Equal(t, 18, count, "paths of the original")
	for _, r := range Routes() {
		if r.Method == http.MethodPost {
			assert.NotEqual(t, AccessPublic, r.Access, "%s changes something", r.Path)
		}
	}
}

// TestRouteDecodes a body into the type of its route.
func TestRouteDecodes(t *testing.T) {
	for _, r := range Routes() {
		v := whole()[r.Request]
		if v == nil {
			continue
		}
		data, err := Encode(v)
		require.NoError(t, err)
		got, err := r.Decode(JSONType, strings.NewReader(string(data)), int64(len(data)))
		require.NoError(t, err)
		assert.Equal(t, v, got)
		_, err = r.Decode("text/plain", strings.NewReader(string(data)), -1)
		assert.Equal(t, 415, status(t, err))
		none, err := r.Decode("", strings.NewReader(""), 0)
		if r.Optional {
			require.NoError(t, err)
			assert.Equal(t, newOf(r.Request), none)
		} else {
			assert.Equal(t, 415, status(t, err))
		}
	}
}
