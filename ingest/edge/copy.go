package edge

import (
	"bytes"
	"net/textproto"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/leadgate/leadgate/ingest"
)

// deliveryFrom copies a request into a delivery, but for its body, which may not be
// there yet. It is the only function that takes bytes out of the server's buffers
// for longer than a request.
func (e *Edge) deliveryFrom(c *fiber.Ctx, source string, from client, now time.Time) (*ingest.Delivery, error) {
	now = now.UTC().Truncate(time.Microsecond)
	id, err := e.idOf(c, now)
	if err != nil {
		return nil, err
	}
	return &ingest.Delivery{
		ID: id, Source: source, ReceivedAt: now, RemoteAddr: from.address,
		Method: strings.Clone(c.Method()), URL: e.publicURL(c, from), Header: headerOf(c),
	}, nil
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

// headerOf copies the header, but for what tells of the connection. Names and
// values share one string, and the lists of values one slice.
func headerOf(c *fiber.Ctx) textproto.MIMEHeader {
	type field struct {
		start, middle, end int // of the name and the value
	}
	var fieldsRoom [24]field
	fields := fieldsRoom[:0]
	var textRoom [1 << 10]byte
	text := textRoom[:0]
	for key, value := range c.Request().Header.All() {
		if !ofConnection(key) {
			start := len(text)
			text = append(append(text, key...), value...)
			fields = append(fields, field{start, start + len(key), len(text)})
		}
	}
	all := string(text)
	header := make(textproto.MIMEHeader, len(fields))
	values := make([]string, len(fields))
	for i, f := range fields {
		name := canonical(all[f.start:f.middle])
		values[i] = all[f.middle:f.end]
		if earlier, ok := header[name]; ok {
			header[name] = append(earlier, values[i]) // capped, so it moves
		} else {
			header[name] = values[i : i+1 : i+1]
		}
	}
	return header
}

// canonical is textproto.CanonicalMIMEHeaderKey of a name that the server has
// read. It writes names in that form, but for letters behind two hyphens.
func canonical(name string) string {
	if strings.Contains(name, "--") {
		return textproto.CanonicalMIMEHeaderKey(name)
	}
	return name
}

// ofConnection are the header fields that tell of the transfer and not of what
// was sent.
func ofConnection(name []byte) bool {
	switch string(name) {
	case "Connection", "Content-Length", "Expect", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}
