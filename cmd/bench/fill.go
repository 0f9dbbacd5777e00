package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/textproto"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/dedupe"
	"github.com/leadgate/leadgate/ingest/identity"
	"github.com/leadgate/leadgate/ingest/journal"
)

// roomy is the journal's bound where it is filled on purpose.
const roomy = 64 << 30

// fillJournal appends n JSON forms, as the door keeps them, to the journal of a
// gateway that does not run. It returns the journal's size.
func fillJournal(ctx context.Context, dataDir string, n int) (bytes int64, err error) {
	log, err := journal.Open(journal.Options{Dir: filepath.Join(dataDir, "journal"), MaxBytes: roomy, Retention: 72 * time.Hour})
	if err != nil {
		return 0, err
	}
	defer func() {
		if closed := log.Close(); err == nil {
			err = closed
		}
	}()
	forms, ids := newRequests(jsonForm, "/in/landing", "127.0.0.1"), ingest.NewDeliveryIDs(rand.Reader)
	d := ingest.Delivery{
		Source: "landing", RemoteAddr: "127.0.0.1", Method: "POST", URL: "http://127.0.0.1/in/landing",
		Header: textproto.MIMEHeader{"Host": {"127.0.0.1"}, "User-Agent": {"leadgate-bench"}, "Accept": {"application/json"}, "Content-Type": {"application/json"}},
	}
	const together = 5000
	var records [][]byte
	for i := range n {
		d.ReceivedAt = time.Now()
		if d.ID, err = ids.New(d.ReceivedAt); err != nil {
			return 0, err
		}
		d.Body = forms.next(lastID.Add(1))[forms.body:]
		if records = append(records, ingest.AppendDelivery(nil, &d)); len(records) == together || i == n-1 {
			if err := log.AppendAll(ctx, records); err != nil {
				return 0, err
			}
			records = records[:0]
		}
	}
	return log.Stat().Bytes, nil
}

// keyspace is what Redis holds.
type keyspace struct{ keys, bytes int64 }

func keyspaceOf(ctx context.Context, client *redis.Client) (k keyspace, err error) {
	if k.keys, err = client.DBSize(ctx).Result(); err != nil {
		return k, err
	}
	text, err := client.Info(ctx, "memory").Result()
	if err != nil {
		return k, err
	}
	_, after, _ := strings.Cut(text, "used_memory:")
	digits, _, _ := strings.Cut(after, "\r")
	if k.bytes, err = strconv.ParseInt(digits, 10, 64); err != nil {
		return k, fmt.Errorf("redis: used_memory: %w", err)
	}
	return k, nil
}

// nothing is a store that knows no event.
type nothing struct{}

func (nothing) Known(context.Context, time.Time, func(ingest.Known) error) error { return nil }

// fillKeys claims leads of people who were never met, until Redis holds as many
// keys. It returns how many leads that took.
func fillKeys(ctx context.Context, client *redis.Client, keys int64) (leads int, err error) {
	memory := dedupe.New(client, dedupe.Options{Identify: identity.Of, Workspaces: []string{"default"}})
	if err := memory.Rebuild(ctx, nothing{}); err != nil {
		return 0, err
	}
	ids := ingest.NewDeliveryIDs(rand.Reader)
	events := make([]ingest.Event, 2000)
	for {
		space, err := client.DBSize(ctx).Result()
		if err != nil || space >= keys {
			return leads, err
		}
		part := events[:min(len(events), int(keys-space+2)/3)] // a lead is three keys
		for i := range part {
			id, now := strconv.FormatUint(lastID.Add(1), 16), time.Now()
			e := ingest.Event{
				ID: ingest.EventID("default", "landing", ingest.LeadKind, id), Kind: ingest.LeadKind, Key: id,
				Workspace: "default", Source: "landing", ReceivedAt: now, OccurredAt: now,
				Lead: &ingest.Lead{Person: ingest.Person{Email: id + "@example.org", Phone: "+7" + id}},
			}
			if e.DeliveryID, err = ids.New(now); err != nil {
				return leads, err
			}
			part[i] = e
		}
		if _, err := memory.Claim(ctx, part); err != nil {
			return leads, err
		}
		leads += len(part)
	}
}
