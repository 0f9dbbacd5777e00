package edge

import (
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
)

// limit counts the request by key. nearest becomes the standing of the limit
// that the client is nearer to.
func (e *Edge) limit(l Limiter, name, key, source string, nearest *Result) error {
	if l == nil {
		return nil
	}
	r, err := l.Take(e.requests, key)
	if err != nil || r.Limit <= 0 {
		return nil //nolint:nilerr // what cannot be counted passes: a limit must not cost a lead
	}
	if nearest.Limit == 0 || r.Remaining < nearest.Remaining || !r.Allowed {
		*nearest = r
	}
	if r.Allowed {
		return nil
	}
	e.o.Metrics.Limited(source, name)
	return errLimited
}

var limitName, remainingName, resetName = []byte("RateLimit-Limit"), []byte("RateLimit-Remaining"), []byte("RateLimit-Reset")

// tellLimit tells the client how it stands, in the RateLimit fields of
// draft-ietf-httpapi-ratelimit-headers-07, section 5.
func (e *Edge) tellLimit(c *fiber.Ctx, r Result, now time.Time) {
	if r.Limit <= 0 {
		return
	}
	left := r.Reset.Unix() - now.Unix()
	h := &c.Response().Header
	var digits [20]byte
	for _, field := range [...]struct {
		name []byte
		n    int64
	}{{limitName, r.Limit}, {remainingName, r.Remaining}, {resetName, max(0, left)}} {
		h.SetCanonical(field.name, strconv.AppendInt(digits[:0], field.n, 10))
	}
	if !r.Allowed {
		h.SetBytesV(fiber.HeaderRetryAfter, strconv.AppendInt(digits[:0], max(1, left), 10))
	}
}
