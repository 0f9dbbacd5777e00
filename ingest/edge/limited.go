package edge

import (
	"context"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/leadgate/leadgate/ingest"
)

// Limits are the limits of one kind of sender; nil is no limit.
type Limits struct{ Deliveries, Events, Bytes Limiter }

// The names of limits, as metrics have them.
const (
	ofSource  = "source"
	ofAddress = "address"
	ofNetwork = "network"
	inEvents  = "_events"
	inBytes   = "_bytes"
)

// arrive counts a request by who sent it, whatever it turns out to be. A /64
// that is refused takes nothing from its /48, so it cannot use up more of that
// than its own limit.
func (e *Edge) arrive(from client, source string, nearest *Result) error {
	if err := e.limit(e.o.AddressLimits.Deliveries, ofAddress, from.limitKey(), source, 1, nearest); err != nil {
		return err
	}
	return e.limitNetwork(e.o.NetworkLimits.Deliveries, ofNetwork, from, source, 1, nearest)
}

// admission counts what is about to be persisted; nil if no limit asks for it.
func (e *Edge) admission(from client, nearest *Result) ingest.Admission {
	if e.o.SourceLimits == (Limits{}) && e.o.AddressLimits.Events == nil && e.o.AddressLimits.Bytes == nil {
		return nil
	}
	return &admission{e, from, nearest}
}

type admission struct {
	edge    *Edge
	from    client
	nearest *Result
}

// Admit implements ingest.Admission. It asks the limits of the address first,
// so that who is refused by them takes nothing from the source's.
func (a *admission) Admit(_ context.Context, d *ingest.Delivery, events int) error {
	o, source := &a.edge.o, d.Source
	var size int64
	if o.AddressLimits.Bytes != nil || o.SourceLimits.Bytes != nil {
		size = sizeOf(d)
	}
	if o.AddressLimits.Events != nil || o.AddressLimits.Bytes != nil {
		key := a.from.limitKey()
		if err := a.both(o.AddressLimits, ofAddress+inEvents, ofAddress+inBytes, key, source, int64(events), size); err != nil {
			return err
		}
		if err := a.edge.limitNetwork(o.NetworkLimits.Events, ofNetwork+inEvents, a.from, source, int64(events), a.nearest); err != nil {
			return err
		}
		if err := a.edge.limitNetwork(o.NetworkLimits.Bytes, ofNetwork+inBytes, a.from, source, size, a.nearest); err != nil {
			return err
		}
	}
	if err := a.edge.limit(o.SourceLimits.Deliveries, ofSource, source, source, 1, a.nearest); err != nil {
		return err
	}
	return a.both(o.SourceLimits, ofSource+inEvents, ofSource+inBytes, source, source, int64(events), size)
}

func (a *admission) both(l Limits, nameEvents, nameBytes, key, source string, events, size int64) error {
	if err := a.edge.limit(l.Events, nameEvents, key, source, events, a.nearest); err != nil {
		return err
	}
	return a.edge.limit(l.Bytes, nameBytes, key, source, size, a.nearest)
}

// share is how much of the limit remains: limits have different units.
func (r Result) share() float64 { return float64(r.Remaining) / float64(r.Limit) }

// sizeOf is about what a delivery takes in the journal: a short body may have a
// long header.
func sizeOf(d *ingest.Delivery) int64 {
	n := len(d.Body) + len(d.URL)
	for name, values := range d.Header {
		for _, value := range values {
			n += len(name) + len(value)
		}
	}
	return int64(n)
}

func (e *Edge) limitNetwork(l Limiter, name string, from client, source string, n int64, nearest *Result) error {
	if l == nil {
		return nil
	}
	key := from.networkKey()
	if key == "" {
		return nil
	}
	return e.limit(l, name, key, source, n, nearest)
}

// limit counts a request that weighs n by key. nearest becomes the standing of
// the limit that the client is nearer to.
func (e *Edge) limit(l Limiter, name, key, source string, n int64, nearest *Result) error {
	if l == nil {
		return nil
	}
	r, err := l.Take(e.requests, key, n)
	if err != nil || r.Limit <= 0 {
		return nil //nolint:nilerr // what cannot be counted passes: a limit must not cost a lead
	}
	if nearest.Limit == 0 || !r.Allowed || r.share() < nearest.share() {
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
