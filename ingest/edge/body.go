package edge

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/leadgate/leadgate/ingest"
)

var (
	errNoMemory = &failure{Status: http.StatusServiceUnavailable, Code: "busy", retry: 5 * time.Second,
		Message: "too many large requests at once; try again later"}
	errTooLarge = fmt.Errorf("body: %w", ingest.ErrTooLarge)
)

// memory is what a request may reserve.
func (e *Edge) memory(c *fiber.Ctx, from client, source string) hold {
	deadline := time.Now().Add(e.o.ReadTimeout)
	if own, ok := c.Context().Conn().(*conn); ok && !own.read.IsZero() {
		deadline = own.read
	}
	return hold{bodies: e.bodies, address: from.addr, source: source, deadline: deadline, stop: e.requests.Done()}
}

// fillBody reads the body of a delivery. What may be large is read only of who is
// authorised, where that can be seen without the body.
func (e *Edge) fillBody(c *fiber.Ctx, d *ingest.Delivery, intake *ingest.Intake, h *hold) (err error) {
	declared := c.Request().Header.ContentLength()
	if mayBeLarge := declared < 0 || declared > smallBody; mayBeLarge && intake.Authorized != nil && intake.Challenge == nil {
		if err := intake.Authorized(d); err != nil {
			return err
		}
	}
	d.Body, err = e.receive(c.Context(), h, d.Header["Content-Encoding"], e.maxBody(d.Source))
	switch {
	case errors.Is(err, ingest.ErrMediaType):
		c.Set(fiber.HeaderAcceptEncoding, "gzip, deflate")
	case errors.Is(err, errNoMemory):
		e.o.Metrics.Limited(d.Source, "memory")
	}
	delete(d.Header, "Content-Encoding")
	return err
}

// receive reads the body of a request whole, with its Content-Encoding undone: at
// most limit bytes, before and after. It is the only function that reads bodies.
// Their memory is reserved in h, and belongs to the caller. Errors (wrapped):
// ErrTooLarge, ErrMediaType, ErrMalformed, ErrClosed, errNoMemory, or a status of
// fiber's where the sender is too slow.
func (e *Edge) receive(rc *fasthttp.RequestCtx, h *hold, encodings []string, limit int64) ([]byte, error) {
	stream, declared := rc.RequestBodyStream(), int64(rc.Request.Header.ContentLength())
	if stream == nil || declared == 0 {
		return nil, nil
	}
	if declared > limit {
		return nil, errTooLarge
	}
	encoding := strings.ToLower(strings.TrimSpace(strings.Join(encodings, ",")))
	if encoding == "identity" {
		encoding = ""
	}
	if encoding != "" && !codings[encoding] {
		return nil, errEncoding
	}
	body, err := read(stream, h, declared, limit, encoding == "")
	if err != nil {
		return nil, e.readFailure(rc, err)
	}
	if c, ok := rc.Conn().(*conn); ok {
		c.unread = false
	}
	if encoding == "" || len(body) == 0 {
		return body, nil
	}
	return inflate(body, encoding, h, limit, e.inflating)
}

// read reads a body of the declared size, or of up to limit bytes if none is
// declared (-1). With record, what the journal's record of it needs is reserved
// too.
func read(stream io.Reader, h *hold, declared, limit int64, record bool) ([]byte, error) {
	times := int64(1)
	if record {
		times = charge
	}
	if declared < 0 {
		p := pieces{hold: h, limit: limit}
		if err := p.fill(stream); err != nil {
			return nil, err
		}
		return p.join(record)
	}
	var head []byte // of a large body: who does not send it shall not have the rest reserved
	if declared > smallBody {
		h.isLarge = true
		if err := h.reserve(smallBody); err != nil {
			return nil, err
		}
		head = make([]byte, smallBody)
		if _, err := io.ReadFull(stream, head); err != nil {
			return nil, err
		}
	}
	if declared > tinyBody {
		if err := h.reserve(times*declared - int64(len(head))); err != nil {
			return nil, err
		}
	}
	body := make([]byte, declared)
	_, err := io.ReadFull(stream, body[copy(body, head):])
	return body, err
}

// readFailure says why a body could not be read. The connection ends: where the next
// request on it begins is not known, or a long way off.
func (e *Edge) readFailure(rc *fasthttp.RequestCtx, err error) error {
	rc.SetConnectionClose()
	var own *failure
	var small *fasthttp.ErrSmallBuffer // for the trailers
	switch {
	case errors.As(err, &own), errors.Is(err, ingest.ErrTooLarge), errors.Is(err, ingest.ErrClosed):
		return err
	case errors.As(err, &small):
		return fiber.ErrRequestHeaderFieldsTooLarge
	}
	if c, ok := rc.Conn().(*conn); ok {
		c.unread = false // what is left of it will not come
	}
	var network net.Error
	if errors.As(err, &network) && network.Timeout() {
		return fiber.ErrRequestTimeout
	}
	return fiber.ErrBadRequest
}

// pieces collect bytes whose number is not known beforehand. Nothing is copied
// while they grow.
type pieces struct {
	hold  *hold
	limit int64 // of all bytes
	list  [][]byte
	size  int64 // of all bytes
	taken int64 // what is reserved
}

const (
	firstPiece   = 4 << 10
	largestPiece = 4 << 20
)

// fill appends what r has, up to its end. Errors: ErrTooLarge (wrapped), errors of
// the budget and of r.
func (p *pieces) fill(r io.Reader) error {
	for {
		more, err := p.space()
		if err != nil {
			return err
		}
		var one [1]byte
		if more == nil {
			more = one[:] // there may be nothing more
		}
		n, err := r.Read(more)
		if p.size += int64(n); p.size > p.limit {
			return errTooLarge
		}
		if len(p.list) > 0 {
			last := &p.list[len(p.list)-1]
			*last = (*last)[:min(len(*last)+n, cap(*last))]
		}
		switch {
		case err == io.EOF: //nolint:errorlint // the end itself, not an error that wraps it
			return nil
		case err != nil:
			return err
		}
	}
}

// space returns where the next bytes go, nil if the limit is reached.
func (p *pieces) space() ([]byte, error) {
	if n := len(p.list); n > 0 {
		if last := p.list[n-1]; len(last) < cap(last) {
			return last[len(last):cap(last)], nil
		}
	}
	next := min(max(p.size, firstPiece), largestPiece, p.limit-p.size)
	if next <= 0 {
		return nil, nil
	}
	if err := p.hold.reserve(next); err != nil {
		return nil, err
	}
	p.taken += next
	piece := make([]byte, 0, next)
	p.list = append(p.list, piece)
	return piece[:next], nil
}

// join returns all bytes in one piece. With record, what the journal's record of
// them needs stays reserved.
func (p *pieces) join(record bool) ([]byte, error) {
	if err := p.hold.reserve(p.size); err != nil {
		return nil, err
	}
	all := make([]byte, 0, p.size)
	for _, piece := range p.list {
		all = append(all, piece...)
	}
	p.list = nil
	spare := p.taken
	if record {
		spare -= p.size
	}
	p.hold.giveBack(spare)
	return all, nil
}
