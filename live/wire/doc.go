// Package wire is the protocol of the live system, as data: it translates between
// HTTP and JSON on one side and core's words on the other. It opens nothing and
// serves nothing; servers and clients of live are made with it.
//
// The protocol is the original's, whose programs can stand on either side. What
// vidq adds are extra fields, which the original ignores, and paths of its own. A struct keeps
// its extra fields in an embedded pointer (JoinExtra in Join): nil means that the peer did not
// tell them, which is how a peer of the original is known. EncodePlain leaves them out.
//
// # Reading guide
//
//   - routes.go is the table of all paths with their types: servers and the OpenAPI
//     text (openapi.go, jsonschema.go) are made from it.
//   - node.go, query.go, job.go, plan.go, result.go and info.go hold the shapes, each
//     with its way from core (FromJoin) and back (Join.Core). Every message of core comes back
//     unchanged, to the bit: times travel as nanoseconds beside the original's seconds.
//   - book.go is what the driver must know to translate: which node has which address.
//   - task.go and taskanswer.go are the calls of services, whose images travel in three
//     encodings; literal.go reads the original's, jpeg.go looks at a JPEG's header.
//   - header.go names the frame that a service is called for.
//   - errors.go is how everything is refused.
//   - shape.go, decode.go, encode.go and scan.go read and write JSON by the tags of the structs.
//
// # Strictness
//
// What comes from outside is bounded before it is read, fields must have their
// type and their range, and every field that is wrong or missing is named by its
// path. Unknown fields are ignored, since a peer may be newer. Text is UTF-8; a key may stand once. No input
// panics, and reading takes time linear in it.
//
// What core holds is trusted to be what core promises: a string that is not UTF-8, or an id 0 where an id must be,
// is an error of Encode.
package wire
