package main

import (
	"context"

	"github.com/leadgate/leadgate/ingest/edge"
	"github.com/leadgate/leadgate/ingest/limit"
)

// networkShare is how many times the limit of an address the /48 around it has.
// A customer is commonly given a /56 or a /48, which has 256 or 65536 networks of
// the size that counts as an address; an office with a /48 of its own has several
// genuine ones.
const networkShare = 8

// check adds what cannot be read to the problems.
func (c LimitsConfig) check(problems *Problems) {
	for _, rate := range []struct {
		path, text string
		parse      func(string) (limit.Rate, error)
	}{
		{"limits.per_source", c.PerSource, limit.ParseRate},
		{"limits.per_address", c.PerAddress, limit.ParseRate},
		{"limits.events_per_source", c.EventsPerSource, limit.ParseRate},
		{"limits.events_per_address", c.EventsPerAddress, limit.ParseRate},
		{"limits.bytes_per_source", c.BytesPerSource, limit.ParseByteRate},
		{"limits.bytes_per_address", c.BytesPerAddress, limit.ParseByteRate},
	} {
		if _, err := rate.parse(rate.text); err != nil {
			problems.add(rate.path, "%v", err)
		}
	}
}

// limits are those of the edge.
type limits struct{ source, address, network edge.Limits }

// limits makes the limiters that the settings ask for.
func (g *gateway) limits() (limits, error) {
	var made limits
	var problems error
	c := g.settings.Limits
	add := func(out *edge.Limiter, name, text string, parse func(string) (limit.Rate, error), times int64) {
		rate, err := parse(text)
		if err == nil && !rate.Off() {
			*out, err = g.limiter(name, rate.Times(times))
		}
		if err != nil && problems == nil {
			problems = err
		}
	}
	add(&made.source.Deliveries, "source", c.PerSource, limit.ParseRate, 1)
	add(&made.source.Events, "source:events", c.EventsPerSource, limit.ParseRate, 1)
	add(&made.source.Bytes, "source:bytes", c.BytesPerSource, limit.ParseByteRate, 1)
	add(&made.address.Deliveries, "address", c.PerAddress, limit.ParseRate, 1)
	add(&made.address.Events, "address:events", c.EventsPerAddress, limit.ParseRate, 1)
	add(&made.address.Bytes, "address:bytes", c.BytesPerAddress, limit.ParseByteRate, 1)
	add(&made.network.Deliveries, "network", c.PerAddress, limit.ParseRate, networkShare)
	add(&made.network.Events, "network:events", c.EventsPerAddress, limit.ParseRate, networkShare)
	add(&made.network.Bytes, "network:bytes", c.BytesPerAddress, limit.ParseByteRate, networkShare)
	return made, problems
}

// limiter adapts the limit to what the edge asks for.
func (g *gateway) limiter(name string, rate limit.Rate) (edge.Limiter, error) {
	options := limit.Options{Name: name, Rate: rate, Now: g.hooks.now, Log: g.log}
	if g.settings.Limits.Shared {
		options.Redis = g.redis
	}
	limiter, err := limit.New(options)
	if err != nil {
		return nil, err
	}
	g.onClose(limiter.Close)
	return edge.LimiterFunc(func(ctx context.Context, key string, n int64) (edge.Result, error) {
		result, err := limiter.Take(ctx, key, n)
		return edge.Result(result), err
	}), nil
}
