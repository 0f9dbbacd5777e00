package edge

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/leadgate/leadgate/ingest"
)

// InMemory is the address that requests of Once come from, for TrustedProxies.
const InMemory = "0.0.0.0"

// Answered is what a request of Once got.
type Answered struct {
	Status int
	Header http.Header
	Body   []byte
}

// onceTime bounds one request of Once.
const onceTime = 30 * time.Second

// Once answers a single request that comes by no network, as the server would,
// at the door of the named source. If the request's own path leads there, its URL
// is what the server makes of it; a request that was captured at another server is
// led there, and its URL stays what its sender called: some sign it. The Edge
// serves nothing afterwards.
func (e *Edge) Once(ctx context.Context, source string, d *ingest.Delivery) (answered Answered, err error) {
	target := originForm(d.URL)
	if e.sourceOf(target) != source {
		_, query, _ := strings.Cut(target, "?")
		e.captured, target = d.URL, "/in/"+source+"?"+query
	}
	ln := fasthttputil.NewInmemoryListener()
	served := make(chan error, 1)
	go func() { served <- e.Serve(ln) }()
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.o.ShutdownTimeout)
		defer cancel()
		err = errors.Join(err, e.Shutdown(stop), <-served)
	}()
	conn, err := ln.Dial()
	if err != nil {
		return answered, fmt.Errorf("dial in memory: %w", err)
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if err := conn.SetDeadline(time.Now().Add(onceTime)); err != nil {
		return answered, err
	}
	var sending sync.WaitGroup
	defer sending.Wait()
	sending.Go(func() { _, _ = conn.Write(requestOf(target, d)) }) // a refusal may come before all is sent
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: d.Method})
	if err != nil {
		return answered, fmt.Errorf("read the answer: %w", err)
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	_ = conn.Close()
	return Answered{res.StatusCode, res.Header, body}, err
}

// requestOf writes a delivery as the request it was.
func requestOf(target string, d *ingest.Delivery) []byte {
	var b bytes.Buffer
	host := "localhost"
	if u, err := url.Parse(d.URL); err == nil && u.Host != "" {
		host = u.Host
	}
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", d.Method, target, host)
	for name, values := range d.Header {
		if ofConnection([]byte(name)) || name == "Host" {
			continue
		}
		for _, value := range values {
			fmt.Fprintf(&b, "%s: %s\r\n", name, value)
		}
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\nConnection: close\r\n\r\n", len(d.Body))
	b.Write(d.Body)
	return b.Bytes()
}
