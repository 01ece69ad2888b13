package sched

import (
	"strconv"
	"strings"

	"vidq/core"
)

// parseConfigs reads video configurations such as "1920x1080 10 h264 20": resolution,
// frames per second, encoder, quality.
func parseConfigs(key string, list []string) ([]core.VideoConf, error) {
	var out []core.VideoConf
	for _, text := range list {
		bad := func(msg string) ([]core.VideoConf, error) {
			return nil, &Error{Key: key, Msg: quote(text) + ": " + msg}
		}
		f := strings.Fields(text)
		if len(f) != 4 {
			return bad("want resolution, frames per second, encoder and quality, as in \"1920x1080 10 h264 20\"")
		}
		r, err := core.ParseResolution(f[0])
		if err != nil {
			return bad(err.Error())
		}
		fps, err := strconv.ParseFloat(f[1], 64)
		if err != nil || !(fps > 0) || fps > 1000 {
			return bad(quote(f[1]) + " is not a frame rate")
		}
		q, err := strconv.Atoi(f[3])
		if err != nil || q < 0 || q > 100 {
			return bad(quote(f[3]) + " is not a quality")
		}
		out = append(out, core.VideoConf{Resolution: r, FPS: fps, Encoder: f[2], Quality: q})
	}
	return out, nil
}
