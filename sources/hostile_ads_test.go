package sources_test

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources"
)

// adFrames are genuine bodies of lead forms in advertisements; see frames. What
// is fetched is known by its first member.
var adFrames = map[string]string{
	"meta": `{"object":"page","entry":[{"id":«"1"»,"time":«1»,"changes":[{"field":"leadgen","value":{"leadgen_id":«"1"»,
		"page_id":«"1"»,"form_id":«"1"»,"adgroup_id":«"1"»,"ad_id":«"1"»,"created_time":«1767614403»}},
		{"field":"feed","value":«"x"»},{"field":«"x"»,"value":{}}]}],"other":«"x"»}`,
	"meta lists": `{"object":"page","entry":[{"changes":[{"field":"leadgen","value":{"leadgen_id":"1"}}]},
		{"changes":«[{"field":"leadgen","value":{"leadgen_id":"1"}}]»}]}`,
	"meta fetched": `{"created_time":«"2026-01-05T12:00:03+0000"»,"id":«"1"»,"ad_id":«"1"»,"ad_name":«"x"»,"campaign_name":«"x"»,
		"is_organic":«false»,"platform":«"ig"»,"custom_disclaimer_responses":[{"checkbox_key":«"x"»,"is_checked":«"1"»}],
		"field_data":[{"name":"email","values":[«"kim@example.com"»]},{"name":"full_name","values":«["Kim"]»},
		{"name":"phone_number","values":[«"+12025550142"»]},{"name":«"hobby"»,"values":[«"x"»]}]}`,
	"meta fetched lists": `{"created_time":1767614403,"id":"1","custom_disclaimer_responses":«[{"checkbox_key":"x"}]»,
		"field_data":«[{"name":"a","values":["x"]}]»}`,
	"tiktok": `{"request_id":«"x"»,"object":1,"time":«1»,"entry":[{"id":«"1"»,"page_id":«"1"»,"page_name":«"x"»,
		"campaign_id":«"1"»,"campaign_name":«"x"»,"create_time":«1767614403»,"changes":[{"field":«"hobby"»,"value":«"x"»},
		{"field":"email","value":«"kim@example.com"»},{"field":"phone_number","value":«"+12025550142"»},
		{"field":"name","value":«"Kim"»}]}]}`,
	"tiktok lists": `{"object":1,"entry":[{"id":"1","changes":«[{"field":"a","value":["x"]}]»}]}`,
	"tiktok leads": `{"object":1,"entry":«[{"id":"1"}]»}`,
	"linkedin": `{"type":"LEAD_ACTION","leadGenFormResponse":«"urn:li:leadGenFormResponse:1"»,
		"leadGenForm":«"urn:li:versionedLeadGenForm:(urn:li:leadGenForm:1,1)"»,"owner":«{"organization":"urn:li:organization:1"}»,
		"associatedEntity":{"event":«"urn:li:event:1"»},"leadType":«"EVENT"»,"leadAction":"CREATED","occurredAt":«1767614403123»}`,
	"linkedin deleted": `{"type":"LEAD_ACTION","leadGenFormResponse":«"1"»,"leadAction":"DELETED","occurredAt":«1»}`,
	"linkedin fetched": `{"response":{"id":«"1"»,"owner":«{}»,"associatedEntity":«{}»,"versionedLeadGenFormUrn":«"x"»,
		"leadMetadata":{"sponsoredLeadMetadata":{"campaign":«"x"»}},"submittedAt":«1767614403000»,"testLead":«false»,
		"formResponse":{"answers":[{"questionId":1,"answerDetails":{"textQuestionAnswer":{"answer":«"Kim"»}}},
		{"questionId":«2»,"answerDetails":{"multipleChoiceAnswer":{"options":«[0]»}}}],
		"consentResponses":[{"consentId":«0»,"accepted":«true»}]}},
		"form":{"name":«"x"»,"hiddenFields":[{"name":«"x"»,"value":«"x"»}],"creationLocale":{"language":«"en"»,"country":«"US"»},
		"content":{"questions":[{"questionId":1,"predefinedField":«"FIRST_NAME"»},
		{"questionId":«2»,"name":«"x"»,"question":{"localized":«{"en_US":"x"}»},"questionDetails":{"multipleChoiceQuestionDetails":
		{"options":[{"id":«0»,"text":{"localized":{"en_US":«"x"»}}}]}}}]}}}`,
	"linkedin fetched lists": `{"response":{"id":"1","formResponse":{"answers":«[{"questionId":1}]»,"consentResponses":«[{"consentId":0}]»}},
		"form":{"hiddenFields":«[{"name":"x"}]»,"content":{"questions":«[{"questionId":1}]»}}}`,
	"snapchat": `{"lead_id":«"1"»,"form_id":«"1"»,"campaign_name":«"x"»,"create_time":«"2026-01-05T12:00:03Z"»,
		"first_name":«"Kim"»,"email":«"kim@example.com"»,"phone_number":«"+12025550142"»,"hobby":«"x"»,"more":{"city":«["x"]»}}`,
	"vk": `{"type":"lead_forms_new","object":{"lead_id":«501»,"group_id":«1»,"user_id":«1»,"form_id":«3»,"form_name":«"x"»,"ad_id":«0»,
		"answers":[{"key":"phone_number","question":«"x"»,"answer":«"+12025550142"»},{"key":«"custom_0"»,"question":«"x"»,"answer":«["x"]»},
		{"key":"email","question":"x","answer":«"kim@example.com"»}]},"group_id":«1»,"event_id":«"x"»,"v":«"5.199"»,"secret":"` + secret + `"}`,
	"vk lists":            `{"type":"lead_forms_new","secret":"` + secret + `","object":{"lead_id":1,"group_id":1,"answers":«[{"key":"a","answer":"x"}]»}}`,
	"vk other":            `{"secret":"` + secret + `","type":"lead_forms_new","object":{"lead_id":1,"group_id":1},"other":«"x"»}`,
	"vk confirmation":     `{"type":"lead_forms_new","secret":"` + secret + `","object":{"lead_id":1,"group_id":1,"form_name":«"confirmation"»}}`,
	"yandex-direct":       `{"Id":«"1"»,"SubmittedAt":«"2026-01-05T12:00:03Z"»,"TurboPageId":«1»,"TurboPageName":«"x"»,"Data":[{"Name":«"x"»,"Value":«"x"»},{"Name":"phone","Value":«"+12025550142"»},{"Name":"Email","Value":«"kim@example.com"»}]}`,
	"yandex-direct lists": `{"Id":"1","Data":«[{"Name":"x","Value":"x"}]»}`,
}

