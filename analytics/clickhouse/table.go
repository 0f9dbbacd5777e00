package clickhouse

import (
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/leadgate/leadgate/analytics/channel"
	"github.com/leadgate/leadgate/ingest"
)

// eventRow is an event on its way into a table.
type eventRow struct {
	*ingest.Event
	tag    channel.Result
	day    time.Time // of a cost
	clicks uint32    // bits of those of ingest.ClickIDParams that it has
}

// outcomeRow is a delivery on its way into a table.
type outcomeRow struct {
	*ingest.Outcome
	workspace string
}

// The tables, each a list of its columns. Package schema says what they mean.
var (
	leadColumns = concat(
		[]columnOf[eventRow]{
			fewOf("workspace", func(r *eventRow) string { return r.Workspace }),
			fewOf("source", func(r *eventRow) string { return r.Source }),
			of("lead_id", func(r *eventRow) string { return r.ID }),
			of("external_id", func(r *eventRow) string { return r.Lead.ExternalID }),
			of("delivery_id", func(r *eventRow) string { return r.DeliveryID }),
			of("occurred_at", func(r *eventRow) time.Time { return r.OccurredAt }),
			of("received_at", func(r *eventRow) time.Time { return r.ReceivedAt }),
			fewOf("zone", func(r *eventRow) string { return r.Zone }),
			of("contact_id", func(r *eventRow) string { return r.Lead.ContactID }),
			of("visitor_id", func(r *eventRow) string { return r.Lead.VisitorID }),
			fewOf("verdict", func(r *eventRow) string { return string(r.Lead.Verdict) }),
			of("duplicate_of", func(r *eventRow) string { return r.Lead.DuplicateOf }),
			listOf("verdict_reasons", func(r *eventRow) []string { return r.Lead.SpamReasons }),
			of("campaign_id", func(r *eventRow) string { return r.Lead.CampaignID }),
			of("adgroup_id", func(r *eventRow) string { return r.Lead.AdgroupID }),
			of("ad_id", func(r *eventRow) string { return r.Lead.AdID }),
			of("form_id", func(r *eventRow) string { return r.Lead.FormID }),
			of("form_name", func(r *eventRow) string { return r.Lead.FormName }),
			of("page_url", func(r *eventRow) string { return r.Lead.PageURL }),
			of("referrer", func(r *eventRow) string { return r.Lead.Referrer }),
			mapOf("attrs", func(r *eventRow) map[string]string { return r.Lead.Attrs }),
			of("version", func(r *eventRow) uint64 { return r.Version }),
		},
		tagColumns(func(r *eventRow) *ingest.Tagging { return &r.Lead.Tagging }),
		callColumns,
	)

	callColumns = []columnOf[eventRow]{
		of("call_duration", func(r *eventRow) *int64 { return call(r).Duration }),
		of("call_talk_time", func(r *eventRow) *int64 { return call(r).TalkTime }),
		of("call_answered", func(r *eventRow) *bool { return call(r).Answered }),
		of("call_voicemail", func(r *eventRow) *bool { return call(r).Voicemail }),
		of("call_first", func(r *eventRow) *bool { return call(r).FirstCall }),
		fewOf("call_direction", func(r *eventRow) string { return call(r).Direction }),
		of("tracking_number", func(r *eventRow) string { return call(r).TrackingNumber }),
		of("recording_url", func(r *eventRow) string { return call(r).RecordingURL }),
	}

	contactColumns = []columnOf[eventRow]{
		fewOf("workspace", func(r *eventRow) string { return r.Workspace }),
		of("lead_id", func(r *eventRow) string { return r.ID }),
		of("contact_id", func(r *eventRow) string { return r.Lead.ContactID }),
		of("email", func(r *eventRow) string { return r.Lead.Person.Email }),
		of("phone", func(r *eventRow) string { return r.Lead.Person.Phone }),
		of("name", func(r *eventRow) string { return r.Lead.Person.Name }),
		of("first_name", func(r *eventRow) string { return r.Lead.Person.FirstName }),
		of("last_name", func(r *eventRow) string { return r.Lead.Person.LastName }),
		of("company", func(r *eventRow) string { return r.Lead.Person.Company }),
		of("message", func(r *eventRow) string { return r.Lead.Person.Message }),
		mapOf("answers", func(r *eventRow) map[string]string { return r.Lead.Person.Answers }),
		of("received_at", func(r *eventRow) time.Time { return r.ReceivedAt }),
		of("version", func(r *eventRow) uint64 { return r.Version }),
	}

	touchColumns = concat(
		[]columnOf[eventRow]{
			fewOf("workspace", func(r *eventRow) string { return r.Workspace }),
			fewOf("source", func(r *eventRow) string { return r.Source }),
			of("touch_id", func(r *eventRow) string { return r.ID }),
			of("delivery_id", func(r *eventRow) string { return r.DeliveryID }),
			of("visitor_id", func(r *eventRow) string { return r.Touch.VisitorID }),
			of("occurred_at", func(r *eventRow) time.Time { return r.OccurredAt }),
			of("received_at", func(r *eventRow) time.Time { return r.ReceivedAt }),
			fewOf("zone", func(r *eventRow) string { return r.Zone }),
			of("page_url", func(r *eventRow) string { return r.Touch.PageURL }),
			of("referrer", func(r *eventRow) string { return r.Touch.Referrer }),
			of("version", func(r *eventRow) uint64 { return r.Version }),
		},
		tagColumns(func(r *eventRow) *ingest.Tagging { return &r.Touch.Tagging }),
	)

	costColumns = []columnOf[eventRow]{
		fewOf("workspace", func(r *eventRow) string { return r.Workspace }),
		fewOf("source", func(r *eventRow) string { return r.Source }),
		of("cost_id", func(r *eventRow) string { return r.ID }),
		of("delivery_id", func(r *eventRow) string { return r.DeliveryID }),
		fewOf("platform", func(r *eventRow) string { return r.Cost.Platform }),
		fewOf("account", func(r *eventRow) string { return r.Cost.Account }),
		of("day", func(r *eventRow) time.Time { return r.day }),
		fewOf("tag_source", func(r *eventRow) string { return r.tag.Source }),
		fewOf("tag_medium", func(r *eventRow) string { return r.tag.Medium }),
		fewOf("channel", func(r *eventRow) string { return r.tag.Channel }),
		of("campaign", func(r *eventRow) string { return r.Cost.Campaign }),
		of("campaign_id", func(r *eventRow) string { return r.Cost.CampaignID }),
		of("adgroup", func(r *eventRow) string { return r.Cost.Adgroup }),
		of("adgroup_id", func(r *eventRow) string { return r.Cost.AdgroupID }),
		of("ad", func(r *eventRow) string { return r.Cost.Ad }),
		of("ad_id", func(r *eventRow) string { return r.Cost.AdID }),
		of("keyword", func(r *eventRow) string { return r.Cost.Keyword }),
		of("cost", func(r *eventRow) decimal.Decimal { return money(r.Cost.Amount) }),
		fewOf("currency", func(r *eventRow) string { return r.Cost.Currency }),
		of("clicks", func(r *eventRow) *int64 { return r.Cost.Clicks }),
		of("impressions", func(r *eventRow) *int64 { return r.Cost.Impressions }),
		fewOf("level", func(r *eventRow) string { return r.Cost.Level }),
		fewOf("slice", func(r *eventRow) string { return r.Cost.Slice }),
		of("received_at", func(r *eventRow) time.Time { return r.ReceivedAt }),
		of("version", func(r *eventRow) uint64 { return r.Version }),
	}

	statusColumns = []columnOf[eventRow]{
		fewOf("workspace", func(r *eventRow) string { return r.Workspace }),
		fewOf("source", func(r *eventRow) string { return r.Source }),
		of("status_id", func(r *eventRow) string { return r.ID }),
		of("delivery_id", func(r *eventRow) string { return r.DeliveryID }),
		of("lead_id", func(r *eventRow) string { return r.Status.LeadID }),
		of("external_id", func(r *eventRow) string { return r.Status.ExternalID }),
		of("contact_id", func(r *eventRow) string { return r.Status.ContactID }),
		fewOf("status", func(r *eventRow) string { return r.Status.Status }),
		of("reason", func(r *eventRow) string { return r.Status.Reason }),
		of("value", func(r *eventRow) *decimal.Decimal { return optionalMoney(r.Status.Value) }),
		fewOf("currency", func(r *eventRow) string { return r.Status.Currency }),
		of("occurred_at", func(r *eventRow) time.Time { return r.OccurredAt }),
		of("received_at", func(r *eventRow) time.Time { return r.ReceivedAt }),
		fewOf("zone", func(r *eventRow) string { return r.Zone }),
		of("version", func(r *eventRow) uint64 { return r.Version }),
	}

	deliveryColumns = []columnOf[outcomeRow]{
		of("delivery_id", func(r *outcomeRow) string { return r.Delivery.ID }),
		fewOf("workspace", func(r *outcomeRow) string { return r.workspace }),
		fewOf("source", func(r *outcomeRow) string { return r.Delivery.Source }),
		of("received_at", func(r *outcomeRow) time.Time { return r.Delivery.ReceivedAt }),
		fewOf("verdict", func(r *outcomeRow) string { return string(r.Verdict) }),
		of("reason", func(r *outcomeRow) string { return r.Reason }),
		of("events", func(r *outcomeRow) uint32 { return uint32(r.Events) }),
		of("body_bytes", func(r *outcomeRow) uint32 { return uint32(len(r.Delivery.Body)) }),
		listOf("event_ids", func(r *outcomeRow) []string { return r.EventIDs }),
		of("version", func(r *outcomeRow) uint64 { return uint64(r.Delivery.Replay)<<rankBits | rank(r.Verdict) }),
	}

	rawColumns = []columnOf[outcomeRow]{
		of("delivery_id", func(r *outcomeRow) string { return r.Delivery.ID }),
		fewOf("workspace", func(r *outcomeRow) string { return r.workspace }),
		fewOf("source", func(r *outcomeRow) string { return r.Delivery.Source }),
		of("received_at", func(r *outcomeRow) time.Time { return r.Delivery.ReceivedAt }),
		rawOf("raw", func(r *outcomeRow) *ingest.Delivery { return r.Delivery }),
		of("version", func(*outcomeRow) uint64 { return 1 }),
	}
)

