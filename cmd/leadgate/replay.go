package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/dedupe"
	"github.com/leadgate/leadgate/ingest/journal"
)

// replayRequest says which deliveries to replay: those that match all of what
// is given.
type replayRequest struct {
	IDs     []string       `json:"ids,omitempty"`
	Source  string         `json:"source,omitempty"`
	Verdict ingest.Verdict `json:"verdict,omitempty"`
	From    *time.Time     `json:"from,omitempty"`
	To      *time.Time     `json:"to,omitempty"`
	// After is the next of the answer before, where there were more.
	After  string `json:"after,omitempty"`
	Limit  int    `json:"limit,omitempty"`
	DryRun bool   `json:"dry_run,omitempty"`
}

// replayAnswer says what a request did.
type replayAnswer struct {
	// Matched counts all that match from After on; Queued those that were
	// appended to the journal again.
	Matched int `json:"matched"`
	Queued  int `json:"queued"`
	// Expired counts those whose raw bytes are not kept any more, Unconfigured
	// those whose source is not; both stay as they are.
	Expired      int      `json:"expired"`
	ExpiredIDs   []string `json:"expired_ids,omitempty"` // the first ones
	Unconfigured int      `json:"unconfigured"`
	// Unknown are ids that were asked for and match nothing.
	Unknown []string `json:"unknown,omitempty"`
	// Next is not empty if there is more to do: ask again, with it as After.
	Next string `json:"next,omitempty"`
}

// Bounds of one request. Groups are what is in memory at a time.
const (
	replayLimit      = 5000
	replayGroup      = 500
	replayGroupBytes = 8 << 20
	replayTime       = 30 * time.Second
	maxReplayIDs     = 10_000
	maxExpiredIDs    = 100
)

func (r *replayRequest) check() error {
	switch {
	case len(r.IDs) == 0 && r.Source == "" && r.Verdict == "" && r.From == nil && r.To == nil:
		return errors.New("nothing is selected: give ids, source, verdict, from or to")
	case len(r.IDs) > maxReplayIDs:
		return fmt.Errorf("ids: at most %d at once (got %d)", maxReplayIDs, len(r.IDs))
	case r.Limit < 0 || r.Limit > replayLimit:
		return fmt.Errorf("limit: not between 1 and %d (got %d)", replayLimit, r.Limit)
	case r.Verdict != "" && !slices.Contains([]ingest.Verdict{ingest.Accepted, ingest.Duplicate, ingest.IgnoredOne, ingest.Quarantined}, r.Verdict):
		return errors.New("verdict: not one of accepted, duplicate, ignored, quarantined")
	}
	return nil
}

func (r *replayRequest) filter() clickhouse.ReplayFilter {
	f := clickhouse.ReplayFilter{IDs: r.IDs, Verdict: r.Verdict, After: r.After}
	if r.Source != "" {
		f.Sources = []string{r.Source}
	}
	if r.From != nil {
		f.From = *r.From
	}
	if r.To != nil {
		f.To = *r.To
	}
	return f
}

// replayer appends stored deliveries to the journal again, under their own ids
// and times of receipt: they go the way that they went before, through the
// decoders of today. It may be repeated at any point.
type replayer struct {
	settings *Settings
	conn     *clickhouse.Conn
	journal  *journal.Log
}

// run replays the deliveries that match, as many as one request may. Errors:
// *busyError when the journal has no room to spare.
func (r *replayer) run(ctx context.Context, request replayRequest) (replayAnswer, error) {
	var answer replayAnswer
	filter := request.filter()
	var err error
	var kept int
	if request.After == "" || request.DryRun {
		if answer.Matched, kept, err = r.conn.CountReplayable(ctx, filter); err != nil {
			return answer, err
		}
	}
	if request.DryRun {
		answer.Expired = answer.Matched - kept
		return answer, nil
	}
	if !room(r.journal) {
		return answer, &busyError{5 * time.Second, "the journal holds much that is not counted yet; try again later, from the same place"}
	}
	limit := request.Limit
	if limit == 0 {
		limit = replayLimit
	}
	list, err := r.conn.Replayable(ctx, filter, limit+1)
	if err != nil {
		return answer, err
	}
	more := len(list) > limit
	list = list[:min(limit, len(list))]
	if request.After == "" && !more {
		answer.Unknown = slices.DeleteFunc(slices.Clone(request.IDs), func(id string) bool {
			return slices.ContainsFunc(list, func(d clickhouse.Replayable) bool { return d.ID == id })
		})
	}
	began := time.Now()
	for len(list) > 0 {
		n := groupOf(list)
		if err := r.group(ctx, list[:n], &answer); err != nil {
			return answer, err
		}
		last := list[n-1].ID
		if list = list[n:]; len(list) > 0 && (time.Since(began) > replayTime || !room(r.journal)) || len(list) == 0 && more {
			answer.Next = last
			return answer, nil
		}
	}
	return answer, nil
}

