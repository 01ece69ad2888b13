package serve

import (
	"context"
	"net/http"

	"vidq/live/wire"
)

// Compute returns the handlers of the compute services' port.
func Compute(s Services) Handlers {
	c := compute{s}
	return Handlers{port: wire.PortServices, calls: map[string]call{
		"GET /get_service_list":        asking(c.list),
		"GET /get_resource_info":       asking(c.resources),
		"GET /get_cluster_info":        asking(c.cluster),
		"POST /execute_task/{service}": reading(c.execute),
		"POST /configure_services":     reading(c.configure),
	}}
}

// compute is the compute services' port.
type compute struct{ services Services }

func (c *compute) list(ctx context.Context, _ *request) (wire.ServiceList, error) {
	l, err := c.services.List(ctx)
	if l == nil {
		l = wire.ServiceList{}
	}
	return l, err
}

func (c *compute) resources(ctx context.Context, _ *request) (wire.ResourceInfo, error) {
	v, err := c.services.Resources(ctx)
	if v == nil {
		v = wire.ResourceInfo{}
	}
	return v, err
}

func (c *compute) cluster(ctx context.Context, _ *request) (wire.ClusterInfo, error) {
	v, err := c.services.Cluster(ctx)
	if v == nil {
		v = wire.ClusterInfo{}
	}
	return v, err
}

func (c *compute) execute(ctx context.Context, r *request, t *wire.Task) (*reply, error) {
	switch crops := r.http.URL.Query()["crops"]; {
	case len(crops) == 0:
	case len(crops) == 1 && (crops[0] == "0" || crops[0] == "1"):
		t.Crops = crops[0] == "1"
	default:
		return nil, wire.Errorf(http.StatusBadRequest, "the query parameter crops is wrong, want crops=0 or crops=1 once")
	}
	a, err := c.services.Execute(ctx, r.caller, r.http.PathValue("service"), t, r.frame)
	if err != nil {
		return nil, err
	}
	a.Arrival = t.Arrival
	// The original ignores what is added: times go to everybody.
	kind, body, err := a.Encode(t, false)
	if err != nil {
		return nil, err
	}
	return &reply{kind: kind, body: body}, nil
}

func (c *compute) configure(ctx context.Context, r *request, in *wire.ConfigureServices) (*reply, error) {
	return value(&wire.Answer{Msg: "the services will be set so"}, c.services.Configure(ctx, r.caller, in.Core()))
}
