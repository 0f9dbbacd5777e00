package ask

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

// Options say what may be asked, and how. Allowed is needed.
type Options struct {
	// Allowed tells whether an address is one that may be asked.
	Allowed func(*url.URL) bool
	// Transport of the requests; that of net/http if nil.
	Transport http.RoundTripper
	// Timeout of one request; 4 s if zero.
	Timeout time.Duration
	// Now is the clock of certificates; time.Now if nil.
	Now func() time.Time
	// Retry is the first pause before a confirmation is tried again, and each
	// later one is twice as long; 2 s if zero.
	Retry time.Duration
	Log   *slog.Logger // may be nil
}

func (o Options) withDefaults() Options {
	if o.Transport == nil {
		o.Transport = http.DefaultTransport
	}
	if o.Timeout <= 0 {
		o.Timeout = 4 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Retry <= 0 {
		o.Retry = 2 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// maxAnswer bounds what is read of an answer: certificates have 2 KB.
const maxAnswer = 64 << 10

var errAddress = errors.New("not an address of the platform")

// get returns what stands at an address. Its errors hold nothing of the
// address: it may carry a token.
func (o Options) get(ctx context.Context, address string) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.User != nil || !o.Allowed(u) {
		return nil, errAddress
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, errAddress
	}
	client := http.Client{
		Transport:     o.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		var failed *url.Error // says the address
		if errors.As(err, &failed) {
			err = failed.Err
		}
		return nil, fmt.Errorf("ask %s: %w", u.Host, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask %s: status %d", u.Host, response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = fmt.Errorf("more than %d bytes", maxAnswer)
	}
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", u.Host, err)
	}
	return body, nil
}