// groupOf returns how many of the deliveries to have in memory together.
func groupOf(list []clickhouse.Replayable) (n int) {
	for size := 0; n < min(len(list), replayGroup); n++ {
		if size += list[n].BodyBytes; n > 0 && size > replayGroupBytes {
			break
		}
	}
	return n
}

func (r *replayer) group(ctx context.Context, list []clickhouse.Replayable, answer *replayAnswer) error {
	numbers := make(map[string]uint32, len(list))
	ids := make([]string, 0, len(list))
	for _, d := range list {
		switch {
		case r.settings.Intakes[d.Source] == nil:
			answer.Unconfigured++
		case !d.Kept:
			answer.expired(d.ID)
		default:
			ids = append(ids, d.ID)
			numbers[d.ID] = d.Replay + 1
		}
	}
	if len(ids) == 0 {
		return nil
	}
	deliveries, err := r.conn.Raw(ctx, ids)
	if err != nil {
		return err
	}
	records := make([][]byte, len(deliveries))
	for i, d := range deliveries {
		d.Replay = numbers[d.ID]
		records[i] = ingest.AppendDelivery(nil, d)
		delete(numbers, d.ID)
	}
	for id := range numbers { // between two queries
		answer.expired(id)
	}
	if err := r.journal.AppendAll(ctx, records); err != nil {
		if errors.Is(err, ingest.ErrFull) {
			return &busyError{time.Minute, "the journal is full; try again later, from the same place"}
		}
		return fmt.Errorf("append to the journal: %w", err)
	}
	answer.Queued += len(records)
	return nil
}

func (a *replayAnswer) expired(id string) {
	if a.Expired++; len(a.ExpiredIDs) < maxExpiredIDs {
		a.ExpiredIDs = append(a.ExpiredIDs, id)
	}
}

// room tells whether less than a quarter of the journal's budget waits to be
// counted: the rest is for what comes in by the door.
func room(log *journal.Log) bool {
	stat := log.Stat()
	return stat.Uncommitted <= stat.MaxBytes/4
}

// alone ends a wait for room in a journal that nobody counts.
func alone(log *journal.Log, err error) error {
	var busy *busyError
	if errors.As(err, &busy) && !room(log) {
		return errors.New("the journal holds much that is not counted yet, and no gateway runs that counts it: start it, then ask again")
	}
	return err
}

// serve is POST /api/v1/deliveries/replay.
func (r *replayer) serve(log *slog.Logger) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		var request replayRequest
		decoder := json.NewDecoder(req.Body)
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&request); err != nil {
			writeError(w, http.StatusBadRequest, "malformed", "the body is not a JSON object such as {\"source\":\"landing\",\"verdict\":\"quarantined\"}")
			return
		}
		if err := request.check(); err != nil {
			writeError(w, http.StatusUnprocessableEntity, "invalid_fields", err.Error())
			return
		}
		answer, err := r.run(req.Context(), request)
		var busy *busyError
		switch {
		case errors.As(err, &busy):
			w.Header().Set("Retry-After", strconv.Itoa(int(busy.after.Seconds())))
			writeError(w, http.StatusServiceUnavailable, "busy", busy.reason)
		case err != nil:
			log.Error("a replay failed; it may be asked for again", "err", err)
			writeError(w, http.StatusBadGateway, "store", "the deliveries could not be read or kept; see the log, then ask again")
		default:
			if answer.Queued > 0 {
				log.Info("deliveries are replayed", "queued", answer.Queued, "source", request.Source, "verdict", request.Verdict)
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(answer) // into memory
		}
	}
}

// supersede is the drain's word with the store and the memory about replays.
type supersede struct {
	usable func(context.Context) (*clickhouse.Conn, error)
	memory *dedupe.Memory
}

// Supersede implements drain.Replays.
func (s *supersede) Supersede(ctx context.Context, deliveries []*ingest.Delivery, events []ingest.Event) (map[string]ingest.Verdict, error) {
	conn, err := s.usable(ctx)
	if err != nil {
		return nil, err
	}
	means := make(map[[2]string]bool, len(events))
	for i := range events {
		means[[2]string{events[i].DeliveryID, events[i].ID}] = true
	}
	var gone []ingest.Known
	verdicts, err := conn.Meant(ctx, deliveries, func(known ingest.Known) error {
		if !means[[2]string{known.DeliveryID, known.EventID}] {
			gone = append(gone, known)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return verdicts, s.memory.Release(ctx, gone)
}