// adShapers make a delivery of a frame what its sender posts.
var adShapers = map[string]func(*ingest.Delivery){
	"meta":          fetchedIf(`{"created_time"`),
	"linkedin":      fetchedIf(`{"response"`),
	"yandex-direct": fetchedIf(""),
}

// fetchedIf is for bodies that the platform answers when it is asked.
func fetchedIf(begin string) func(*ingest.Delivery) {
	return func(d *ingest.Delivery) {
		if bytes.HasPrefix(d.Body, []byte(begin)) {
			d.Method = ingest.Fetched
		}
	}
}

// What is fetched does not come in by the door, where TestHostile measures; a
// platform that answers with nonsense must not cost more than one that sends it.
func TestHostile_FetchedLeads(t *testing.T) { // not parallel: it counts what the process does
	reference := newPlain(t)
	for _, typ := range []string{"meta", "linkedin", "yandex-direct"} {
		in, err := sources.New(ingest.SourceConfig{
			Name: "s", Type: typ, Workspace: "w", Secrets: []string{secret}, Currency: "USD", DefaultRegion: "US",
		})
		if err != nil {
			t.Fatal(err)
		}
		spend := func(h hostile, n int) price {
			d := h.deliver(typ, n)
			if d.Method != ingest.Fetched {
				return price{size: 1}
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := processorTime(t)
			_, _ = in.Decode(d) // it may be refused; what it costs is asked
			took := processorTime(t) - start
			runtime.ReadMemStats(&after)
			return price{size: int64(len(d.Body)), bytes: int64(after.TotalAlloc - before.TotalAlloc), time: took}
		}
		measured := 0
		for i, h := range inFrames(typ) {
			if i%stride != 0 {
				continue
			}
			send := func() price { return spend(h, large) }
			first := send()
			if worth := reference.times(first, maxTimes, send); worth > maxTimes {
				t.Errorf("%s: %d bytes take as long as %.0f plain forms", h.name, first.size, worth)
			}
			many, size := bounded(first, send)
			if many > 0 {
				measured++
			}
			if many > limit(size) {
				t.Errorf("%s: %d bytes cost %d, %d times as much", h.name, size, many, many/size)
			}
			few := spend(h, small)
			if many > 16*size && few.size < size && many > maxGrowth*few.bytes*size/(8*few.size)+pooled {
				t.Errorf("%s: %d bytes cost %d, but %d bytes %d", h.name, few.size, few.bytes, size, many)
			}
		}
		if measured == 0 {
			t.Errorf("%s: nothing was measured", typ)
		}
	}
}
