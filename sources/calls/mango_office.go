package calls

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/normalize"
	"github.com/leadgate/leadgate/sources/signature"
)

// MangoOffice is the source type "mango-office": the events of a Mango Office
// exchange ("API коннектор"), which it posts to addresses below the one that it
// is given: …/in/mango/events/call, …/in/mango/events/summary and others. They
// are told apart by what they hold: https://www.mango-office.ru/support/api/
//
// Its secrets are the exchange's key and salt as key:salt, or the salt alone, in
// which case any key is taken that the salt vouches for. The plain SHA-256 of
// key, JSON and salt is no HMAC, but the salt stands at its end, and key and JSON
// cannot be cut otherwise: a key has letters and digits only, the JSON is an
// object. The key is removed before a delivery is kept. Its options:
//
//	min_duration, answered_only, outbound
//	               which calls are leads (see the package); Mango does not say
//	               who is new
//	in_progress    calls are leads as soon as they appear (false)
//
// A call is told of by its summary: its duration is counted from the answer on,
// as Mango's own reports do, for talk_time is the moment of the answer, 0 in a
// missed call; the time before is attribute wait_time. The states of events/call
// rank below it by their seq. A recording has no address, only an id, by which
// one asks Mango for a link; it becomes a status of the lead (status
// "recording", the id as its reason). All of this is from other people's
// receivers; they agree.
type MangoOffice struct {
	config  ingest.SourceConfig
	options mangoOptions
}

type mangoOptions struct {
	rule
	InProgress bool `json:"in_progress"`
}

// NewMangoOffice is the constructor of the type "mango-office".
func NewMangoOffice(config ingest.SourceConfig) (ingest.Source, error) {
	m := &MangoOffice{config: config}
	if err := config.RequireSecrets(); err != nil {
		return nil, err
	}
	for i, secret := range config.Secrets {
		if key, salt, both := strings.Cut(secret, ":"); both && (!mangoKey(key) || salt == "") {
			return nil, fmt.Errorf("secrets[%d]: not key:salt, nor a salt alone", i)
		}
	}
	if err := config.DecodeOptions(&m.options); err != nil {
		return nil, err
	}
	return m, m.options.check(false)
}

// Challenge answers the button "Проверить подключение", which posts nothing.
func (m *MangoOffice) Challenge(d *ingest.Delivery) (ingest.Answer, bool) {
	empty := d.Method == http.MethodPost && len(bytes.TrimSpace(d.Body)) == 0
	return ingest.Answer{Status: http.StatusOK, ContentType: "application/json", Body: []byte(`{}`)}, empty
}

// mangoKey tells whether text can be the key of an exchange.
func mangoKey(text string) bool {
	return text != "" && len(text) <= 128 && strings.IndexFunc(text, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) < 0
}

// Verify checks sign, the SHA-256 of key, JSON as it stands in the form, and salt.
func (m *MangoOffice) Verify(d *ingest.Delivery) error {
	form, err := url.ParseQuery(string(d.Body))
	if err != nil {
		return fmt.Errorf("%w: the form cannot be read", ingest.ErrUnverified)
	}
	for _, name := range []string{"vpbx_api_key", "sign", "json"} {
		if len(form[name]) != 1 {
			return fmt.Errorf("%w: the form has not one field %s", ingest.ErrUnverified, name)
		}
	}
	key, text := form.Get("vpbx_api_key"), form.Get("json")
	received, err := signature.Hex(form.Get("sign"))
	switch {
	case err != nil:
		return err
	case !mangoKey(key) || !strings.HasPrefix(text, "{"):
		return fmt.Errorf("%w: no key of an exchange, or no JSON object", ingest.ErrUnverified)
	}
	good := 0
	for _, secret := range m.config.Secrets {
		known, salt, both := strings.Cut(secret, ":")
		if !both {
			known, salt = key, secret
		}
		want := sha256.Sum256([]byte(known + text + salt))
		good |= subtle.ConstantTimeCompare(want[:], received) & subtle.ConstantTimeCompare([]byte(known), []byte(key))
	}
	if good == 0 {
		return fmt.Errorf("%w: sign does not match key and JSON", ingest.ErrUnverified)
	}
	return nil
}

// Redact removes the exchange's key.
func (m *MangoOffice) Redact(d *ingest.Delivery) {
	pairs := strings.Split(string(d.Body), "&")
	d.Body = []byte(strings.Join(slices.DeleteFunc(pairs, func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		return err != nil || name == "vpbx_api_key"
	}), "&"))
}

// mangoParty is one end of a call.
type mangoParty struct {
	Extension text `json:"extension"`
	Number    text `json:"number"`
}