// tagColumns are the channel, the utm tags and one column per click id.
func tagColumns(tagging func(*eventRow) *ingest.Tagging) []columnOf[eventRow] {
	columns := []columnOf[eventRow]{
		fewOf("channel", func(r *eventRow) string { return r.tag.Channel }),
		of("channel_inferred", func(r *eventRow) bool { return r.tag.Inferred }),
		fewOf("tag_source", func(r *eventRow) string { return r.tag.Source }),
		fewOf("tag_medium", func(r *eventRow) string { return r.tag.Medium }),
		fewOf("utm_source", func(r *eventRow) string { return tagging(r).Source }),
		fewOf("utm_medium", func(r *eventRow) string { return tagging(r).Medium }),
		of("utm_campaign", func(r *eventRow) string { return tagging(r).Campaign }),
		of("utm_term", func(r *eventRow) string { return tagging(r).Term }),
		of("utm_content", func(r *eventRow) string { return tagging(r).Content }),
	}
	for n, id := range ingest.ClickIDParams {
		column := of(id, func(r *eventRow) string { return tagging(r).ClickIDs[id] })
		column.blank = func(r *eventRow) bool { return r.clicks&(1<<n) == 0 }
		columns = append(columns, column)
	}
	return columns
}

// clicksOf finds out once which click ids there are: hardly any, of many.
func clicksOf(t *ingest.Tagging) (bits uint32) {
	for id, value := range t.ClickIDs {
		if n := slices.Index(ingest.ClickIDParams[:], id); n >= 0 && value != "" {
			bits |= 1 << n
		}
	}
	return bits
}

var noCall ingest.Call

// call is the lead's call, or one of which nothing is known.
func call(r *eventRow) *ingest.Call {
	if r.Lead.Call == nil {
		return &noCall
	}
	return r.Lead.Call
}

func concat[R any](lists ...[]columnOf[R]) (all []columnOf[R]) {
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

// rankBits are what a delivery's version has for the rank; above them stands
// the number of its replay, so that the latest replay's verdict stands.
const rankBits = 8

// rank orders the verdicts that one reading of a delivery can come to: a batch
// that is formed anew after a crash may find less, because the rest is done.
func rank(v ingest.Verdict) uint64 {
	switch v {
	case ingest.Accepted:
		return 4
	case ingest.Duplicate:
		return 3
	case ingest.IgnoredOne:
		return 2
	}
	return 1
}
