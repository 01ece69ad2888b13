// Package kb is the knowledge base: what services, nodes, codecs and content cost
// and bring. The same type, Set, is what schedulers are told (the belief) and what
// the world does (the truth); kb/world sets it in motion.
//
// # Reading guide
//
//   - set.go, open.go: a Set and where it comes from: profiles in TOML, embedded
//     under profiles/ (the README there explains the form), or a folder of them,
//     or a folder of the original's .pf files (pf.go). files.go has the forms,
//     build.go checks and resolves services, text.go reads. Errors are *Error and
//     name file and key. An embedded set is read once and shared.
//
//   - law.go, predict.go: work. A stage takes A + B*objects seconds, A and B by
//     resolution, model and node class; piecewise linear in pixels between the
//     measured resolutions, in proportion to pixels beyond. The world multiplies by
//     1 + CV*z and cuts at a tenth of the mean, where
//
//     z_k = sqrt(1-phi^2) * sum over j < 8 of phi^j * e_(k-j)
//
//     with independent standard normal e: an autoregressive process of the
//     measured lag-1 correlation, cut so that any frame's value is found by itself.
//
//   - fit.go: how laws, noise and ageing are fitted from records (FitRun, FitDecay).
//
//   - codec.go: sizes of encoded frames. H.264 comes from AWStream's table of
//     Mbit/s by width, frame rate and quantiser; a frame is not rate/fps, since
//     key frames are larger (Sizer).
//
//   - accuracy.go: a fresh result's accuracy by resolution, quality, object size and
//     model, and its ageing exp(-decay*age) (Fresh, Decay, MeanAgeing). Everything
//     is relative to golden: 1920x1080, every camera frame, best quality and model.
//
//   - clip.go: configurations whose rate and accuracy were measured as such (video.csv
//     of a folder), also frame by frame (frames.csv); they stand for codec and content
//     class. awstream.go makes such folders of AWStream's public data.
//
//   - perturb.go: Options, the errors that a belief may be given.
//
//   - content.go, generate.go, trace.go, mot.go: what cameras see: generators,
//     replayed traces, and the import of MOTChallenge ground truth.
//
//   - rate.go, network.go: capacity over time and the logs it is read from.
//
// Each formula stands with its source and its limits in docs/model.md.
package kb
