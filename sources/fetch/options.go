// Package fetch is what the providers have in common that are asked for what
// their notifications announce: options, credentials, and the reading of what
// platforms say when they do not answer.
//
// Its law: it makes requests and reads answers, and carries neither.
package fetch

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/leadgate/leadgate/ingest"
)

// Options are the options of every type whose platform is asked. They are
// embedded in the type's own.
type Options struct {
	// APIURL is the platform's address, where that is not the public one.
	APIURL string `json:"api_url"`
	// GiveUpAfter is for how long is asked in vain, as in 72h.
	GiveUpAfter string `json:"give_up_after"`
	// TokenExpires is the day on which the credentials end, where the platform
	// does not say so in time: 2026-12-31.
	TokenExpires string `json:"token_expires"`
	// Parallel is how many requests may be under way.
	Parallel int `json:"fetch_parallel"`
	// PullInterval is how often is asked for what is new, for types that can
	// list it: 15m. Empty is the type's own, 0s never.
	PullInterval string `json:"pull_interval"`
}

// Base is a platform's address and what it wants of those who ask it.
type Base struct {
	URL  string // without a trailing slash
	Plan ingest.FetchPlan
}

// Base checks the options over what holds without them.
func (o Options) Base(config ingest.SourceConfig, url string, giveUp, pull time.Duration) (Base, error) {
	if o.APIURL != "" {
		url = strings.TrimSuffix(o.APIURL, "/")
	}
	origin, err := originOf(url)
	if err != nil {
		return Base{}, fmt.Errorf("options.api_url: %w (got %s)", err, url)
	}
	b := Base{URL: url, Plan: ingest.FetchPlan{
		Origins: []string{origin}, GiveUpAfter: giveUp, PullEvery: pull, Parallel: o.Parallel,
	}}
	if o.Parallel < 0 || o.Parallel > 64 {
		return b, fmt.Errorf("options.fetch_parallel: not between 1 and 64 (got %d)", o.Parallel)
	}
	if err := duration("give_up_after", o.GiveUpAfter, time.Minute, &b.Plan.GiveUpAfter); err != nil {
		return b, err
	}
	if err := duration("pull_interval", o.PullInterval, 0, &b.Plan.PullEvery); err != nil {
		return b, err
	}
	if o.TokenExpires != "" {
		if b.Plan.TokenExpires, err = time.Parse(time.DateOnly, o.TokenExpires); err != nil {
			return b, fmt.Errorf("options.token_expires: not a date such as 2026-12-31 (got %s)", o.TokenExpires)
		}
	}
	for _, secret := range config.Credentials {
		b.Plan.Secrets = append(b.Plan.Secrets, secret)
	}
	b.Plan.Secrets = append(b.Plan.Secrets, config.Secrets...)
	return b, nil
}

func duration(name, text string, least time.Duration, into *time.Duration) error {
	if text == "" {
		return nil
	}
	d, err := model.ParseDuration(text)
	if err != nil || time.Duration(d) < least {
		return fmt.Errorf("options.%s: not a duration such as 15m, 36h or 3d (got %s)", name, text)
	}
	*into = time.Duration(d)
	return nil
}

var errAddress = errors.New("not an https address without a query")

// originOf returns scheme and host. Credentials go over TLS; only to this very
// machine they may go without.
func originOf(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", errAddress
	}
	if u.Scheme != "https" {
		addr, err := netip.ParseAddr(u.Hostname())
		if u.Scheme != "http" || u.Hostname() != "localhost" && (err != nil || !addr.IsLoopback()) {
			return "", errAddress
		}
	}
	return u.Scheme + "://" + u.Host, nil
}

// NoToken is the error of a source that has nothing to ask with.
func NoToken(name string) error {
	return &ingest.FetchError{Problem: ingest.TokenRefused, Text: "credentials." + name + " of the source is not set"}
}
