package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"net/textproto"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

var received = time.Date(2026, 1, 5, 12, 0, 3, 250_000, time.UTC)

func delivery() *ingest.Delivery {
	return &ingest.Delivery{
		ID: "01KE7Z8M3Q4R5S6T7V8W9XYZAB", Source: "landing", ReceivedAt: received,
		RemoteAddr: "203.0.113.7", Method: "POST", URL: "https://leads.example.com/in/landing?a=1",
		Header: textproto.MIMEHeader{"Content-Type": {"text/plain"}, "X-Two": {"1", "2"}},
		Body:   []byte("hello\x00world"),
	}
}

func TestParseDelivery_ReadsWhatWasAppended(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*ingest.Delivery){
		"full":       func(*ingest.Delivery) {},
		"no headers": func(d *ingest.Delivery) { d.Header = textproto.MIMEHeader{} },
		"long body":  func(d *ingest.Delivery) { d.Body = bytes.Repeat([]byte("x"), 300_000) },
	} {
		want := delivery()
		change(want)
		record := ingest.AppendDelivery(nil, want)
		got, err := ingest.ParseDelivery(record)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
		for range 10 {
			if !bytes.Equal(ingest.AppendDelivery(nil, got), record) {
				t.Fatalf("%s: the same delivery has other bytes", name)
			}
		}
	}
}

func TestParseDelivery_SharesNoMemoryAndRefusesDamage(t *testing.T) {
	t.Parallel()
	record := ingest.AppendDelivery(nil, delivery())
	got, err := ingest.ParseDelivery(record)
	if err != nil {
		t.Fatal(err)
	}
	for size := range record {
		if _, err := ingest.ParseDelivery(record[:size]); err == nil {
			t.Errorf("a record cut to %d of %d bytes was read", size, len(record))
		}
	}
	if _, err := ingest.ParseDelivery(append(bytes.Clone(record), 0)); err == nil {
		t.Error("a record with a byte too many was read")
	}
	clear(record)
	if !reflect.DeepEqual(got, delivery()) {
		t.Error("the delivery changed with the record's memory")
	}
}

func FuzzParseDelivery(f *testing.F) {
	f.Add(ingest.AppendDelivery(nil, delivery()))
	f.Fuzz(func(t *testing.T, record []byte) {
		d, err := ingest.ParseDelivery(record)
		if err != nil {
			return
		}
		again, err := ingest.ParseDelivery(ingest.AppendDelivery(nil, d))
		if err != nil || !reflect.DeepEqual(again, d) {
			t.Fatalf("not stable: %v", err)
		}
	})
}

