package forms

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/normalize"
)

// HubSpotContact is the Kind of what this source asks to be fetched: the contact
// whose id in the CRM API is the reference's ID, of the account in Args["portal"].
const HubSpotContact = "contact"

// announced reads the notifications of an app, up to a hundred in any order. Each
// is an event, but those about one contact are the same event: they share its key
// and the earliest of their times, and of several that say no more than "ask" one
// is enough.
func (h *HubSpot) announced(body []byte) ([]ingest.Event, error) {
	value, err := fields.ParseJSON(body)
	if err != nil {
		return nil, err
	}
	list, _ := value.([]any)
	events := make([]ingest.Event, 0, min(len(list), 100))
	earliest := make(map[string]time.Time)
	for _, element := range list {
		p := asPayload(element)
		if !ofContact(p) {
			continue
		}
		event, err := announcement(p)
		if err != nil {
			return nil, err
		}
		if at := earliest[event.Key]; at.IsZero() || !event.OccurredAt.IsZero() && event.OccurredAt.Before(at) {
			earliest[event.Key] = event.OccurredAt
		}
		events = append(events, event)
	}
	if len(events) == 0 {
		return nil, ingest.Ignored("no notification of a contact that is new or has changed")
	}
	for i := range events {
		events[i].OccurredAt = earliest[events[i].Key]
	}
	return events, nil
}

// ofContact tells whether a notification is about a contact that there is to ask
// for. After a deletion there is nothing, and a merge makes no new person.
func ofContact(p payload) bool {
	kind := p.text("subscriptionType")
	if after, ok := strings.CutPrefix(kind, "object."); ok && p.text("objectTypeId") == contactType {
		kind = "contact." + after
	}
	return kind == "contact.creation" || kind == "contact.propertyChange"
}

// contactType is the id of contacts among HubSpot's kinds of objects.
const contactType = "0-1"

func announcement(p payload) (ingest.Event, error) {
	portal, id := p.text("portalId"), p.text("objectId")
	var event ingest.Event
	switch {
	case portal == "":
		return event, missing("portalId")
	case id == "":
		return event, missing("objectId")
	}
	key := contactKey(portal, id)
	event = ingest.Event{
		Kind: ingest.LeadKind, Key: key, Mutable: true, Version: ingest.AnnouncedVersion,
		Lead: &ingest.Lead{ExternalID: key, Attrs: attrs(map[string]string{
			"subscription_type": p.text("subscriptionType"), "change_source": p.text("changeSource"),
			"event_id": p.text("eventId"),
		})},
		Fetch: &ingest.Reference{
			Kind: HubSpotContact, ID: id, Args: map[string]string{"portal": portal},
			Again: strings.HasSuffix(p.text("subscriptionType"), ".propertyChange"),
		},
	}
	err := p.when(&event, "occurredAt", time.UTC)
	return event, err
}

func contactKey(portal, id string) string {
	if portal == "" {
		return id
	}
	return portal + ":" + id
}

// fetched reads what the CRM API answered. Its id may be another than was asked
// for, where contacts have been merged since: it is the one asked for that counts.
func (h *HubSpot) fetched(d *ingest.Delivery) ([]ingest.Event, error) {
	reference, err := ingest.FetchedReference(d)
	if err != nil {
		return nil, err
	}
	p, err := readPayload(d.Body)
	if err != nil {
		return nil, err
	}
	properties := p.object("properties")
	if properties == nil {
		return nil, missing("properties")
	}
	return h.contact(contactKey(reference.Args["portal"], reference.ID), p, flat(properties))
}

// workflow reads the contact that a workflow sends: the whole of it, or those
// properties that its author has chosen, as a flat object.
func (h *HubSpot) workflow(p payload, d *ingest.Delivery) ([]ingest.Event, error) {
	if p.text("dealId") != "" || p.text("companyId") != "" || otherObject(p) {
		return nil, ingest.Ignored("a workflow of something else than contacts")
	}
	properties := p.object("properties")
	if properties = flat(properties); properties == nil {
		properties = p
	}
	portal := cmp.Or(p.text("portal-id"), p.text("portalId"), h.options.PortalID.String())
	id := cmp.Or(p.text("canonical-vid"), p.text("vid"), p.text("objectId"), properties.text("hs_object_id"), p.text("id"))
	if id != "" {
		return h.contact(contactKey(portal, id), p, properties)
	}
	form, err := h.read(properties)
	if err != nil {
		return nil, err
	}
	if !form.Contact {
		return nil, fmt.Errorf("%w: neither a contact's id nor a field that says who it is", ingest.ErrMalformed)
	}
	event := ingest.Event{Kind: ingest.LeadKind, Key: form.Key(d.ReceivedAt), Lead: form.Lead}
	return []ingest.Event{event}, nil
}

func otherObject(p payload) bool {
	kind, id := p.text("objectType"), p.text("objectTypeId")
	return kind != "" && !strings.EqualFold(kind, "contact") || id != "" && id != contactType
}

// contact makes the lead of a whole contact.
func (h *HubSpot) contact(key string, p, properties payload) ([]ingest.Event, error) {
	form, err := h.read(properties)
	if err != nil {
		return nil, err
	}
	lead := form.Lead
	lead.ExternalID = key
	visited(lead, p, properties)
	event := ingest.Event{Kind: ingest.LeadKind, Key: key, Mutable: true, Lead: lead}
	created := cmp.Or(properties.text("createdate"), p.text("createdAt"), p.text("addedAt"))
	if created == "" {
		return []ingest.Event{event}, nil
	}
	if event.OccurredAt, event.Zone, err = normalize.Time(created, h.config.Location); err != nil {
		return nil, fmt.Errorf("%w: createdate: %w", ingest.ErrMalformed, err)
	}
	return []ingest.Event{event}, nil
}
