package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/drain"
	"github.com/leadgate/leadgate/ingest/edge"
)

func (a *app) inspectCommand() *cobra.Command {
	var source, at string
	cmd := &cobra.Command{
		Use: "inspect --source NAME [--at TIME] FILE.http ...", Short: "Dry-run captured HTTP requests through a source",
		Long: `Inspect takes raw HTTP requests (request line, header, an empty line, body; - is
standard input) through the configured source as the gateway would, stores
nothing, and prints one JSON line for each:

  file      the file
  verified  whether the sender was verified
  error     why it is refused, ignored or not readable; absent if it is not
  answer    what the sender would get: status, header, body
  verdict   of the delivery: accepted, ignored or quarantined; absent if refused
  events    what it means, by the names of the columns in leads, contacts,
            touches, costs and statuses; personal data included. A lead's verdict
            is what it would be if nobody had asked before.

The time of receipt is --at, else the request's Date, else now. X-Forwarded-For,
-Proto and -Host count as if a trusted proxy had set them. A request whose path is
not /in/NAME was captured elsewhere: its URL is that of its request line, or https
on its Host, for senders that sign it. Limits are not applied. The exit code is 1 if a file cannot be read.`,
		Example: "  leadgate inspect --source survey typeform.http\n" +
			"  leadgate inspect --source survey --at 2026-01-05T12:00:03Z - <typeform.http",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			settings, err := a.settings()
			if err != nil {
				return err
			}
			if settings.Intakes[source] == nil {
				return usageError{fmt.Errorf("--source: no such source is configured (got %q; there are %s)",
					source, strings.Join(slices.Sorted(maps.Keys(settings.Intakes)), ", "))}
			}
			moment, err := parseMoment("at", at)
			if err != nil {
				return err
			}
			return a.inspect(cmd.Context(), &inspector{settings: settings, source: source, at: moment}, args)
		},
	}
	cmd.Flags().StringVar(&source, "source", "", "name of a configured source (required)")
	cmd.Flags().StringVar(&at, "at", "", "the time of receipt, as 2026-01-31T12:00:00Z")
	_ = cmd.MarkFlagRequired("source")
	return cmd
}

// inspection is what inspect prints of one request.
type inspection struct {
	File     string           `json:"file"`
	Verified bool             `json:"verified"`
	Error    string           `json:"error,omitempty"`
	Answer   *inspectedAnswer `json:"answer,omitempty"`
	Verdict  ingest.Verdict   `json:"verdict,omitempty"`
	Events   []map[string]any `json:"events"`
}

type inspectedAnswer struct {
	Status int               `json:"status"`
	Header map[string]string `json:"header,omitempty"`
	Body   string            `json:"body"`
}

func (a *app) inspect(ctx context.Context, in *inspector, files []string) error {
	enc := json.NewEncoder(a.jsonOut())
	enc.SetEscapeHTML(false)
	var unread []error
	for _, file := range files {
		text, err := a.readCapture(file)
		var d *ingest.Delivery
		if err == nil {
			d, err = ingest.ParseCapture(text)
		}
		found := inspection{File: file, Events: []map[string]any{}}
		if err == nil {
			err = in.inspect(ctx, d, &found)
		}
		if err != nil {
			found.Error = err.Error()
			unread = append(unread, fmt.Errorf("%s: %w", file, err))
		}
		if err := enc.Encode(found); err != nil {
			return err
		}
	}
	return errors.Join(unread...)
}

func (a *app) readCapture(file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(a.stdin)
	}
	return os.ReadFile(file)
}

// inspector takes requests through one source.
type inspector struct {
	settings *Settings
	source   string
	at       time.Time
}