func TestMicros_ExactBothWays(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]ingest.Micros{
		"0": 0, "12": 12e6, "12.5": 12_500_000, "-3.25": -3_250_000, "0.000001": 1,
		"1.1000000": 1_100_000, "9223372036854.775807": math.MaxInt64,
	} {
		if got, err := ingest.ParseMicros(text); err != nil || got != want {
			t.Errorf("ParseMicros(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-", ".", ".5", "5.", "1e3", "1,000.00", "0.0000001", "1.2.3", "+1", "--1", "9223372036855", "١"} {
		if got, err := ingest.ParseMicros(text); err == nil {
			t.Errorf("ParseMicros(%q) = %d, want an error", text, got)
		}
	}
	for m, want := range map[ingest.Micros]string{
		0: "0.00", 20_000e6: "20000.00", 1: "0.000001", 12_500_000: "12.50", -3_250_000: "-3.25",
		1_234_000: "1.234", math.MinInt64: "-9223372036854.775808",
	} {
		if got := m.String(); got != want {
			t.Errorf("Micros(%d) = %s, want %s", int64(m), got, want)
		}
	}
}

func TestDigest_PartsDoNotRunIntoEachOther(t *testing.T) {
	t.Parallel()
	if ingest.Digest("ab", "c") == ingest.Digest("a", "bc") {
		t.Error("moving a letter between parts keeps the digest")
	}
	id := ingest.EventID("default", "landing", ingest.LeadKind, "1")
	if len(id) != 32 || id != ingest.EventID("default", "landing", ingest.LeadKind, "1") {
		t.Errorf("event id %q is not 32 digits or not stable", id)
	}
	if id == ingest.EventID("default", "landing", ingest.TouchKind, "1") {
		t.Error("two kinds share an id")
	}
}

func TestDeliveryIDs_SortByTime(t *testing.T) {
	t.Parallel()
	ids := ingest.NewDeliveryIDs(bytes.NewReader(bytes.Repeat([]byte{0xff}, 10)))
	// The timestamp and its text are the example of the ULID specification.
	id, err := ids.New(time.UnixMilli(1469918176385))
	if err != nil || id != "01ARYZ6S41"+strings.Repeat("Z", 16) {
		t.Fatalf("id %s, %v", id, err)
	}
	if _, err := ids.New(received); err == nil {
		t.Error("an id was made without entropy")
	}
}

type memory struct {
	records [][]byte
	err     error
}

func (m *memory) Append(_ context.Context, record []byte) error {
	m.records = append(m.records, bytes.Clone(record))
	return m.err
}

// sender is a source whose verdicts are set by the test.
type sender struct {
	verify, decode error
	decoded        int
}

func (s *sender) Verify(*ingest.Delivery) error { return s.verify }

func (s *sender) Decode(*ingest.Delivery) ([]ingest.Event, error) {
	s.decoded++
	return make([]ingest.Event, 1), s.decode
}

func TestAcceptor_KeepsOnlyWhatIsVerifiedAndValid(t *testing.T) {
	t.Parallel()
	invalid := &ingest.InvalidError{Fields: map[string]string{"email": "not an address"}}
	full := errors.Join(ingest.ErrFull)
	for name, c := range map[string]struct {
		sender     sender
		firstParty bool
		disk       error
		change     func(*ingest.Delivery)
		want       error
		kept       int
	}{
		"good":                      {kept: 1},
		"first party, good":         {firstParty: true, kept: 1},
		"first party, ignored":      {firstParty: true, sender: sender{decode: ingest.Ignored("a ping")}, kept: 1},
		"first party, invalid":      {firstParty: true, sender: sender{decode: invalid}, want: invalid},
		"third party, undecodable":  {sender: sender{decode: ingest.ErrMalformed}, kept: 1},
		"unverified":                {sender: sender{verify: ingest.ErrUnverified}, want: ingest.ErrUnverified},
		"unknown source":            {change: func(d *ingest.Delivery) { d.Source = "nobody" }, want: ingest.ErrUnknownSource},
		"wrong method":              {change: func(d *ingest.Delivery) { d.Method = "PUT" }, want: ingest.ErrMethod},
		"empty body":                {change: func(d *ingest.Delivery) { d.Body = nil }, want: ingest.ErrMalformed},
		"not kept":                  {disk: errors.New("input/output error"), want: ingest.ErrNotKept, kept: 1},
		"disk full":                 {disk: full, want: ingest.ErrFull, kept: 1},
		"first party, disk is full": {firstParty: true, disk: full, want: ingest.ErrFull, kept: 1},
	} {
		disk := &memory{err: c.disk}
		intake := &ingest.Intake{FirstParty: c.firstParty, Source: &c.sender}
		acceptor := ingest.NewAcceptor(map[string]*ingest.Intake{"landing": intake}, disk)
		d := delivery()
		if c.change != nil {
			c.change(d)
		}
		_, err := acceptor.Accept(t.Context(), d)
		if !errors.Is(err, c.want) || len(disk.records) != c.kept {
			t.Errorf("%s: error %v, kept %d; want %v, %d", name, err, len(disk.records), c.want, c.kept)
		}
		if c.firstParty != (c.sender.decoded > 0) {
			t.Errorf("%s: decoded %d times before keeping", name, c.sender.decoded)
		}
	}
}

func TestAcceptor_KeepsNoCredentials(t *testing.T) {
	t.Parallel()
	disk := &memory{}
	intake := &ingest.Intake{Source: &sender{}, Redact: func(d *ingest.Delivery) { d.Body = []byte("redacted") }}
	acceptor := ingest.NewAcceptor(map[string]*ingest.Intake{"landing": intake}, disk)
	d := delivery()
	d.URL = "https://leads.example.com/in/landing?token=hidden1&a=b%20c&key=hidden2"
	d.Header.Set("Authorization", "Bearer hidden3")
	d.Header.Set("Cookie", "session=hidden5; _gcl_aw=GCL.1767614403.Cj0own; x=hidden6")
	d.Body = []byte("hidden4")
	if _, err := acceptor.Accept(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(disk.records[0], []byte("hidden")) {
		t.Errorf("a secret was kept: %q", disk.records[0])
	}
	if !bytes.Contains(disk.records[0], []byte("_gcl_aw=GCL.1767614403.Cj0own")) {
		t.Errorf("the click id's cookie was not kept: %q", disk.records[0])
	}
	if !bytes.Contains(disk.records[0], []byte("/in/landing?a=b%20c")) {
		t.Errorf("the rest of the URL was not kept: %q", disk.records[0])
	}
}

func TestAcceptor_AnswersAsTheSenderWants(t *testing.T) {
	t.Parallel()
	disk := &memory{}
	probe := ingest.Answer{Status: 200, Body: []byte("challenge")}
	thanks := ingest.Answer{Status: 303, Location: "/thanks"}
	intake := &ingest.Intake{
		FirstParty: true, Source: &sender{},
		Challenge: func(d *ingest.Delivery) (ingest.Answer, bool) { return probe, d.Method == "GET" },
		Respond: func(_ *ingest.Delivery, events []ingest.Event) ingest.Answer {
			if len(events) != 1 {
				t.Errorf("respond got %d events", len(events))
			}
			return thanks
		},
	}
	acceptor := ingest.NewAcceptor(map[string]*ingest.Intake{"landing": intake}, disk)
	d := delivery()
	d.Method = "GET"
	if got, err := acceptor.Accept(t.Context(), d); err != nil || !reflect.DeepEqual(got, probe) || len(disk.records) != 0 {
		t.Errorf("probe: %+v, %v, kept %d", got, err, len(disk.records))
	}
	if got, err := acceptor.Accept(t.Context(), delivery()); err != nil || !reflect.DeepEqual(got, thanks) {
		t.Errorf("delivery: %+v, %v", got, err)
	}
}

func TestInvalidError_NamesEachFieldOnce(t *testing.T) {
	t.Parallel()
	var invalid ingest.InvalidError
	if invalid.Err() != nil {
		t.Error("no field, but an error")
	}
	invalid.Add("phone", "too short")
	invalid.Add("email", "not an address")
	invalid.Add("phone", "another reason")
	if got, want := invalid.Err().Error(), "invalid fields: email: not an address; phone: too short"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSourceConfig_Options(t *testing.T) {
	t.Parallel()
	var into struct {
		Window int `json:"window"`
	}
	config := ingest.SourceConfig{Options: map[string]any{"window": 5}}
	if err := config.DecodeOptions(&into); err != nil || into.Window != 5 {
		t.Errorf("got %d, %v", into.Window, err)
	}
	config.Options["windows"] = 6
	if err := config.DecodeOptions(&into); err == nil || !strings.Contains(err.Error(), `"windows"`) {
		t.Errorf("unknown option: %v", err)
	}
	if err := config.RequireSecrets(); !errors.Is(err, ingest.ErrNoSecret) {
		t.Errorf("no secret: %v", err)
	}
	config.Secrets = []string{"a", ""}
	if err := config.RequireSecrets(); err == nil {
		t.Error("an empty secret was accepted")
	}
}
