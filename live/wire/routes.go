package wire

import (
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
)

// Port is one of the ports that every node has, by what listens there.
type Port int

// The ports.
const (
	PortManager   Port = 5000 // query manager, at the cloud
	PortJobs      Port = 5001 // job manager, at every node
	PortSideCloud Port = 5100 // side channel, at the cloud
	PortSideEdge  Port = 5101 // side channel, at an edge
	PortServices  Port = 5500 // compute services, at every node
)

// ports are all ports with what listens there.
var ports = []struct {
	port Port
	what string
}{
	{PortManager, "query manager (cloud)"},
	{PortJobs, "job manager (every node)"},
	{PortSideCloud, "side channel (cloud)"},
	{PortSideEdge, "side channel (edge)"},
	{PortServices, "compute services (every node)"},
}

// What says what listens there.
func (p Port) What() string {
	for i := range ports {
		if ports[i].port == p {
			return ports[i].what
		}
	}
	return ""
}

// Ports returns all ports, ascending.
func Ports() []Port {
	all := make([]Port, len(ports))
	for i := range ports {
		all[i] = ports[i].port
	}
	return all
}

// Access is who may call a route: everybody (0) or the roles that are set.
type Access uint8

// The roles of callers.
const (
	AccessUser Access = 1 << iota // submits, stops, reads and watches
	AccessNode                    // joins, is given jobs and plans, hands over results
)

// AccessPublic lets everybody call.
const AccessPublic Access = 0

// Route is one path of one port: what servers and the OpenAPI text are made from.
type Route struct {
	Port   Port
	Method string
	Path   string // as net/http's ServeMux takes it: {id} is one segment
	Access Access
	Doc    string // one sentence
	// Request is the type of the JSON body, nil = none; of Task, the three encodings.
	Request reflect.Type
	// Optional says that the body may be missing.
	Optional bool
	// Answer is the type of the JSON answer; of TaskAnswer, JSON or a form; nil with Media.
	Answer reflect.Type
	Media  string   // content type of an answer that is not JSON
	Query  []string // names of query parameters, see parameters
	Added  bool     // vidq's; the original lacks it
	Limit  int64    // bytes of the request's body
}

// Content types of answers that are not JSON.
const (
	MJPEGType   = "multipart/x-mixed-replace; boundary=frame" // parts of image/jpeg, without end
	MetricsType = "text/plain; version=0.0.4"
)

// Bounds of requests' bodies, bytes.
const (
	limitControl = 1 << 20
	limitBatch   = 32 << 20 // of sync_results: 512 results of 32 calls each, and ample room
)

