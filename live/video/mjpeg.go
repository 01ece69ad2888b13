package video

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

func init() {
	register(&kind{
		name: "mjpeg",
		doc:  "http://HOST/PATH, a camera that serves MJPEG (multipart/x-mixed-replace)",
		claim: func(at *location) int {
			if at.scheme == "http" || at.scheme == "https" {
				return 1
			}
			return 0
		},
		open: func(ctx context.Context, o *Options, at *location) (Source, error) {
			return newFootage(ctx, o, at, true, func(ctx context.Context) (reader, error) { return openMJPEG(ctx, o, at) }), nil
		},
	})
}

// mjpeg is a connection to an MJPEG camera.
type mjpeg struct {
	*splitter
	body io.Closer
	t    *http.Transport
}

func openMJPEG(ctx context.Context, o *Options, at *location) (reader, error) {
	t := &http.Transport{DialContext: o.Dial, DisableCompression: true, DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment}
	if o.Dial != nil {
		t.Proxy = nil
	}
	c := http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.url.String(), http.NoBody)
	if err != nil {
		return nil, errors.New("the url makes no request")
	}
	resp, err := c.Do(req)
	if err != nil {
		// A url.Error repeats the url, whose query may hold a password.
		var e *url.Error
		if errors.As(err, &e) {
			err = e.Err
		}
		return nil, err
	}
	m := &mjpeg{splitter: newSplitter(at.name(), resp.Body), body: resp.Body, t: t}
	if err := checkMJPEG(resp); err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

// checkMJPEG tells what is wrong with a camera's answer.
func checkMJPEG(resp *http.Response) error {
	switch {
	case resp.StatusCode == http.StatusUnauthorized:
		return errors.New("the camera answers 401 Unauthorized; write http://USER:PASSWORD@HOST (basic authentication)")
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return fmt.Errorf("the camera answers %s; redirects are not followed, write where it leads to", resp.Status)
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("the camera answers %s", resp.Status)
	}
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind == "" && err != nil { // a boundary that is no token is of no account
		kind, _, _ = strings.Cut(strings.ToLower(resp.Header.Get("Content-Type")), ";")
	}
	if !strings.HasPrefix(kind, "multipart/") && kind != "image/jpeg" {
		return fmt.Errorf("the camera answers with %q, which is no MJPEG stream (multipart/x-mixed-replace)", kind)
	}
	return nil
}

func (m *mjpeg) read() (*Picture, error) { return m.next() }

func (m *mjpeg) close() {
	_ = m.body.Close() // nothing is lost
	m.t.CloseIdleConnections()
}
