package wire

import (
	"reflect"
	"strings"
)

// schemaNames are the names in the OpenAPI text of types that are not called well in Go.
var schemaNames = map[reflect.Type]string{
	typeOf[literalTask](): "Task", typeOf[taskContext](): "TaskContext", typeOf[literalAnswer](): "TaskAnswer",
}

// schema returns the JSON Schema (draft 2020-12) of a shape; objects are put into d and referred to.
func (d *describer) schema(s *shape) map[string]any {
	switch s.kind {
	case kindPointer:
		return map[string]any{"anyOf": []any{d.schema(s.elem), map[string]any{"type": "null"}}}
	case kindObject:
		name := s.typ.Name()
		if n, ok := schemaNames[s.typ]; ok {
			name = n
		}
		if d.schemas[name] == nil {
			d.schemas[name] = d.object(s)
		}
		return ref(name)
	case kindDict:
		return map[string]any{"type": "object", "additionalProperties": d.schema(s.elem)}
	case kindList:
		return map[string]any{"type": "array", "items": d.schema(s.elem)}
	case kindTuple:
		return map[string]any{"type": "array", "items": d.schema(s.elem), "minItems": s.typ.Len(), "maxItems": s.typ.Len()}
	case kindLoose:
		words := []any{wordNaN, wordInfinity, "-" + wordInfinity}
		return map[string]any{"anyOf": []any{map[string]any{"type": "number"}, map[string]any{"enum": words}}}
	case kindText:
		return textSchema(s)
	case kindString:
		return map[string]any{"type": "string"}
	case kindBool:
		return map[string]any{"type": "boolean"}
	case kindInt:
		return map[string]any{"type": "integer"}
	case kindUint:
		return map[string]any{"type": "integer", "minimum": 0}
	default:
		return map[string]any{"type": "number"}
	}
}

func textSchema(s *shape) map[string]any {
	f := reflect.Zero(s.typ).Interface().(formed).form()
	out := map[string]any{"type": "string"}
	switch {
	case len(f.enum) > 0:
		words := make([]any, len(f.enum))
		for i, w := range f.enum {
			words[i] = w
		}
		out["enum"] = words
	case f.pattern != "":
		out["pattern"] = f.pattern
	}
	if f.want != "" {
		out["description"] = f.want
	}
	return out
}

// object is the schema of an object. A group of extra fields is there as a whole or
// not at all: each of its fields needs those of the group that may not be missing.
func (d *describer) object(s *shape) map[string]any {
	props, needs := map[string]any{}, map[string]any{}
	required, alternatives := []any{}, []any{}
	for i := range s.fields {
		f := &s.fields[i]
		p := d.schema(f.shape)
		if f.optional && f.shape.kind == kindPointer {
			p = d.schema(f.shape.elem) // missing rather than null
		}
		f.limits.describe(p)
		if f.doc != "" {
			p["description"] = strings.TrimSpace(f.doc)
		}
		if f.group >= 0 {
			p["x-vidq"] = true
			if with := s.groupNeeds(f); len(with) > 0 {
				needs[f.name] = with
			}
		}
		props[f.name] = p
		switch {
		case f.unless != "":
			alternatives = append(alternatives, map[string]any{"anyOf": []any{
				map[string]any{"required": []any{f.name}}, map[string]any{"required": []any{f.unless}},
			}})
		case !f.optional && f.group < 0:
			required = append(required, f.name)
		}
	}
	out := map[string]any{"type": "object", "properties": props}
	if len(required) > 0 {
		out["required"] = required
	}
	if len(alternatives) > 0 {
		out["allOf"] = alternatives
	}
	if len(needs) > 0 {
		out["dependentRequired"] = needs
	}
	return out
}

// groupNeeds lists the fields that must be there when f is.
func (s *shape) groupNeeds(f *field) []any {
	var all []any
	for i := range s.fields {
		if g := &s.fields[i]; g.group == f.group && !g.optional && g.name != f.name {
			all = append(all, g.name)
		}
	}
	return all
}

// describe adds bounds to a schema.
func (l *limits) describe(p map[string]any) {
	if l.min != nil {
		p["minimum"] = *l.min
	}
	if l.max != nil {
		p["maximum"] = *l.max
	}
	if l.above != nil {
		p["exclusiveMinimum"] = *l.above
	}
	if l.most > 0 {
		if p["type"] == "array" {
			p["maxItems"] = l.most
		} else {
			p["maxLength"] = l.most
		}
	}
	if len(l.enum) > 0 {
		words := make([]any, len(l.enum))
		for i, w := range l.enum {
			words[i] = w
		}
		p["enum"] = words
	}
}
