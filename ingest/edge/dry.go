package edge

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/leadgate/leadgate/ingest"
)

// InMemory is the address that requests of Once come from, for TrustedProxies.
const InMemory = "0.0.0.0"

// onceTime bounds one request of Once.
const onceTime = 30 * time.Second

// Once answers a single request that comes by no network, as the server would,
// to the door of the named source: the path and the framing of the request are
// replaced. The answer's body is complete. The Edge serves nothing afterwards.
func (e *Edge) Once(ctx context.Context, source string, d *ingest.Delivery) (answer *http.Response, body []byte, err error) {
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
		return nil, nil, fmt.Errorf("dial in memory: %w", err)
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if err := conn.SetDeadline(time.Now().Add(onceTime)); err != nil {
		return nil, nil, err
	}
	sent := make(chan error, 1)
	go func() {
		_, err := conn.Write(requestOf(source, d))
		sent <- err
	}()
	answer, err = http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: d.Method})
	if err != nil {
		return nil, nil, fmt.Errorf("read the answer: %w", err)
	}
	body, err = io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	_ = conn.Close()
	<-sent // a refusal may come before all is sent
	return answer, body, err
}

// requestOf writes a delivery as the request it was.
func requestOf(source string, d *ingest.Delivery) []byte {
	var b bytes.Buffer
	_, query, found := strings.Cut(d.URL, "?")
	if found {
		query = "?" + query
	}
	_, host, _ := strings.Cut(d.URL, "://")
	host, _, _ = strings.Cut(host, "/")
	fmt.Fprintf(&b, "%s /in/%s%s HTTP/1.1\r\nHost: %s\r\n", d.Method, source, query, host)
	for name, values := range d.Header {
		if ofConnection[name] || name == "Host" {
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
