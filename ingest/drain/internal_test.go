package drain

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

func exampleItems() []item {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return []item{
		{at: ingest.Position{Segment: 1, Offset: 16}, next: ingest.Position{Segment: 1, Offset: 90}, verdict: ingest.Quarantined},
		{
			at: ingest.Position{Segment: 2, Offset: 16}, next: ingest.Position{Segment: 2, Offset: 99}, verdict: ingest.Accepted,
			delivery: &ingest.Delivery{ID: "d1"}, events: []ingest.Event{{ID: "e1"}, {ID: "e2"}},
			claims: []ingest.Claim{
				{Decision: ingest.NewEvent, FirstReceived: at, ContactID: "c1", DuplicateOf: "e0"},
				{Decision: ingest.DuplicateEvent, FirstReceived: at.Add(-time.Hour)},
			},
		},
	}
}

func TestManifest_RoundTrip(t *testing.T) {
	t.Parallel()
	items := exampleItems()
	file := manifestFile{dir: t.TempDir()}
	if m, err := file.load(); m != nil || err != nil {
		t.Errorf("no manifest: %v, %v", m, err)
	}
	payload, last := encodeManifest(items), encodeManifest(items[1:])
	if err := file.save(payload, last); err != nil {
		t.Fatal(err)
	}
	all, err := file.load()
	if err != nil || len(all) != 2 {
		t.Fatalf("read back %d batches, %v", len(all), err)
	}
	want := [][]ingest.Claim{{}, items[1].claims}
	if m := all[0]; m.from != items[0].at || m.to != items[1].next || !reflect.DeepEqual(m.claims, want) || !bytes.Equal(m.payload, payload) {
		t.Errorf("read back %+v", m)
	}
	if m := all[1]; m.from != items[1].at || !reflect.DeepEqual(m.claims, want[1:]) || !bytes.Equal(m.payload, last) {
		t.Errorf("read back %+v", m)
	}
	for change, with := range map[string]func([]item){
		"position": func(i []item) { i[0].at.Offset++ },
		"end":      func(i []item) { i[1].next.Offset++ },
		"delivery": func(i []item) { i[1].delivery = &ingest.Delivery{ID: "d2"} },
		"event":    func(i []item) { i[1].events[0].ID = "e3" },
		"verdict":  func(i []item) { i[0].verdict = ingest.IgnoredOne },
		"decision": func(i []item) { i[1].claims[0].Decision = ingest.UpdatedEvent },
		"contact":  func(i []item) { i[1].claims[0].ContactID = "c2" },
	} {
		other := exampleItems()
		with(other)
		if batchID(encodeManifest(other)) == batchID(payload) {
			t.Errorf("another %s, the same id", change)
		}
	}
	for range 2 {
		if err := file.remove(); err != nil {
			t.Error(err)
		}
	}
}

func FuzzManifest(f *testing.F) {
	payload := encodeManifest(exampleItems())
	f.Add(binary.AppendUvarint(nil, uint64(len(payload))), payload)
	f.Fuzz(func(t *testing.T, length, payload []byte) {
		// The checksum keeps damage out; what passes it must still be read safely.
		body := slices.Concat(length, payload)
		sum := sha256.Sum256(body)
		all, err := parseManifests(slices.Concat([]byte(manifestMagic), body, sum[:]))
		if err != nil && !errors.Is(err, errManifest) || err == nil && len(all) == 0 {
			t.Errorf("%+v, %v", all, err)
		}
		for _, m := range all {
			if len(m.claims) == 0 || len(m.was) != len(m.claims) {
				t.Errorf("%+v", m)
			}
		}
	})
}

