package edge

import (
	"bytes"
	"errors"
	"net/textproto"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/leadgate/leadgate/ingest"
)

// deliveryFrom copies a request into a delivery. It is the only function that
// takes bytes out of the server's buffers for longer than a request.
func (e *Edge) deliveryFrom(c *fiber.Ctx, source string, from client) (*ingest.Delivery, error) {
	now := e.o.Now().UTC().Truncate(time.Microsecond)
	id, err := e.idOf(c, now)
	if err != nil {
		return nil, err
	}
	d := &ingest.Delivery{
		ID: id, Source: source, ReceivedAt: now, RemoteAddr: from.address,
		Method: strings.Clone(c.Method()), URL: e.publicURL(c, from), Header: headerOf(c),
	}
	// BodyRaw, not Body: that one inflates without a cap, and passes an error
	// off as the body.
	if d.Body, err = inflate(c.BodyRaw(), d.Header["Content-Encoding"], e.maxBody(source)); err != nil {
		if errors.Is(err, ingest.ErrMediaType) {
			c.Set(fiber.HeaderAcceptEncoding, "gzip, deflate")
		}
		return nil, err
	}
	delete(d.Header, "Content-Encoding")
	return d, nil
}

// idOf is the id that the request got from us, so that an answer's request id
// finds its delivery; a new one where the client named its request itself.
func (e *Edge) idOf(c *fiber.Ctx, now time.Time) (string, error) {
	answered := c.Response().Header.Peek(requestIDName)
	if len(answered) > 0 && !bytes.Equal(answered, c.Request().Header.Peek(requestIDName)) {
		return string(answered), nil
	}
	return e.o.IDs.New(now)
}

// headerOf copies the header, but for what tells of the connection. The texts
// share one string, and the lists of values one slice.
func headerOf(c *fiber.Ctx) textproto.MIMEHeader {
	type field struct {
		name       string
		start, end int
	}
	var fieldsRoom [24]field
	fields := fieldsRoom[:0]
	var textRoom [1 << 10]byte
	text := textRoom[:0]
	c.Request().Header.VisitAll(func(key, value []byte) {
		if name := canonical(key); !ofConnection[name] {
			fields = append(fields, field{name, len(text), len(text) + len(value)})
			text = append(text, value...)
		}
	})
	all := string(text)
	header := make(textproto.MIMEHeader, len(fields))
	values := make([]string, len(fields))
	for i, f := range fields {
		values[i] = all[f.start:f.end]
		if earlier, ok := header[f.name]; ok {
			header[f.name] = append(earlier, values[i]) // capped, so it moves
		} else {
			header[f.name] = values[i : i+1 : i+1]
		}
	}
	return header
}

// canonical is textproto.CanonicalMIMEHeaderKey, without a copy of the names
// that nearly every request has.
func canonical(key []byte) string {
	if name, ok := frequent[string(key)]; ok {
		return name
	}
	return textproto.CanonicalMIMEHeaderKey(string(key))
}

var frequent = func() map[string]string {
	names := make(map[string]string)
	for _, name := range [...]string{
		"Accept", "Accept-Encoding", "Accept-Language", "Cache-Control", "Connection", "Content-Encoding",
		"Content-Length", "Content-Type", "Cookie", "Dnt", "Host", "Origin", "Pragma", "Referer",
		"Sec-Ch-Ua", "Sec-Ch-Ua-Mobile", "Sec-Ch-Ua-Platform", "Sec-Fetch-Dest", "Sec-Fetch-Mode",
		"Sec-Fetch-Site", "Sec-Fetch-User", "Upgrade-Insecure-Requests", "User-Agent",
		"Webhook-Id", "Webhook-Signature", "Webhook-Timestamp",
		"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "X-Request-Id", "X-Requested-With",
	} {
		names[name] = name
	}
	return names
}()

// ofConnection are the header fields that tell of the transfer and not of what
// was sent.
var ofConnection = map[string]bool{
	"Connection": true, "Content-Length": true, "Expect": true, "Keep-Alive": true, "Te": true,
	"Trailer": true, "Transfer-Encoding": true, "Upgrade": true,
}
