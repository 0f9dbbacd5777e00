package edge

import (
	"context"
	"errors"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/leadgate/leadgate/ingest"
)

const accepted = "accepted"

// intake is the door of a source.
func (e *Edge) intake(c *fiber.Ctx) error {
	source := strings.Clone(c.Params("source"))
	if err := e.take(c, source); err != nil {
		e.fail(c, err)
	}
	return nil
}

// below is the door of a source whose sender adds paths to its address; for all
// others there is nothing.
func (e *Edge) below(c *fiber.Ctx) error {
	if !e.takesBelow(c.Params("source")) {
		return fiber.ErrNotFound
	}
	return e.intake(c)
}

func (e *Edge) take(c *fiber.Ctx, source string) error {
	from := e.clientOf(c)
	intake, unknown := e.o.Acceptor.Intake(source)
	if unknown == nil {
		e.allowOrigin(c, intake)
	}
	if err := e.limit(c, e.o.AddressLimit, "address", from.limitKey(), source); err != nil {
		return err
	}
	if unknown != nil {
		return unknown
	}
	if c.Method() == http.MethodOptions {
		return e.asked(c, intake, from)
	}
	if err := e.limit(c, e.o.SourceLimit, "source", source, source); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(e.requests, e.o.RequestTimeout)
	defer cancel()
	if len(c.Request().Header.ContentEncoding()) > 0 {
		select {
		case e.inflated <- struct{}{}:
			defer func() { <-e.inflated }()
		case <-ctx.Done():
			return errCrowded
		}
	}
	d, err := e.deliveryFrom(c, source, from)
	if err != nil {
		return err
	}
	id := d.ID
	answer, err := e.o.Acceptor.Accept(ctx, d)
	e.noteKeeping(err)
	if err != nil {
		if errors.Is(err, ingest.ErrMethod) {
			c.Set(fiber.HeaderAllow, strings.Join(methodsOf(intake), ", "))
		}
		return err
	}
	e.o.Metrics.Answered(source, accepted)
	return send(c, id, answer)
}

// methodsOf returns the methods that an intake's door takes.
func methodsOf(intake *ingest.Intake) []string {
	methods := []string{http.MethodPost}
	for _, method := range intake.Methods {
		if method != http.MethodPost {
			methods = append(methods, method)
		}
	}
	return append(methods, http.MethodOptions)
}

// noteKeeping logs when the journal begins to refuse and when it has ceased.
func (e *Edge) noteKeeping(err error) {
	switch refused := errors.Is(err, ingest.ErrNotKept); {
	case refused && !e.refusing.Swap(true):
		e.o.Log.Error("deliveries are refused with 503: the journal does not keep them", "err", err)
	case err == nil && e.refusing.Load() && e.refusing.Swap(false):
		e.o.Log.Info("deliveries are kept again")
	}
}

// deliveryFrom copies a request into a delivery. It is the only function that
// takes bytes out of the server's buffers for longer than a request.
func (e *Edge) deliveryFrom(c *fiber.Ctx, source string, from client) (*ingest.Delivery, error) {
	now := e.o.Now().UTC().Truncate(time.Microsecond)
	id, err := e.o.IDs.New(now)
	if err != nil {
		return nil, err
	}
	d := &ingest.Delivery{
		ID: id, Source: source, ReceivedAt: now, RemoteAddr: from.addr.String(),
		Method: strings.Clone(c.Method()), URL: e.publicURL(c, from),
		Header: make(textproto.MIMEHeader, 16),
	}
	c.Request().Header.VisitAll(func(key, value []byte) {
		name := textproto.CanonicalMIMEHeaderKey(string(key))
		if !ofConnection[name] {
			d.Header[name] = append(d.Header[name], string(value))
		}
	})
	limit := e.maxBody(source)
	// BodyRaw, not Body: that one inflates without a cap, and passes an error
	// off as the body.
	if d.Body, err = inflate(c.BodyRaw(), d.Header["Content-Encoding"], limit); err != nil {
		if errors.Is(err, ingest.ErrMediaType) {
			c.Set(fiber.HeaderAcceptEncoding, "gzip, deflate")
		}
		return nil, err
	}
	delete(d.Header, "Content-Encoding")
	return d, nil
}

// ofConnection are the header fields that tell of the transfer and not of what
// was sent.
var ofConnection = map[string]bool{
	"Connection": true, "Content-Length": true, "Expect": true, "Keep-Alive": true, "Te": true,
	"Trailer": true, "Transfer-Encoding": true, "Upgrade": true,
}

// send writes what an accepted delivery is answered.
func send(c *fiber.Ctx, id string, answer ingest.Answer) error {
	if answer.Status == 0 && answer.Location == "" && answer.Body == nil && answer.Header == nil {
		return sendJSON(c, http.StatusOK, `{"id":"`+id+`","status":"`+accepted+`"}`)
	}
	status := answer.Status
	if status == 0 {
		status = http.StatusOK
	}
	for name, value := range answer.Header {
		c.Set(name, value)
	}
	if answer.Location != "" {
		if answer.Status == 0 {
			status = http.StatusSeeOther
		}
		c.Set(fiber.HeaderLocation, answer.Location)
	}
	switch {
	case answer.ContentType != "":
		c.Set(fiber.HeaderContentType, answer.ContentType)
	case len(answer.Body) > 0:
		c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
	}
	return c.Status(status).Send(answer.Body)
}

// limit counts the request by key, and tells the client of the limit that is
// the nearer one.
func (e *Edge) limit(c *fiber.Ctx, l Limiter, name, key, source string) error {
	if l == nil {
		return nil
	}
	r, err := l.Take(e.requests, key)
	if err != nil {
		return nil //nolint:nilerr // what cannot be counted passes: a limit must not cost a lead
	}
	if r.Limit <= 0 {
		return nil
	}
	left := strconv.FormatInt(max(0, r.Reset.Unix()-e.o.Now().Unix()), 10)
	// RateLimit fields: draft-ietf-httpapi-ratelimit-headers-07, section 5.
	known, parseErr := strconv.ParseInt(c.GetRespHeader("RateLimit-Remaining"), 10, 64)
	if parseErr != nil || r.Remaining < known || !r.Allowed {
		c.Set("RateLimit-Limit", strconv.FormatInt(r.Limit, 10))
		c.Set("RateLimit-Remaining", strconv.FormatInt(r.Remaining, 10))
		c.Set("RateLimit-Reset", left)
	}
	if r.Allowed {
		return nil
	}
	e.o.Metrics.Limited(source, name)
	c.Set(fiber.HeaderRetryAfter, strconv.FormatInt(max(1, r.Reset.Unix()-e.o.Now().Unix()), 10))
	return errLimited
}
