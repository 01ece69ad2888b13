// Package sidechan is the side channel: it shows what queries see, as MJPEG that any
// browser plays.
//
// # Reading guide
//
//   - channel.go: the queries of a node; the job shows, viewers watch
//   - viewer.go: how one viewer is served
//   - shot.go and paint.go: a frame with what was found in it, drawn and encoded
//   - relay.go: the cloud's way to the nodes' side channels
//
// # Who waits for whom
//
// Nobody waits for a viewer. Show leaves the newest frame and returns; each viewer takes the
// newest when it is ready for one, and does not see those in between. A frame is drawn and
// encoded by the first viewer that wants it, for all; without a viewer nobody does. A
// viewer that takes nothing for 10 s is gone.
//
// Through a relay the same holds: each viewer has a connection of its own to the
// node, and what it does not read is not sent.
//
// # The stream
//
// The boundary follows each picture at once and does not wait for the next one: browsers show a
// picture when they see it. A stream ends with its query, after the last picture.
package sidechan
