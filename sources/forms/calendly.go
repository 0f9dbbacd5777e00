package forms

import (
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/normalize"
	"github.com/leadgate/leadgate/sources/signature"
)

// Calendly is the source type "calendly": meetings that are scheduled, and routing
// forms, as https://developer.calendly.com/api-docs (webhook payload) describes
// them, signed as https://developer.calendly.com/api-docs/4c305798a61d3-webhook-signatures
// has it. Its secrets are the subscriptions' signing keys; its options:
//
//	fields      meaning -> text of the question
//	tolerance   how old or early a timestamp may be ("3m")
//
// An invitee is a lead, counted by its address in Calendly's API. When the meeting
// is canceled, that lead is told again with the status "canceled", and with
// "rescheduled" when it is canceled for the sake of another time. The invitee of
// the new time is the same request of the same person: it is ignored, and so is
// what becomes of it, since it names only the invitee before it and not the first.
// A routing form is a lead of its own; the meeting that follows it is another of
// the same person, which the window for duplicates sees.
type Calendly struct {
	config    ingest.SourceConfig
	mapping   *fields.Mapping
	tolerance time.Duration
}

// NewCalendly is the constructor of the type "calendly".
func NewCalendly(config ingest.SourceConfig) (ingest.Source, error) {
	mapping, tolerance, err := stampedOptions(config, 3*time.Minute)
	if err != nil {
		return nil, err
	}
	return &Calendly{config: config, mapping: mapping, tolerance: tolerance}, nil
}

// Verify checks the signature and its time.
func (c *Calendly) Verify(d *ingest.Delivery) error {
	return signature.Stamped(d, "Calendly-Webhook-Signature", "v1", c.config.Secrets, c.tolerance)
}

// Decode reads one invitee or one routing form.
func (c *Calendly) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	p, err := readPayload(d.Body)
	if err != nil {
		return nil, err
	}
	subject := p.object("payload")
	uri := subject.text("uri")
	kind := p.text("event")
	switch {
	case kind != "invitee.created" && kind != "invitee.canceled" && kind != "routing_form_submission.created":
		return nil, ingest.Ignored("only invitees and routing forms are leads")
	case uri == "":
		return nil, missing("payload.uri")
	case subject.text("old_invitee") != "":
		return nil, ingest.Ignored("a meeting that was rescheduled: it counts as when it was first scheduled")
	}
	form := c.answers(subject).read()
	lead := form.Lead
	lead.ExternalID = uri
	for name, value := range subject.object("tracking") {
		tag, _ := scalar(value)
		normalize.AddTag(&lead.Tagging, name, tag)
	}
	event := ingest.Event{Kind: ingest.LeadKind, Key: uri, Lead: lead}
	if kind == "routing_form_submission.created" {
		lead.FormID = subject.text("routing_form")
		lead.Attrs = routed(subject)
	} else {
		lead.FormID, lead.FormName = subject.text("scheduled_event.event_type"), subject.text("scheduled_event.name")
		lead.Attrs = scheduled(subject, kind)
		event.Mutable, event.Version = true, c.version(p)
	}
	return subject.dated(event, "created_at", c.config.Location)
}

// version is the time of what the delivery tells, so that a first attempt which
// arrives late does not bring a canceled meeting back.
func (c *Calendly) version(p payload) uint64 {
	for _, path := range [...]string{"created_at", "payload.updated_at"} {
		if at, _, err := normalize.Time(p.text(path), c.config.Location); err == nil {
			return uint64(at.UnixMicro())
		}
	}
	return 0
}

// answers are what the invitee was asked. The number may stand in three places:
// where Calendly sends reminders, in a question, or as the place of a meeting by
// telephone.
func (c *Calendly) answers(p payload) *answered {
	a := &answered{mapping: c.mapping}
	for _, name := range [...]string{"email", "name", "first_name", "last_name"} {
		a.add(name, p.text(name))
	}
	number := p.text("text_reminder_number")
	a.add("phone", number)
	for _, element := range p.list("questions_and_answers") {
		asked := asPayload(element)
		question := asked.text("question")
		if !c.mapping.Names(question) && !meaningful(question) && asksPhone(question, asked.text("answer"), c.config.DefaultRegion) {
			question = "phone"
		}
		if number == "" && fields.RoleOf(question) == fields.Phone {
			number = asked.text("answer")
		}
		a.add(question, asked.text("answer"))
	}
	if place := p.object("scheduled_event.location"); number == "" && place.text("type") == "outbound_call" {
		a.add("phone", place.text("location"))
	}
	if p.object("cancellation") != nil {
		a.add("cancellation reason", p.text("cancellation.reason"))
	}
	return a
}
