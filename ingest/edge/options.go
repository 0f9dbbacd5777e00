package edge

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// Options say what an Edge serves and what it allows. Durations and sizes that
// are zero take the default in brackets.
type Options struct {
	// Listen is the address that Run listens on, host:port.
	Listen string
	// Acceptor takes the deliveries in.
	Acceptor *ingest.Acceptor
	// IDs name the deliveries [from crypto/rand].
	IDs *ingest.DeliveryIDs
	// Now is the clock of receipt [time.Now].
	Now func() time.Time
	// PublicURL is the URL under which senders reach us: scheme and host, and
	// perhaps the path that a proxy removes.
	PublicURL string
	// TrustedProxies are the addresses and networks whose X-Forwarded-For,
	// -Proto and -Host are believed. Nobody else's are.
	TrustedProxies []string

	// MaxBody tells the largest body of a source in bytes, before and after
	// inflating; for "" and sources that are not configured, the default of
	// all [1 MiB]. It must be fast: it is asked at each request.
	MaxBody func(source string) int64
	// ReadTimeout bounds reading a whole request [10 s], WriteTimeout writing
	// an answer [10 s], IdleTimeout the wait for a connection's next request
	// [60 s].
	ReadTimeout, WriteTimeout, IdleTimeout time.Duration
	// RequestTimeout bounds keeping a delivery [10 s].
	RequestTimeout time.Duration
	// ShutdownTimeout is what requests in flight get when Run ends [10 s].
	ShutdownTimeout time.Duration

	// LargestBody is the largest that MaxBody tells of any source [that of ""].
	LargestBody int64
	// BodyMemory is what all request bodies take together, in bytes, each as often
	// as it is in memory [DefaultBodyMemory, and at least LeastBodyMemory of the
	// largest body]. Others wait, for ReadTimeout at most; small ones do not wait
	// for large ones.
	BodyMemory int64
	// ConnectionsPerAddress is how many connections one address, or one /64 of
	// IPv6, has open at once; further ones are closed. Trusted proxies may have
	// any number. [256]
	ConnectionsPerAddress int

	// SourceLimits count by source; AddressLimits by an IPv4 address or a /64 of
	// IPv6, and NetworkLimits by the /48 of that.
	SourceLimits, AddressLimits, NetworkLimits Limits

	// Ready says why the process cannot take and keep a lead, nil if it can.
	Ready func() error
	// MetricsPage serves /metrics; nil leaves it out.
	MetricsPage http.Handler
	// API serves everything under /api/v1/, and sees the whole path; nil leaves
	// it out. Its answers are held in memory until they are complete.
	API http.Handler
	// APIKeys are the bearer keys of the API. Without one it refuses all.
	APIKeys []string
	// ControlKey is one more bearer key, if not empty, which was not
	// configured: that of commands on the same machine.
	ControlKey string
	// APITimeout ends the context of an API request [60 s]; APIConcurrency is
	// how many are served at once, so that intake keeps its share [8].
	APITimeout     time.Duration
	APIConcurrency int

	// Metrics is told what happened; nil tells nobody.
	Metrics Metrics
	// Log is told of faults of ours and of state changes; nil discards.
	Log *slog.Logger
}

// Limiter counts a request of a key that weighs n. It must return soon: a lead
// waits. An error lets the request pass.
type Limiter interface {
	Take(ctx context.Context, key string, n int64) (Result, error)
}

// Result says how a key stands after one more request.
type Result struct {
	Limit, Remaining int64 // a Limit of 0 is no limit
	Reset            time.Time
	Allowed          bool
}

// LimiterFunc is a function as a Limiter.
type LimiterFunc func(ctx context.Context, key string, n int64) (Result, error)

// Take calls f.
func (f LimiterFunc) Take(ctx context.Context, key string, n int64) (Result, error) {
	return f(ctx, key, n)
}

// Metrics is what the edge tells of its work. Codes are of a fixed set;
// sources are as the client named them, configured or not.
type Metrics interface {
	// Answered counts a request to a source's door: "accepted" or an error's
	// code.
	Answered(source, code string)
	// Limited counts a refusal by a limit: "source", "address" or "network", for
	// deliveries, or one of these with "_events" or "_bytes"; "memory" (of bodies);
	// or "connections" (of an address; they have no source).
	Limited(source, limit string)
	Panicked()
	// UntrustedForwarded counts a request that was forwarded by a peer that is
	// not one of the TrustedProxies.
	UntrustedForwarded()
}

type noMetrics struct{}

func (noMetrics) Answered(string, string) {}
func (noMetrics) Limited(string, string)  {}
func (noMetrics) Panicked()               {}
func (noMetrics) UntrustedForwarded()     {}

func (o Options) withDefaults() Options {
	for d, value := range map[*time.Duration]time.Duration{
		&o.ReadTimeout: 10 * time.Second, &o.WriteTimeout: 10 * time.Second, &o.IdleTimeout: time.Minute,
		&o.RequestTimeout: 10 * time.Second, &o.ShutdownTimeout: 10 * time.Second, &o.APITimeout: time.Minute,
	} {
		if *d <= 0 {
			*d = value
		}
	}
	if o.IDs == nil {
		o.IDs = ingest.NewDeliveryIDs(rand.Reader)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.APIConcurrency <= 0 {
		o.APIConcurrency = 8
	}
	if o.BodyMemory <= 0 {
		o.BodyMemory = DefaultBodyMemory
	}
	if o.ConnectionsPerAddress <= 0 {
		o.ConnectionsPerAddress = 256
	}
	if o.Ready == nil {
		o.Ready = func() error { return nil }
	}
	if o.Metrics == nil {
		o.Metrics = noMetrics{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func parsePublicURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("public URL: not a URL such as https://leads.example.com (got %q)", text)
	}
	return u, nil
}

func parseProxies(texts []string) ([]netip.Prefix, error) {
	var proxies []netip.Prefix
	var problems []error
	for _, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		if addr, addrErr := netip.ParseAddr(text); addrErr == nil {
			prefix, err = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()), nil
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("trusted proxies: not an address or a network such as 10.0.0.0/8 (got %q)", text))
			continue
		}
		if addr := prefix.Addr(); addr.Is4In6() && prefix.Bits() >= 96 {
			prefix = netip.PrefixFrom(addr.Unmap(), prefix.Bits()-96) // as peers' addresses are
		}
		proxies = append(proxies, prefix.Masked())
	}
	return proxies, errors.Join(problems...)
}
