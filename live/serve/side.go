package serve

import (
	"context"
	"net/http"

	"vidq/core"
	"vidq/live/wire"
)

// SideCloud returns the handlers of the cloud's side channel. video answers GET
// /user/video/{id}, see Stream.
func SideCloud(s SideChannel, video http.Handler) Handlers {
	return Handlers{
		port: wire.PortSideCloud,
		calls: map[string]call{
			"POST /user/update_node_addr": reading(func(ctx context.Context, r *request, in *wire.AddrUpdate) (*reply, error) {
				return value(in.Answer(), s.UpdateAddr(ctx, r.caller, core.QueryID(in.JobUID), in.NodeAddr))
			}),
		},
		streams: map[string]http.Handler{videoRoute: video},
	}
}

// SideEdge returns the handlers of an edge's side channel. video answers GET /user/video/{id}.
//
// A handler of a stream finds the path's id by r.PathValue("id") and the caller by
// CallerOf. It may stream until r.Context() ends, which it does when the viewer goes or the
// server shuts down. Each Write must be done within Options.Stall, else it
// fails: a viewer that no longer reads holds nobody up. http.Flusher works. A refusal is written
// by wire.Error's Write, before anything else.
func SideEdge(video http.Handler) Handlers {
	return Handlers{port: wire.PortSideEdge, streams: map[string]http.Handler{videoRoute: video}}
}

const videoRoute = "GET /user/video/{id}"
