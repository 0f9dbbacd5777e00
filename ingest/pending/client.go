package pending

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

const (
	defaultMaxAnswer = 4 << 20
	// maxReused answers of at most maxReusedBytes each are kept: forms, by their id.
	maxReused      = 256
	maxReusedBytes = 128 << 10
)

// newTransport returns a transport that waits for nothing without end.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:       http.ProxyFromEnvironment,
		DialContext: (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		// Platforms answer a client that waits, or not at all.
		TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 60 * time.Second,
		MaxResponseHeaderBytes: 256 << 10, MaxIdleConnsPerHost: 8, IdleConnTimeout: 90 * time.Second,
		ForceAttemptHTTP2: true,
	}
}

// client carries requests to the origins that a plan allows, and nowhere else:
// it follows no redirect.
type client struct {
	http http.Client
	now  func() time.Time

	mu     sync.Mutex
	reused map[string]reusable
}

type reusable struct {
	response ingest.Response
	until    time.Time
}

func newClient(transport http.RoundTripper, timeout time.Duration, now func() time.Time) *client {
	return &client{
		http: http.Client{
			Transport: transport, Timeout: timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		now: now, reused: map[string]reusable{},
	}
}

// do asks once. Errors: *ingest.FetchError, and ctx's own.
func (c *client) do(ctx context.Context, source string, plan *ingest.FetchPlan, r *ingest.Request) (ingest.Response, error) {
	key := source + " " + r.Method + " " + r.URL
	if r.Reuse > 0 {
		if response, ok := c.known(key); ok {
			return response, nil
		}
	}
	req, err := newRequest(ctx, plan, r)
	if err != nil {
		return ingest.Response{}, &ingest.FetchError{Problem: ingest.Unavailable, Text: err.Error()}
	}
	answer, err := c.http.Do(req)
	if err != nil {
		return ingest.Response{}, unreachable(ctx, err)
	}
	defer func() { _ = answer.Body.Close() }()
	most := r.MaxBody
	if most <= 0 {
		most = defaultMaxAnswer
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, most+1))
	if err != nil {
		return ingest.Response{}, unreachable(ctx, err)
	}
	if int64(len(body)) > most {
		return ingest.Response{}, &ingest.FetchError{Problem: ingest.Unavailable, Text: fmt.Sprintf("the answer is larger than %d bytes", most)}
	}
	response := ingest.Response{Status: answer.StatusCode, Header: textproto.MIMEHeader(answer.Header), Body: body, At: c.now()}
	if r.Reuse > 0 && response.Status == http.StatusOK && len(body) <= maxReusedBytes {
		c.remember(key, response, r.Reuse)
	}
	return response, nil
}

var errOrigin = errors.New("the source asks a host that it may not ask")

func newRequest(ctx context.Context, plan *ingest.FetchPlan, r *ingest.Request) (*http.Request, error) {
	u, err := url.Parse(r.URL)
	if err != nil || u.User != nil || !slices.Contains(plan.Origins, u.Scheme+"://"+u.Host) {
		return nil, errOrigin
	}
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return nil, errOrigin
	}
	req.Header.Set("User-Agent", "Leadgate")
	for key, value := range r.Header {
		req.Header.Set(key, value)
	}
	return req, nil
}

// unreachable tells what became of a request without an answer. What was asked
// for is not repeated: it stands in the errors of net/http.
func unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var asked *url.Error
	if errors.As(err, &asked) {
		err = asked.Err
	}
	return &ingest.FetchError{Problem: ingest.Unavailable, Text: "the platform cannot be reached: " + err.Error()}
}

func (c *client) known(key string) (ingest.Response, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.reused[key]
	if ok && c.now().After(r.until) {
		delete(c.reused, key)
		return ingest.Response{}, false
	}
	return r.response, ok
}

func (c *client) remember(key string, response ingest.Response, reuse time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for other := range c.reused { // any one
		if len(c.reused) < maxReused {
			break
		}
		delete(c.reused, other)
	}
	c.reused[key] = reusable{response, c.now().Add(reuse)}
}
