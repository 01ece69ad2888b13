// Package video is where the pixels of the live system come from and where they lie
// while queries work on them: the sources of cameras' frames, and the store of frames.
//
// # Reading guide
//
// Start with these three files:
//
//   - source.go: what a source is, and how one is opened
//   - kind.go: how a camera's url finds the kind of source that reads it
//   - store.go: frames that are held, and their encodings, each made once
//
// Each kind is one file, which registers itself: drawn.go (no url), mjpeg.go, folder.go
// and ffmpeg.go. To add one, write a file that registers a kind; if it reads pictures
// that somebody else made, hand an opener to newFootage, and the rest is done:
// footage.go with its three ways to read (follow.go a camera, play.go a file, in real time and
// on demand), which hand their newest frame over by feed.go. split.go cuts JPEGs out of a stream,
// picture.go decodes when somebody looks, encode.go resizes.
//
// What is drawn: stage.go says where the objects of a frame are, cast.go of which
// kinds they are, looks.go what those look like; scenery.go is what is behind them and puts the frame
// together, sprite.go paints.
//
// # Numbers and times of frames
//
// A live camera's frame k exists at phase + k/fps, as in the simulator. A drawn camera and a
// file that is played keep to that to the nanosecond; the pictures of a real camera are numbered by
// when they arrive (see arrived). In mode file, frame k is the k-th picture of a folder, and what a
// video file shows at k/fps. A loop counts on.
//
// # What a drawn picture promises
//
// It shows as many objects as the content says, whole, and Picture.Objects tells where
// each is; the mean of their areas is the content's. So what a service finds can be
// compared with the truth. Objects move at about the content's speed. Two runs with one
// seed show the same, pixel by pixel, on one kind of processor.
//
// # Strictness
//
// Urls come from the scenario only. ffmpeg is given no shell, no more protocols than a url
// needs, and dies with the source. A source's pictures are bounded in bytes and
// pixels before anything is allocated for them; what is broken is left out or fails its frame, and a
// silent camera is given up and tried again.
package video