// routes is the table of all routes but those that every port has.
var routes = []Route{
	{
		Port: PortManager, Method: http.MethodPost, Path: "/query/submit_query", Access: AccessUser, Doc: "Asks for a query.",
		Request: typeOf[SubmitQuery](), Answer: typeOf[SubmitAnswer](),
	},
	{
		Port: PortManager, Method: http.MethodPost, Path: "/query/stop_query/{id}", Access: AccessUser, Doc: "Ends a query for good.",
		Request: typeOf[StopQuery](), Optional: true, Answer: typeOf[StopAnswer](), Added: true,
	},
	{
		Port: PortManager, Method: http.MethodGet, Path: "/query/list", Access: AccessUser | AccessNode, Doc: "Lists queries, page by page.",
		Answer: typeOf[QueryList](), Query: []string{"after", "limit"}, Added: true,
	},
	{
		Port: PortManager, Method: http.MethodGet, Path: "/query/get_result/{id}", Access: AccessUser, Doc: "Tells a query's last results.",
		Answer: typeOf[*Results](),
	},
	{
		Port: PortManager, Method: http.MethodGet, Path: "/query/get_agg_info/{id}", Access: AccessUser, Doc: "Tells a query's last results.",
		Answer: typeOf[*Results](),
	},
	{
		Port: PortManager, Method: http.MethodGet, Path: "/query/get_plan/{id}", Access: AccessUser, Doc: "Tells a query's plan.",
		Answer: typeOf[Plan](),
	},
	{
		Port: PortManager, Method: http.MethodGet, Path: "/query/get_runtime/{id}", Access: AccessUser, Doc: "Tells a query's runtime context.",
		Answer: typeOf[Runtime](),
	},
	{
		Port: PortManager, Method: http.MethodPost, Path: "/query/sync_result", Access: AccessNode, Doc: "Hands over the result of one frame.",
		Request: typeOf[SyncResult](), Answer: typeOf[SyncAnswer](),
	},
	{
		Port: PortManager, Method: http.MethodPost, Path: "/query/sync_results", Access: AccessNode,
		Doc:     "Hands over a batch of results; the answer tells up to which number they are durable.",
		Request: typeOf[SyncResults](), Answer: typeOf[SyncAnswer](), Added: true, Limit: limitBatch,
	},
	{
		Port: PortManager, Method: http.MethodPost, Path: "/node/join", Access: AccessNode, Doc: "Introduces a node, or one of its videos.",
		Request: typeOf[Join](), Answer: typeOf[JoinAnswer](),
	},
	{
		Port: PortManager, Method: http.MethodPost, Path: "/node/heartbeat", Access: AccessNode, Doc: "Tells how a node is and which jobs it has.",
		Request: typeOf[Heartbeat](), Answer: typeOf[HeartbeatAnswer](), Added: true, Limit: limitBatch,
	},
	{
		Port: PortManager, Method: http.MethodGet, Path: "/node/get_video_info", Access: AccessUser, Doc: "Tells the videos of all nodes.",
		Answer: typeOf[VideoInfo](),
	},
	{
		Port: PortJobs, Method: http.MethodPost, Path: "/job/submit_job", Access: AccessNode, Doc: "Gives the node a query to serve.",
		Request: typeOf[SubmitJob](), Answer: typeOf[JobAnswer](),
	},
	{
		Port: PortJobs, Method: http.MethodPost, Path: "/job/update_plan", Access: AccessNode, Doc: "Changes a job's plan.",
		Request: typeOf[UpdatePlan](), Answer: typeOf[PlanAnswer](),
	},
	{
		Port: PortJobs, Method: http.MethodPost, Path: "/job/stop_job", Access: AccessNode, Doc: "Ends a job and lets the node forget it.",
		Request: typeOf[StopJob](), Answer: typeOf[PlanAnswer](), Added: true,
	},
	{
		Port: PortJobs, Method: http.MethodPost, Path: "/job/charge_work", Access: AccessNode, Doc: "Makes the node spend work that the scheduler causes.",
		Request: typeOf[ChargeWork](), Answer: typeOf[Answer](), Added: true,
	},
	{
		Port: PortJobs, Method: http.MethodGet, Path: "/job/get_runtime/{id}", Access: AccessUser | AccessNode, Doc: "Tells a job's runtime context.",
		Answer: typeOf[Runtime](),
	},
	{
		Port: PortJobs, Method: http.MethodGet, Path: "/job/list", Access: AccessUser | AccessNode, Doc: "Lists the node's jobs, page by page.",
		Answer: typeOf[JobList](), Query: []string{"after", "limit"}, Added: true,
	},
	{
		Port: PortServices, Method: http.MethodGet, Path: "/get_service_list", Access: AccessUser | AccessNode, Doc: "Lists the node's services.",
		Answer: typeOf[ServiceList](),
	},
	{
		Port: PortServices, Method: http.MethodGet, Path: "/get_resource_info", Access: AccessUser | AccessNode, Doc: "Tells what services take of their nodes.",
		Answer: typeOf[ResourceInfo](),
	},
	{
		Port: PortServices, Method: http.MethodGet, Path: "/get_cluster_info", Access: AccessUser | AccessNode, Doc: "Tells the nodes' cores and load.",
		Answer: typeOf[ClusterInfo](),
	},
	{
		Port: PortServices, Method: http.MethodPost, Path: "/execute_task/{service}", Access: AccessUser | AccessNode, Doc: "Has a service analyse an image or crops.",
		Request: typeOf[Task](), Answer: typeOf[TaskAnswer](), Query: []string{"crops"}, Limit: Limits{}.WithDefaults().Body,
	},
	{
		Port: PortServices, Method: http.MethodPost, Path: "/configure_services", Access: AccessNode, Doc: "Sets how the node's services run.",
		Request: typeOf[ConfigureServices](), Answer: typeOf[Answer](), Added: true,
	},
	{
		Port: PortSideCloud, Method: http.MethodPost, Path: "/user/update_node_addr", Access: AccessNode, Doc: "Tells where a query's video is.",
		Request: typeOf[AddrUpdate](), Answer: typeOf[AddrAnswer](),
	},
	{
		Port: PortSideCloud, Method: http.MethodGet, Path: "/user/video/{id}", Access: AccessUser, Doc: "Shows a query's video, relayed from its node.",
		Media: MJPEGType,
	},
	{
		Port: PortSideEdge, Method: http.MethodGet, Path: "/user/video/{id}", Access: AccessUser | AccessNode, Doc: "Shows a query's video.",
		Media: MJPEGType,
	},
}

