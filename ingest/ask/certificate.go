package ask

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

const (
	// maxCertificates bounds how many are kept: a platform has one a region,
	// and changes it once a year.
	maxCertificates = 200
	// keepFailed is how long a failure stands before the address is asked again.
	keepFailed = 5 * time.Second
	// maxAsking bounds how many addresses are asked at the same time.
	maxAsking = 4
)

// Certificates fetches the certificates that platforms sign with, and keeps
// them while they are valid. It implements ingest.CertificateStore.
type Certificates struct {
	o      Options
	asking chan struct{}
	mu     sync.Mutex
	known  map[string]*fetched
}

// fetched is a certificate, or why there is none. It is being asked for until
// done is closed.
type fetched struct {
	done        chan struct{}
	certificate *x509.Certificate
	err         error
	at          time.Time
}

// NewCertificates returns an empty store.
func NewCertificates(o Options) *Certificates {
	return &Certificates{o: o.withDefaults(), asking: make(chan struct{}, maxAsking), known: make(map[string]*fetched)}
}

// LogTo has failures logged. It must be called before the first Certificate.
func (c *Certificates) LogTo(log *slog.Logger) { c.o.Log = log }

// Certificate implements ingest.CertificateStore. It asks once, however many
// want to know, and waits for it no longer than a request may take.
func (c *Certificates) Certificate(address string) (*x509.Certificate, error) {
	c.mu.Lock()
	f, ok := c.known[address]
	if !ok || f.stale(c.o.Now()) {
		f = &fetched{done: make(chan struct{})}
		c.makeRoom()
		c.known[address] = f
		c.mu.Unlock()
		c.fetch(f, address)
	} else {
		c.mu.Unlock()
	}
	<-f.done // what fetch does is bounded
	if f.err != nil {
		return nil, fmt.Errorf("%w: the sender's certificate: %w", ingest.ErrUnavailable, f.err)
	}
	return f.certificate, nil
}

func (f *fetched) stale(now time.Time) bool {
	select {
	case <-f.done:
	default:
		return false
	}
	if f.err != nil {
		return errors.Is(f.err, errBusy) || now.Sub(f.at).Abs() > keepFailed
	}
	return now.After(f.certificate.NotAfter)
}

// makeRoom forgets any one that is not being asked for.
func (c *Certificates) makeRoom() {
	for address, f := range c.known {
		if len(c.known) < maxCertificates {
			return
		}
		select {
		case <-f.done:
			delete(c.known, address)
		default:
		}
	}
}

var (
	errBusy  = errors.New("too many are being asked for")
	errNoPEM = errors.New("it is none")
	errDates = errors.New("it is not valid at this time")
)

func (c *Certificates) fetch(f *fetched, address string) {
	defer close(f.done)
	f.at = c.o.Now()
	select {
	case c.asking <- struct{}{}:
		defer func() { <-c.asking }()
	default:
		f.err = errBusy
		return
	}
	body, err := c.o.get(context.Background(), address)
	if err != nil {
		f.err = err
		c.o.Log.Warn("a sender's certificate cannot be fetched: its deliveries are answered 503 until it can", "err", err)
		return
	}
	block, _ := pem.Decode(body)
	if block == nil || block.Type != "CERTIFICATE" {
		f.err = errNoPEM
		return
	}
	if f.certificate, err = x509.ParseCertificate(block.Bytes); err != nil {
		f.err = errNoPEM
		return
	}
	if f.at.Before(f.certificate.NotBefore) || f.at.After(f.certificate.NotAfter) {
		f.err = errDates
	}
}