func TestRedactError(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`code: 252, message: too many parts`:                         `code: 252, message: too many parts`,
		`json: invalid character 'x' looking for beginning of value`: `json: invalid character … looking for beginning of value`,
		`strconv.ParseInt: parsing "12 a": invalid syntax`:           `strconv.ParseInt: parsing …: invalid syntax`,
		"can't parse 'Ann Doe' as a date":                            "can't parse … as a date",
		"row of ann.doe@example.com, +1 (415) 555-0100: no":          "row of …, …: no",
		`cut off: "Ann Do`:                                           `cut off:  …`,
		"value `Ann`, field 'email', [\"a\"]":                        "value …, field …, […]",
		"dial tcp: connect: connection refused":                      "dial tcp: connect: connection refused",
	} {
		if got := redactError(errors.New(text)); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
	if got := redact(strings.Repeat("ü", 400)); len(got) > longestReason+len("…") || !strings.HasSuffix(got, "ü…") {
		t.Errorf("a long reason: %d bytes, …%q", len(got), got[len(got)-8:])
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	for _, jitter := range []float64{0, 0.999} {
		d := &Drain{opts: Options{BackoffMin: 100 * time.Millisecond, BackoffMax: time.Second, Jitter: func() float64 { return jitter }}}
		for attempts, top := range map[int]time.Duration{1: 100, 2: 200, 4: 800, 5: 1000, 1000000: 1000} {
			top *= time.Millisecond
			if got := d.backoff(attempts); got < top/2 || got > top {
				t.Errorf("after %d attempts: %v, want %v to %v", attempts, got, top/2, top)
			}
		}
	}
}

// While something is tried again, batches are small.
func TestRoom(t *testing.T) {
	t.Parallel()
	d := &Drain{logger: slog.New(slog.DiscardHandler), failing: make(map[Stage]failure)}
	setDefaults(&d.opts)
	for range 2 {
		if got := d.room(); got != d.opts.BatchBytes {
			t.Errorf("%d bytes, want %d", got, d.opts.BatchBytes)
		}
		d.failed(SinkStage, 1, errors.New("away"))
		if got := d.room(); got != d.opts.BatchBytes/4 {
			t.Errorf("while the store is away: %d bytes", got)
		}
		d.recovered(SinkStage, 2)
	}
}

// formSource decodes JSON forms as plainly as a source can.
type formSource struct{}

func (formSource) Verify(*ingest.Delivery) error { return nil }

func (formSource) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	var form map[string]string
	if err := json.Unmarshal(d.Body, &form); err != nil {
		return nil, fmt.Errorf("%w: %w", ingest.ErrMalformed, err)
	}
	key := form["id"]
	lead := &ingest.Lead{Person: ingest.Person{Email: form["email"], Phone: form["phone"], Name: form["name"], Message: form["message"]}}
	lead.Tagging.Source, lead.PageURL = form["utm_source"], form["page_url"]
	return []ingest.Event{{
		ID: ingest.EventID("w", "landing", ingest.LeadKind, key), Kind: ingest.LeadKind, Key: key, Workspace: "w", Source: "landing",
		DeliveryID: d.ID, ReceivedAt: d.ReceivedAt, OccurredAt: d.ReceivedAt, Version: uint64(d.ReceivedAt.UnixMicro()), Lead: lead,
	}}, nil
}

func formRecord(n int) []byte {
	return ingest.AppendDelivery(nil, &ingest.Delivery{
		ID: fmt.Sprintf("%026d", n), Source: "landing", ReceivedAt: time.Unix(1_780_000_000, 0).UTC(), Method: "POST",
		URL: "https://leads.example.com/in/landing", RemoteAddr: "192.0.2.7:5000",
		Header: map[string][]string{"Content-Type": {"application/json"}, "User-Agent": {"Mozilla/5.0 (X11; Linux x86_64)"}},
		Body: fmt.Appendf(nil, `{"id":"%d","email":"p%d@example.com","phone":"+14155550100","name":"Ann Doe","message":"%s",`+
			`"utm_source":"google","page_url":"https://www.example.com/landing?gclid=abc"}`, n, n, strings.Repeat("hello ", 50)),
	})
}