func (in *inspector) inspect(ctx context.Context, d *ingest.Delivery, found *inspection) error {
	var kept recorder
	watched := &watchedSource{Source: in.settings.Intakes[in.source].Source, challenge: in.settings.Intakes[in.source].Challenge}
	at := in.at
	for _, other := range []time.Time{d.ReceivedAt, time.Now()} {
		if at.IsZero() {
			at = other
		}
	}
	door, err := in.door(&kept, watched, at)
	if err != nil {
		return err
	}
	answer, err := door.Once(ctx, in.source, d)
	if err != nil {
		return err
	}
	found.Answer = &inspectedAnswer{Status: answer.Status, Header: told(answer.Header), Body: string(answer.Body)}
	if answer.Status == http.StatusMethodNotAllowed && !watched.asked && watched.seen != nil {
		_ = watched.Verify(watched.seen) // the door did not come to it
	}
	found.Verified = watched.verified || !watched.asked && answer.Status < http.StatusBadRequest // a handshake
	switch {
	case watched.err != nil:
		found.Error = watched.err.Error()
	case kept.record != nil:
		return found.meaning(kept.record, in.settings.Intakes)
	case answer.Status >= http.StatusBadRequest:
		found.Error = "refused by the door: see the answer"
	}
	return nil
}

// door is the gateway's own, before a journal that only remembers.
func (in *inspector) door(kept *recorder, watched *watchedSource, at time.Time) (*edge.Edge, error) {
	intake := *in.settings.Intakes[in.source]
	intake.Source, intake.Challenge = watched, watched.Challenge
	s := in.settings
	return edge.New(edge.Options{
		Acceptor:  ingest.NewAcceptor(map[string]*ingest.Intake{in.source: &intake}, kept),
		IDs:       ingest.NewDeliveryIDs(zeros{}),
		Now:       func() time.Time { return at },
		PublicURL: s.PublicURL, TrustedProxies: append(slices.Clone(s.HTTP.TrustedProxies), edge.InMemory),
		MaxBody: func(string) int64 { return s.maxBody(s.sourceConfig(in.source)) },
	})
}

// watchedSource remembers what its source said of the delivery.
type watchedSource struct {
	ingest.Source
	challenge       func(*ingest.Delivery) (ingest.Answer, bool)
	seen            *ingest.Delivery
	asked, verified bool
	err             error
}

// Challenge implements ingest.Challenger; the door asks it first.
func (w *watchedSource) Challenge(d *ingest.Delivery) (ingest.Answer, bool) {
	w.seen = d
	if w.challenge == nil {
		return ingest.Answer{}, false
	}
	return w.challenge(d)
}

// Verify implements ingest.Source.
func (w *watchedSource) Verify(d *ingest.Delivery) error {
	w.asked, w.err = true, w.Source.Verify(d)
	w.verified = w.err == nil
	return w.err
}

// Decode implements ingest.Source; the door asks first-party sources.
func (w *watchedSource) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	events, err := w.Source.Decode(d)
	var ignored *ingest.IgnoredError
	if !errors.As(err, &ignored) { // which is kept
		w.err = err
	}
	return events, err
}

// zeros are the random part of ids that nobody will see again.
type zeros struct{}

// Read implements io.Reader.
func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// meaning decodes what the door kept.
func (found *inspection) meaning(record []byte, intakes map[string]*ingest.Intake) error {
	outcome, events := drain.Dry(record, intakes)
	found.Verdict, found.Error = outcome.Verdict, outcome.Reason
	for i := range events {
		described, err := clickhouse.Describe(events[i])
		if err != nil {
			return err
		}
		delete(described, "delivery_id") // it is nobody's
		delete(described, "version")
		found.Events = append(found.Events, described)
	}
	return nil
}

// told are the fields of an answer that its source or its status gave it.
func told(header http.Header) map[string]string {
	fields := make(map[string]string)
	for name, values := range header {
		switch name {
		case "Date", "Content-Length", "Connection", "Vary", "X-Request-Id", "X-Content-Type-Options", "Cache-Control", "Server":
		default:
			fields[name] = strings.Join(values, ", ")
		}
	}
	return fields
}

// recorder is a journal that keeps the last record.
type recorder struct{ record []byte }

// Append implements ingest.Appender.
func (r *recorder) Append(_ context.Context, record []byte) error {
	r.record = bytes.Clone(record)
	return nil
}