// mangoPayload is what is read of the events.
type mangoPayload struct {
	EntryID    text       `json:"entry_id"`
	CallID     text       `json:"call_id"`
	Direction  text       `json:"call_direction"`
	From       mangoParty `json:"from"`
	To         mangoParty `json:"to"`
	LineNumber text       `json:"line_number"`

	CreateTime  text `json:"create_time"` // moments, in seconds since 1970
	ForwardTime text `json:"forward_time"`
	TalkTime    text `json:"talk_time"`
	EndTime     text `json:"end_time"`
	Result      text `json:"entry_result"`
	Reason      text `json:"disconnect_reason"`

	State     text `json:"call_state"`
	Seq       text `json:"seq"`
	Timestamp text `json:"timestamp"`

	RecordingID    text `json:"recording_id"`
	RecordingState text `json:"recording_state"`
}

// Decode reads one event.
func (m *MangoOffice) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	sent, err := urlencoded(string(d.Body))
	if err != nil {
		return nil, err
	}
	var p mangoPayload
	for _, field := range sent {
		if field.Name == "json" {
			err = json.Unmarshal([]byte(field.Values[0]), &p)
		}
	}
	id := string(p.EntryID)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: the field json is not the JSON of an event", ingest.ErrMalformed)
	case p.RecordingID != "":
		return p.recording()
	case p.EndTime == "" && p.State == "":
		return nil, ingest.Ignored("an event that is neither a call nor its recording")
	case id == "":
		return nil, fmt.Errorf("%w: no entry_id", ingest.ErrMalformed)
	case p.EndTime == "" && !m.options.InProgress:
		return nil, ingest.Ignored("a call that is not over")
	}
	customer, line, way := p.From, p.LineNumber, "inbound"
	switch {
	case p.Direction == "0":
		return nil, ingest.Ignored("an internal call")
	case p.Direction == "2":
		customer, way = p.To, "outbound"
	case p.Direction == "" && p.EndTime == "": // events/call does not say it: who has an extension is one of ours
		if p.From.Extension != "" {
			customer, way = p.To, "outbound"
		}
		line = cmp.Or(line, p.To.Number)
	}
	if strings.HasPrefix(string(customer.Number), "sip:") || customer.Number == "" && customer.Extension != "" {
		return nil, ingest.Ignored("an internal call")
	}
	lead := &ingest.Lead{
		ExternalID: id, Person: ingest.Person{Phone: russian(string(customer.Number))},
		Call: &ingest.Call{Direction: way, TrackingNumber: russian(string(line))},
		Attrs: named(map[string]text{
			"call_state": p.State, "entry_result": p.Result, "disconnect_reason": p.Reason,
			"extension": cmp.Or(p.To.Extension, p.From.Extension),
		}),
	}
	event := ingest.Event{Kind: ingest.LeadKind, Key: id, Mutable: true, Version: fullVersion, Lead: lead}
	if p.EndTime == "" {
		seq, _ := strconv.ParseUint(string(p.Seq), 10, 16) // 0 if it is none
		event.Version = startedVersion + seq
	} else {
		p.durations(lead)
	}
	if at := string(cmp.Or(p.CreateTime, p.Timestamp)); at != "" && at != "0" {
		if event.OccurredAt, event.Zone, err = normalize.Time(at, m.config.Location); err != nil {
			return nil, fmt.Errorf("%w: create_time: %w", ingest.ErrMalformed, err)
		}
	}
	return []ingest.Event{event}, m.options.ask(lead.Call)
}

// durations reckons how long a call lasted by the moments in its summary.
func (p *mangoPayload) durations(lead *ingest.Lead) {
	moment := func(t text) int64 {
		n, _ := strconv.ParseInt(string(t), 10, 64) // 0 if it is none
		return n
	}
	created, talk, end := moment(p.CreateTime), moment(p.TalkTime), moment(p.EndTime)
	seconds, met := int64(0), talk > 0
	if met {
		seconds = max(0, end-talk)
	}
	lead.Call.Duration, lead.Call.TalkTime, lead.Call.Answered = &seconds, &seconds, &met
	if until := cmp.Or(talk, end); created > 0 && until >= created {
		lead.Attrs["wait_time"] = strconv.FormatInt(until-created, 10)
	}
}

// recording reads the news of a recording: that it can be had, or how it goes.
func (p *mangoPayload) recording() ([]ingest.Event, error) {
	switch {
	case p.RecordingState != "" && p.RecordingState != "Completed":
		return nil, ingest.Ignored("a recording that is not finished")
	case p.EntryID == "":
		return nil, fmt.Errorf("%w: a recording without entry_id", ingest.ErrMalformed)
	}
	return []ingest.Event{recording(string(p.RecordingID), string(p.EntryID), string(p.RecordingID))}, nil
}
