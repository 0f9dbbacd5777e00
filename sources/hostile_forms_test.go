package sources_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/textproto"
	"strconv"

	"github.com/leadgate/leadgate/ingest"
)

// formFrames are genuine bodies of other people's forms; see frames.
var formFrames = map[string]string{
	"netlify": `{"id":«"1"»,"number":«1»,"email":«"kim@example.com"»,"name":«"Kim"»,"company":«"x"»,"body":«"hi"»,
		"data":{"name":«"Kim"»,"phone":«"+12025550142"»,"utm_source":«"x"»,"hobby":«"x"»,"cv":{"url":«"https://example.com/"»},
		"referrer":«"https://www.example.com/?gclid=x"»},"created_at":«"2026-01-31T10:00:00Z"»,"form_id":«"x"»,
		"site_url":«"https://www.example.com"»,"form_name":«"x"»}`,
	"netlify data": `{"payload":{"id":"1","data":«{"email":"kim@example.com"}»}}`,
	"formspree": `{"form":«"x"»,"submission":{"_date":«"2026-01-31T10:00:00Z"»,"email":«"kim@example.com"»,
		"phone":«"+12025550142"»,"message":«"hi"»,"id":«"x"»,"_replyto":«"x"»,"GCLID_FLD":«"x"»,"hobby":«["x"]»},"keys":[«"email"»]}`,
	"formspree lists": `{"submission":«{"email":"kim@example.com"}»,"keys":«["email"]»}`,
	"tally": `{"eventId":«"x"»,"eventType":"FORM_RESPONSE","createdAt":«"2026-01-31T10:00:00Z"»,"data":{"responseId":«"1"»,
		"respondentId":«"x"»,"formId":«"x"»,"formName":«"x"»,"createdAt":«"2026-01-31T10:00:00Z"»,"fields":[
		{"key":«"q"»,"label":«"x"»,"type":«"INPUT_TEXT"»,"value":«"x"»},
		{"key":"e","label":"x","type":"INPUT_EMAIL","value":«"kim@example.com"»},
		{"key":"p","label":"x","type":"INPUT_PHONE_NUMBER","value":«"+12025550142"»},
		{"key":"c","label":"x","type":"CHECKBOXES","value":«["a"]»,"options":[{"id":«"a"»,"text":«"x"»}]},
		{"key":«"c_a"»,"label":"x","type":"CHECKBOXES","value":«true»},
		{"key":"m","label":"y","type":"MATRIX","value":{"r":«["a"]»},"rows":[{"id":"r","text":«"x"»}],"columns":[{"id":"a","text":«"x"»}]}]}}`,
	"tally lists": `{"eventType":"FORM_RESPONSE","data":{"responseId":"1","fields":«[{"key":"q","value":"x"}]»}}`,
	"tally rows": `{"eventType":"FORM_RESPONSE","data":{"responseId":"1","fields":[{"key":"q","label":"x",
		"value":«{"r":["a"]}»,"options":«[]»,"rows":«[{"id":"r","text":"x"}]»,"columns":«[]»}]}}`,
	"jotform": `{"submissionID":«"1"»,"formID":«"x"»,"formTitle":«"x"»,"webhookURL":«"https://leads.example.net/in/s"»,
		"type":«"WEB"»,"pretty":«"x"»,"rawRequest":"{\"q1_name\":{\"first\":\"Kim\"},\"q2_email\":\"kim@example.com\"}"}`,
	"webflow": `{"triggerType":"form_submission","payload":{"name":«"x"»,"siteId":«"x"»,"data":{"Name":«"Kim"»,
		"Email":«"kim@example.com"»,"Phone":«"+12025550142"»,"GCLID_FLD":«"x"»,"id":«"x"»,"hobby":«["x"]»},
		"schema":[{"fieldName":«"Email"»}],"submittedAt":«"2026-01-31T10:00:00Z"»,"id":«"1"»,"formId":«"x"»,
		"publishedPath":«"/"»,"pageUrl":«"https://example.com/?gclid=x"»}}`,
	"webflow lists": `{"payload":{"id":"1","data":«{"Email":"kim@example.com"}»,"schema":«[{"fieldName":"Email"}]»}}`,
	"calendly": `{"event":"invitee.canceled","created_at":«"2026-01-31T10:00:00Z"»,"payload":{"uri":«"x"»,"name":«"Kim"»,
		"first_name":«"Kim"»,"email":«"kim@example.com"»,"text_reminder_number":«"+12025550142"»,"status":«"x"»,"timezone":«"x"»,
		"rescheduled":«false»,"new_invitee":«null»,"cancellation":{"reason":«"x"»,"canceler_type":«"host"»},
		"questions_and_answers":[{"question":«"x"»,"answer":«"x"»},{"question":"Your phone, please","answer":«"+12025550142"»}],
		"tracking":{"utm_source":«"x"»,"salesforce_uuid":«"x"»},"created_at":«"2026-01-31T10:00:00Z"»,
		"scheduled_event":{"name":«"x"»,"start_time":«"x"»,"location":{"type":"outbound_call","location":«"+12025550142"»}}}}`,
	"calendly lists": `{"event":"routing_form_submission.created","payload":{"uri":"x","questions_and_answers":«[{"question":"x"}]»,
		"tracking":«{}»}}`,
	"hubspot": `{"vid":«1»,"canonical-vid":«1»,"portal-id":«1»,"properties":{"firstname":{"value":«"Kim"»},
		"email":{"value":«"kim@example.com"»,"versions":«[]»},"phone":{"value":«"+12025550142"»},"createdate":{"value":«"1769850000000"»},
		"hobby":{"value":«"x"»},"hs_analytics_first_url":{"value":«"https://example.com/?gclid=x"»}},
		"form-submissions":[{"form-id":«"x"»,"title":«"x"»,"timestamp":«1»,"page-url":«"https://example.com/"»}]}`,
	"hubspot lists":  `{"vid":1,"properties":«{"email":"kim@example.com"}»,"form-submissions":«[]»}`,
	"hubspot chosen": `{"email":«"kim@example.com"»,"firstname":«"Kim"»,"hobby":«"x"»}`,
	"hubspot announced": `[{"eventId":«1»,"portalId":«1»,"occurredAt":«1769850000000»,"subscriptionType":"contact.creation",
		"objectId":«1»,"changeSource":«"x"»},«{"subscriptionType":"contact.creation","portalId":1,"objectId":2}»]`,
}

