package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/journal"
	"github.com/leadgate/leadgate/ingest/pending"
)

// backfillRequest asks for what a platform has of a source's leads.
type backfillRequest struct {
	Source string     `json:"source"`
	From   time.Time  `json:"from"`
	To     *time.Time `json:"to,omitempty"`
	// State is that of the answer before, where there is more.
	State  []byte `json:"state,omitempty"`
	DryRun bool   `json:"dry_run,omitempty"`
}

// backfillAnswer says what a request did.
type backfillAnswer struct {
	// Listed counts what the platform has; Known is in the store already, New was
	// put in the journal, or would be.
	Listed int `json:"listed"`
	Known  int `json:"known"`
	New    int `json:"new"`
	// State is not empty if there is more to do: ask again, with it.
	State []byte `json:"state,omitempty"`
}

// Bounds of one request.
const (
	backfillTime  = 20 * time.Second
	backfillLeads = 500
)

// backfiller lists what a platform has and takes in what is missing, by the one
// way: as deliveries of the source. It may be repeated at any point.
type backfiller struct {
	settings *Settings
	conn     *clickhouse.Conn
	journal  *journal.Log
	fetcher  *pending.Worker
	decoders *ingest.Decoders
}

// unfit says that a request can never be answered.
type unfit struct{ error }

func (b *backfiller) check(r *backfillRequest) error {
	intake, ok := b.settings.Intakes[r.Source]
	switch {
	case !ok:
		return unfit{fmt.Errorf("no source is named %q in the configuration", r.Source)}
	case intake.Lister == nil:
		return unfit{fmt.Errorf("%s is of type %s, whose platform cannot be asked for a list", r.Source, intake.Config.Type)}
	case r.From.IsZero():
		return unfit{errors.New("from: the time from which on to list is needed")}
	case r.To != nil && !r.From.Before(*r.To):
		return unfit{errors.New("to: not after from")}
	}
	return nil
}

// run does as much as one request may. Errors: unfit, *busyError when the platform
// or the journal wants to be left alone, *ingest.FetchError, and the store's.
func (b *backfiller) run(ctx context.Context, r backfillRequest) (answer backfillAnswer, err error) {
	if err := b.check(&r); err != nil {
		return answer, err
	}
	span := ingest.Span{From: r.From}
	if r.To != nil {
		span.To = *r.To
	}
	began, state := time.Now(), r.State
	for {
		if !room(b.journal) {
			err = &busyError{5 * time.Second, "the journal holds much that is not counted yet"}
		}
		var listing pending.Listing
		if err == nil {
			listing, err = b.fetcher.List(ctx, r.Source, span, state)
		}
		if err == nil {
			err = b.take(ctx, &r, listing.Found, &answer)
		}
		if err != nil {
			return b.stopped(answer, state, err)
		}
		state = listing.State
		if answer.State = state; state == nil || answer.New >= backfillLeads || time.Since(began) > backfillTime {
			return answer, nil
		}
	}
}

// stopped returns what was done before an error, if that was something and the
// error is a request for patience: the rest is asked for again.
func (b *backfiller) stopped(answer backfillAnswer, state []byte, err error) (backfillAnswer, error) {
	var held *pending.Held
	if errors.As(err, &held) {
		err = &busyError{max(time.Until(held.Until), time.Second), held.Error()}
	}
	var busy *busyError
	if errors.As(err, &busy) && answer.Listed > 0 && state != nil {
		answer.State = state
		return answer, nil
	}
	return answer, err
}

// take puts what the store does not have into the journal. What cannot be decoded
// is taken in too: it says so in quarantine.
func (b *backfiller) take(ctx context.Context, r *backfillRequest, found []pending.Found, answer *backfillAnswer) error {
	ids := make([][]string, len(found))
	var all []string
	for i := range found {
		d, err := ingest.NewFetched(r.Source, found[i].Ref, found[i].Document, time.Now())
		if err != nil {
			return err
		}
		events, err := b.decoders.Decode(b.settings.Intakes[r.Source], d)
		if err != nil {
			continue
		}
		for _, e := range events {
			ids[i] = append(ids[i], e.ID)
		}
		all = append(all, ids[i]...)
	}
	whole, err := b.conn.WholeLeads(ctx, all)
	if err != nil {
		return err
	}
	for i := range found {
		known := len(ids[i]) > 0
		for _, id := range ids[i] {
			known = known && whole[id]
		}
		answer.Listed++
		if known {
			answer.Known++
			continue
		}
		if !r.DryRun {
			if err := b.fetcher.Deliver(ctx, r.Source, found[i]); err != nil {
				return err
			}
		}
		answer.New++
	}
	return nil
}

// serve is POST /api/v1/backfill.
func (b *backfiller) serve(log *slog.Logger) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		var request backfillRequest
		decoder := json.NewDecoder(req.Body)
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&request); err != nil {
			writeError(w, http.StatusBadRequest, "malformed", "the body is not a JSON object such as {\"source\":\"facebook\",\"from\":\"2026-01-01T00:00:00Z\"}")
			return
		}
		answer, err := b.run(req.Context(), request)
		var busy *busyError
		var wrong unfit
		var failure *ingest.FetchError
		switch {
		case errors.As(err, &wrong):
			writeError(w, http.StatusUnprocessableEntity, "invalid_fields", err.Error())
		case errors.As(err, &busy):
			w.Header().Set("Retry-After", strconv.Itoa(int(busy.after.Seconds())))
			writeError(w, http.StatusServiceUnavailable, "busy", busy.reason)
		case errors.As(err, &failure):
			writeError(w, http.StatusBadGateway, "platform", "the platform does not answer: "+failure.Error())
		case err != nil:
			log.Error("a backfill failed; it may be asked for again", "source", request.Source, "err", err)
			writeError(w, http.StatusBadGateway, "failed", err.Error())
		default:
			if answer.New > 0 && !request.DryRun {
				log.Info("missing leads are taken in", "source", request.Source, "new", answer.New, "listed", answer.Listed)
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(answer) // into memory
		}
	}
}
