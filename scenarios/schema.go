package scenarios

import (
	"encoding/json"
	"reflect"
	"strings"

	"vidq/core/sched"
)

// Schema returns the JSON Schema (draft 2020-12) of a scenario file, for editors
// and other tools. It is made of the structs that the loader reads by and of the
// parameters of the registered schedulers. What a schema cannot say, such as that a name must
// exist, only the loader checks.
func Schema() []byte {
	defs := map[string]any{}
	root := object(reflect.TypeFor[fileScenario](), defs)
	for _, t := range []reflect.Type{reflect.TypeFor[fileService](), reflect.TypeFor[fileStage]()} { // of custom types
		defs[defName(t)] = object(t, defs)
	}
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "vidq scenario"
	root["description"] = "An experiment on scheduling video queries: what exists, what is asked of it and what goes wrong."
	root["$defs"] = defs
	data, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic("scenarios: schema: " + err.Error()) // maps, strings and numbers only
	}
	return append(data, '\n')
}

// defName is the name of a table's type in the schema and the documentation:
// fileDecisionTime is decision_time.
func defName(t reflect.Type) string {
	var b strings.Builder
	name := strings.TrimPrefix(t.Name(), "file")
	if strings.ToUpper(name) == name {
		return strings.ToLower(name)
	}
	for i, r := range name {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}

// object is the schema of a table. It adds the tables in it to defs.
func object(t reflect.Type, defs map[string]any) map[string]any {
	props := map[string]any{}
	required := []any{}
	for i := range t.NumField() {
		f := t.Field(i)
		key := f.Tag.Get("toml")
		if key == "*" {
			for _, name := range sched.Names() {
				props[name] = schedulerSchema(name)
			}
			continue
		}
		p := typeSchema(f.Type, f.Tag, defs)
		p["description"] = description(f.Tag)
		if d := f.Tag.Get("default"); d != "" {
			p["default"] = defaultValue(d, f.Type).plain()
		}
		props[key] = p
		if f.Tag.Get("required") != "" {
			required = append(required, key)
		}
	}
	o := map[string]any{"type": "object", "properties": props, "additionalProperties": false}
	if len(required) > 0 {
		o["required"] = required
	}
	if t == reflect.TypeFor[fileFault]() {
		o["allOf"] = faultSchema()
	}
	return o
}

// description is the doc of a key with its unit and with what its absence means.
func description(tag reflect.StructTag) string {
	d := tag.Get("doc")
	if u := tag.Get("unit"); u != "" {
		d += " Unit: " + u + "."
	}
	if a := tag.Get("absent"); a != "" {
		d += " When absent: " + a + "."
	}
	return d
}

func typeSchema(t reflect.Type, tag reflect.StructTag, defs map[string]any) map[string]any {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if reflect.PointerTo(t).Implements(customType) {
		js, _ := reflect.New(t).Interface().(custom).schema()
		return js
	}
	js := map[string]any{}
	switch t.Kind() {
	case reflect.Struct:
		name := defName(t)
		if defs[name] == nil {
			defs[name] = object(t, defs)
		}
		js["$ref"] = "#/$defs/" + name
	case reflect.Slice:
		js["type"] = "array"
		js["items"] = typeSchema(t.Elem(), tag, defs)
	case reflect.String:
		js["type"] = "string"
		if allowed := enumOf(tag); allowed != nil {
			js["enum"] = allowed
		}
	case reflect.Bool:
		js["type"] = "boolean"
	case reflect.Uint64:
		js["type"], js["minimum"] = "integer", 0
	case reflect.Int:
		js["type"] = "integer"
	default:
		js["type"] = "number"
	}
	if t.Kind() == reflect.Int || t.Kind() == reflect.Float64 {
		for tagName, keyword := range map[string]string{"min": "minimum", "max": "maximum", "above": "exclusiveMinimum"} {
			if x, ok := tagNumber(tag, tagName); ok {
				js[keyword] = x
			}
		}
	}
	return js
}

// faultSchema says for each kind which keys it needs and which have no meaning.
func faultSchema() []any {
	var rules []any
	f := &fileFault{Node: "x", Link: []string{}, Service: "x", Rate: new(rate), Factor: new(float64), Delay: new(duration), Loss: new(float64)}
	for _, k := range faultKinds {
		then := map[string]any{}
		if k.required != nil {
			then["required"] = k.required
		}
		var anyOf []any
		for _, o := range k.oneOf {
			anyOf = append(anyOf, map[string]any{"required": []string{o}})
		}
		if anyOf != nil {
			then["anyOf"] = anyOf
		}
		props := map[string]any{}
		for _, key := range f.given() { // all that there are
			if !contains(k.required, key) && !contains(k.optional, key) {
				props[key] = false
			}
		}
		then["properties"] = props
		rules = append(rules, map[string]any{
			"if":   map[string]any{"properties": map[string]any{"kind": map[string]any{"const": k.name}}, "required": []string{"kind"}},
			"then": then,
		})
	}
	return rules
}

// schedulerSchema is the schema of the table [scheduler.NAME].
func schedulerSchema(name string) map[string]any {
	info := sched.Describe(name)
	props := map[string]any{}
	for _, p := range info.Params {
		js := map[string]any{"description": p.Doc, "default": p.Default}
		switch p.Type {
		case "bool":
			js["type"] = "boolean"
		case "int":
			js["type"] = "integer"
		case "float":
			js["type"] = "number"
		case "list":
			js["type"], js["items"] = "array", map[string]any{"type": "string"}
		case "duration":
			js["type"], js["pattern"] = "string", `^([0-9.]+(ns|us|ms|s|m|h))+$`
		default:
			js["type"] = "string"
		}
		if p.Choices != nil {
			js["enum"] = p.Choices
		}
		if p.Type == "int" || p.Type == "float" {
			if p.Min != nil {
				js["minimum"] = *p.Min
			}
			if p.Max != nil {
				js["maximum"] = *p.Max
			}
		}
		props[p.Key] = js
	}
	return map[string]any{"type": "object", "description": info.Doc, "properties": props, "additionalProperties": false}
}