// formSigners make a delivery genuine where a bearer token does not.
var formSigners = map[string]func(*ingest.Delivery){
	"netlify": func(d *ingest.Delivery) {
		sum := sha256.Sum256(d.Body)
		part := base64.RawURLEncoding.EncodeToString
		token := part([]byte(`{"alg":"HS256"}`)) + "." + part([]byte(`{"iss":"netlify","sha256":"`+hex.EncodeToString(sum[:])+`"}`))
		d.Header.Set("X-Webhook-Signature", token+"."+part(formMAC(token)))
	},
	"formspree": func(d *ingest.Delivery) { stampForm(d, "Formspree-Signature") },
	"calendly":  func(d *ingest.Delivery) { stampForm(d, "Calendly-Webhook-Signature") },
	"tally": func(d *ingest.Delivery) {
		d.Header.Set("Tally-Signature", base64.StdEncoding.EncodeToString(formMAC(string(d.Body))))
	},
	"webflow": func(d *ingest.Delivery) {
		at := strconv.FormatInt(d.ReceivedAt.UnixMilli(), 10)
		d.Header.Set("X-Webflow-Timestamp", at)
		d.Header.Set("X-Webflow-Signature", hex.EncodeToString(formMAC(at+":"+string(d.Body))))
	},
	"hubspot": func(d *ingest.Delivery) {
		at := strconv.FormatInt(d.ReceivedAt.UnixMilli(), 10)
		d.Header[textproto.CanonicalMIMEHeaderKey("X-HubSpot-Request-Timestamp")] = []string{at}
		d.Header.Set("X-HubSpot-Signature-v3", base64.StdEncoding.EncodeToString(formMAC(d.Method+d.URL+string(d.Body)+at)))
	},
}

func formMAC(text string) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(text))
	return h.Sum(nil)
}

func stampForm(d *ingest.Delivery, header string) {
	at := strconv.FormatInt(d.ReceivedAt.Unix(), 10)
	d.Header.Set(header, "t="+at+",v1="+hex.EncodeToString(formMAC(at+"."+string(d.Body))))
}