// everywhere are the routes of every port.
var everywhere = []Route{
	{Method: http.MethodGet, Path: "/healthz", Doc: "Tells that the process lives.", Answer: typeOf[Health]()},
	{Method: http.MethodGet, Path: "/readyz", Doc: "Tells whether it can do its work: 503 until then.", Answer: typeOf[Health]()},
	{Method: http.MethodGet, Path: "/metrics", Access: AccessUser, Doc: "Prometheus metrics of what listens here.", Media: MetricsType},
	{Method: http.MethodGet, Path: "/openapi.json", Doc: "This description.", Media: JSONType},
}

// Routes returns the table of all routes, by port in the order of Ports.
func Routes() []Route {
	var all []Route
	for _, p := range Ports() {
		for _, r := range slices.Concat(routes, everywhere) {
			if r.Port == 0 {
				r.Port, r.Added = p, true
			}
			if r.Port != p {
				continue
			}
			if r.Request != nil && r.Limit == 0 {
				r.Limit = limitControl
			}
			all = append(all, r)
		}
	}
	return all
}

// Decode reads and decodes a request's JSON body into a new value of r.Request, and
// returns a pointer to it; errors as of ReadJSON. length is the Content-Length, -1 = not told. A body that may be missing and
// has no length is the zero value. Tasks have ReadTask.
func (r *Route) Decode(contentType string, body io.Reader, length int64) (any, error) {
	v := reflect.New(r.Request).Interface()
	if r.Optional && length == 0 {
		return v, nil
	}
	if err := ReadJSON(contentType, body, length, r.Limit, v); err != nil {
		return nil, err
	}
	return v, nil
}

// typeOf keeps the table short.
func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

// parameter is a query parameter.
type parameter struct {
	doc    string
	schema map[string]any
}

// parameters are all query parameters.
var parameters = map[string]parameter{
	"after": {"Only what comes after this id: the field next of the page before.", map[string]any{"type": "string", "pattern": ID(0).form().pattern}},
	"limit": {"Rows of the page.", map[string]any{"type": "integer", "minimum": 1, "maximum": MaxPage, "default": DefaultPage}},
	"crops": {"1 asks for cut-outs in the answer, as ctx.crops does in a form.", map[string]any{"enum": []any{"0", "1"}, "default": "0"}},
}

// Errors returns the HTTP statuses with which a route may refuse, ascending.
func (r *Route) Errors() []int {
	codes := []int{http.StatusMethodNotAllowed, http.StatusServiceUnavailable}
	add := func(c ...int) { codes = append(codes, c...) }
	if r.Access != AccessPublic {
		add(http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusGatewayTimeout)
	}
	if r.Request != nil {
		add(http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity)
	}
	if len(r.Query) > 0 {
		add(http.StatusBadRequest)
	}
	if strings.Contains(r.Path, "{") || r.Request != nil {
		add(http.StatusNotFound)
	}
	if r.Method == http.MethodPost && r.Request != typeOf[Task]() {
		add(http.StatusConflict)
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}
