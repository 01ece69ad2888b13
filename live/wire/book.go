package wire

import (
	"net"
	"net/http"
	"strconv"

	"vidq/core"
)

// Book maps core's ids to what peers of the original call the same things. The
// driver has it, made of the scenario's nodes and of those that joined: an address that stands
// in no book is refused here, so that no request can make anybody call elsewhere.
type Book interface {
	// Addr returns the node_addr of a node, ip:port of its job manager; "" =
	// none known.
	Addr(core.NodeID) string
	// NodeAt returns the node of a node_addr, or of an ip alone.
	NodeAt(addr string) (core.NodeID, bool)
	// Role returns what a node is, edge or cloud.
	Role(core.NodeID) core.Role
	// Video returns the number of a node's camera.
	Video(core.NodeID, core.CameraID) (int, bool)
	// Camera returns a node's camera by its number.
	Camera(n core.NodeID, video int) (core.CameraID, bool)
}

// ipOf returns the ip of a node, "" = none known.
func ipOf(b Book, n core.NodeID) string {
	host, _, err := net.SplitHostPort(b.Addr(n))
	if err != nil {
		return ""
	}
	return host
}

// portOf returns the port of a node's job manager, 0 = none known.
func portOf(addr string) int {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return 0
	}
	return int(n)
}

// roleFor returns a node's role as a plan of a query tells it: host is where the
// query's camera is.
func roleFor(b Book, n, host core.NodeID) Role {
	if n == host {
		return Role(core.RoleHost)
	}
	return Role(b.Role(n))
}

// placeOf returns the node and camera that a request names, by id or as the
// original by address and number.
func placeOf(b Book, nodeAddr string, videoID *int, x *PlaceExtra) (n core.NodeID, c core.CameraID, err error) {
	if x != nil {
		n, c = core.NodeID(x.NodeID), core.CameraID(x.CameraID)
	}
	if n == "" {
		var ok bool
		if n, ok = b.NodeAt(nodeAddr); !ok {
			return "", "", Errorf(http.StatusNotFound, "there is no node %q; GET /node/get_video_info tells all", shorten(nodeAddr, 60))
		}
	}
	if c == "" {
		var ok bool
		if videoID == nil {
			return "", "", Errorf(http.StatusUnprocessableEntity, "camera_id is empty and video_id missing; name the video by one of them")
		}
		if c, ok = b.Camera(n, *videoID); !ok {
			return "", "", Errorf(http.StatusNotFound, "node %q has no video %d; GET /node/get_video_info tells all", n, *videoID)
		}
	}
	return n, c, nil
}

// PlaceExtra names a node and its camera by their ids.
type PlaceExtra struct {
	NodeID   string `json:"node_id,omitzero" doc:"The node's id; may stand in the place of node_addr." most:"256"`
	CameraID string `json:"camera_id,omitzero" doc:"The camera's id; may stand in the place of video_id." most:"256"`
}

// placeFor is the inverse of placeOf: by id and, where the book knows them, by
// address and number.
func placeFor(b Book, n core.NodeID, c core.CameraID) (nodeAddr string, videoID *int, x PlaceExtra) {
	if v, ok := b.Video(n, c); ok {
		videoID = &v
	}
	return b.Addr(n), videoID, PlaceExtra{string(n), string(c)}
}
