package wire

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// OpenAPI returns the description (OpenAPI 3.1) of the routes of some ports, or of
// all if none is named. It is made from the table of routes and the Go types that the servers read and write by;
// the same ports give the same bytes.
func OpenAPI(version string, of ...Port) []byte {
	if len(of) == 0 {
		of = Ports()
	}
	d := describer{schemas: map[string]any{}, refusals: map[string]any{}}
	paths := map[string]any{}
	for _, r := range Routes() {
		if slices.Contains(of, r.Port) {
			d.route(&r, paths)
		}
	}
	d.schemas["Error"] = d.object(shapeOf(typeOf[errorBody]()))
	doc := map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{
			"title": "vidq", "version": version,
			"description": "Scheduling of video queries on edge and cloud. Paths and shapes are those of the original system; fields and paths with " +
				"x-vidq are added. Numbers are seconds unless their name says otherwise. Unknown fields are ignored.",
		},
		"paths": paths,
		"components": map[string]any{
			"schemas":         d.schemas,
			"responses":       d.refusals,
			"securitySchemes": map[string]any{"token": map[string]any{"type": "http", "scheme": "bearer", "description": "A token of the role user or node. From the loopback none is needed."}},
		},
	}
	data, err := json.MarshalIndent(doc, "", " ")
	if err != nil {
		panic("wire: OpenAPI: " + err.Error()) // maps, strings and numbers only
	}
	return append(data, '\n')
}

// describer gathers the schemas of named types and the answers that refuse.
type describer struct{ schemas, refusals map[string]any }

// route adds a route. Where one path is on several ports, the path tells all of them.
func (d *describer) route(r *Route, paths map[string]any) {
	item, _ := paths[r.Path].(map[string]any)
	if item == nil {
		item = map[string]any{"servers": []any{}}
		paths[r.Path] = item
	}
	item["servers"] = append(item["servers"].([]any), server(r.Port))
	method := strings.ToLower(r.Method)
	if item[method] != nil {
		return
	}
	op := map[string]any{"operationId": operationID(r), "summary": r.Doc, "responses": d.responses(r)}
	if r.Added {
		op["x-vidq"] = true
	}
	if p := pathParameters(r); len(p) > 0 {
		op["parameters"] = p
	}
	if r.Request != nil {
		op["requestBody"] = map[string]any{"required": !r.Optional, "content": d.request(r)}
	}
	op["security"] = []any{}
	if r.Access != AccessPublic {
		op["security"] = []any{map[string]any{"token": []any{}}}
		op["x-roles"] = roles(r.Access)
	}
	item[method] = op
}

func server(p Port) map[string]any {
	what := ""
	for i := range ports {
		if ports[i].port == p {
			what = ports[i].what
		}
	}
	return map[string]any{
		"url": "http://{host}:" + strconv.Itoa(int(p)), "description": what,
		"variables": map[string]any{"host": map[string]any{"default": "127.0.0.1"}},
	}
}

func roles(a Access) []any {
	var all []any
	if a&AccessUser != 0 {
		all = append(all, "user")
	}
	if a&AccessNode != 0 {
		all = append(all, "node")
	}
	return all
}

// operationID makes a name of a method and a path: getQueryList.
func operationID(r *Route) string {
	var id strings.Builder
	id.WriteString(strings.ToLower(r.Method))
	for _, w := range strings.FieldsFunc(r.Path, func(c rune) bool { return !unicode.IsLetter(c) }) {
		id.WriteString(strings.ToUpper(w[:1]))
		id.WriteString(w[1:])
	}
	return id.String()
}

func pathParameters(r *Route) []any {
	var all []any
	for _, part := range strings.Split(r.Path, "/") {
		if !strings.HasPrefix(part, "{") {
			continue
		}
		name := strings.Trim(part, "{}")
		schema := map[string]any{"type": "string"}
		if name == "id" {
			schema["pattern"] = ID(0).form().pattern
		}
		all = append(all, map[string]any{"name": name, "in": "path", "required": true, "schema": schema})
	}
	for _, name := range r.Query {
		p := parameters[name]
		all = append(all, map[string]any{"name": name, "in": "query", "description": p.doc, "schema": p.schema})
	}
	if r.Request == typeOf[Task]() {
		for name, doc := range map[string]string{
			FrameHeader:    "scenario-run/query/frame/stage/attempt: names the frame, so that emulated services treat it alike everywhere.",
			InputHeader:    "model/WIDTHxHEIGHT/objects: which model is meant, the size of the analysed frame, and what the stages before found.",
			CapturedHeader: "When the frame was captured, ns since the start of the run.",
		} {
			all = append(all, map[string]any{"name": name, "in": "header", "description": doc, "schema": map[string]any{"type": "string"}})
		}
		slices.SortStableFunc(all, func(a, b any) int {
			return strings.Compare(a.(map[string]any)["name"].(string), b.(map[string]any)["name"].(string))
		})
	}
	return all
}

// request returns the content of a route's request.
func (d *describer) request(r *Route) map[string]any {
	if r.Request != typeOf[Task]() {
		return content(d.schema(shapeOf(r.Request)))
	}
	c := content(d.schema(shapeOf(typeOf[literalTask]())))
	c[JPEGType] = map[string]any{"schema": map[string]any{}}
	c[FormType] = map[string]any{"schema": d.form("One of image and faces must be there.", typeOf[taskContext](), true)}
	return c
}

// form is the schema of a multipart form of images and a context.
func (d *describer) form(doc string, context reflect.Type, image bool) map[string]any {
	jpeg := map[string]any{"type": "string", "contentMediaType": JPEGType}
	props := map[string]any{
		partFaces:   map[string]any{"type": "array", "items": jpeg},
		partContext: d.schema(shapeOf(context)),
	}
	if image {
		props[partImage] = jpeg
	}
	return map[string]any{"type": "object", "description": doc, "properties": props}
}

// content is a JSON body of a schema.
func content(schema any) map[string]any {
	return map[string]any{JSONType: map[string]any{"schema": schema}}
}

func (d *describer) responses(r *Route) map[string]any {
	var ok map[string]any
	switch {
	case r.Answer == typeOf[TaskAnswer]():
		ok = content(d.schema(shapeOf(typeOf[literalAnswer]())))
		ok[FormType] = map[string]any{"schema": d.form("Sent where crops were asked for and the request held no literals.", typeOf[literalAnswer](), false)}
	case r.Answer != nil:
		ok = content(d.schema(shapeOf(r.Answer)))
	default:
		ok = map[string]any{r.Media: map[string]any{}}
	}
	all := map[string]any{"200": map[string]any{"description": "Done.", "content": ok}}
	for _, code := range r.Errors() {
		name := strings.ReplaceAll(http.StatusText(code), " ", "")
		all[strconv.Itoa(code)] = map[string]any{"$ref": "#/components/responses/" + name}
		if d.refusals[name] == nil {
			d.refusals[name] = refusal(code)
		}
	}
	return all
}

// refusal is the answer of an HTTP status.
func refusal(code int) map[string]any {
	answer := map[string]any{"description": http.StatusText(code), "content": content(ref("Error"))}
	if code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable {
		answer["headers"] = map[string]any{"Retry-After": map[string]any{"description": "Seconds.", "schema": map[string]any{"type": "integer"}}}
	}
	return answer
}

func ref(name string) map[string]any { return map[string]any{"$ref": "#/components/schemas/" + name} }
