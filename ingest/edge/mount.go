package edge

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// mount serves a net/http handler. fiber's adaptor would do, but gives the
// handler strings of the server's buffers, one value for each header field and
// a pooled object as its context: a handler that keeps any of them, as
// database drivers keep contexts, would read another request's.
func (e *Edge) mount(h http.Handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		ctx, cancel := context.WithTimeout(e.requests, e.o.APITimeout)
		defer cancel()
		from := e.nearestClient(c) // authorize has noted it
		r, err := requestFrom(ctx, c, from)
		if err != nil {
			return fiber.ErrBadRequest
		}
		memory := e.memory(c, from, "")
		defer memory.release()
		body, err := e.receive(c.Context(), &memory, nil, e.maxBody(""))
		if err != nil {
			return err
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		w := &answer{header: make(http.Header)}
		h.ServeHTTP(w, r)
		return w.send(c)
	}
}

// requestFrom copies a request, but for its body.
func requestFrom(ctx context.Context, c *fiber.Ctx, from client) (*http.Request, error) {
	target := originForm(string(c.Request().Header.RequestURI()))
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, err
	}
	r := &http.Request{
		Method: strings.Clone(c.Method()), URL: u, RequestURI: target,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header), Host: string(c.Request().Host()),
		RemoteAddr: from.addr.String(),
	}
	for key, value := range c.Request().Header.All() {
		if name := string(key); name != fiber.HeaderHost {
			r.Header.Add(name, string(value))
		}
	}
	return r.WithContext(ctx), nil
}

// answer collects what a handler writes.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *answer) Header() http.Header { return w.header }

func (w *answer) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
}

func (w *answer) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

func (w *answer) send(c *fiber.Ctx) error {
	if w.header.Get(fiber.HeaderContentType) == "" && w.body.Len() > 0 {
		w.header.Set(fiber.HeaderContentType, http.DetectContentType(w.body.Bytes()))
	}
	for name, values := range w.header {
		c.Response().Header.Del(name)
		for _, value := range values {
			c.Response().Header.Add(name, value)
		}
	}
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return c.Status(w.status).Send(w.body.Bytes())
}

// authorize lets through who holds one of the keys, and only so many at once.
func (e *Edge) authorize(c *fiber.Ctx) error {
	var standing Result
	err := e.arrive(e.clientOf(c), "", &standing)
	e.tellLimit(c, standing, e.o.Now())
	if err != nil {
		return err
	}
	if !e.holdsKey(c.Get(fiber.HeaderAuthorization)) {
		c.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="leadgate"`)
		if len(e.o.APIKeys) == 0 {
			return errNoKeys
		}
		return errUnauthorized
	}
	wait, cancel := context.WithTimeout(e.requests, e.o.APITimeout)
	defer cancel()
	select {
	case e.apiSlot <- struct{}{}:
		defer func() { <-e.apiSlot }()
		return c.Next()
	case <-wait.Done():
		return errBusy
	}
}

// holdsKey compares digests, all of them: neither the length of a key nor
// which one it is can be told from the time it takes.
func (e *Edge) holdsKey(authorization string) bool {
	scheme, key, _ := strings.Cut(authorization, " ")
	digest, found := sha256.Sum256([]byte(strings.TrimSpace(key))), 0
	for _, known := range e.keys {
		found |= subtle.ConstantTimeCompare(digest[:], known[:])
	}
	return found == 1 && strings.EqualFold(scheme, "Bearer")
}
