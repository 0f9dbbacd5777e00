package sources_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/leadgate/leadgate/ingest"
)

// callFrames are genuine bodies of call tracking; see frames. Those of senders
// that post forms are put into a form by their signers.
var callFrames = map[string]string{
	"twilio": `{"CallSid":«"CA1"»,"CallStatus":"completed","From":«"+12025550142"»,"To":«"+12025550143"»,"Direction":«"inbound"»,
		"CallDuration":«"60"»,"Timestamp":«"Sat, 31 Jan 2026 10:00:00 +0000"»,"CallerName":«"Kim"»,"SequenceNumber":«"2"»,
		"RecordingUrl":«"https://example.com/r"»,"FromCity":«"x"»,"Other":«"x"»}`,
	"twilio recording": `{"CallSid":«"CA1"»,"RecordingSid":«"RE1"»,"RecordingUrl":«"https://example.com/r"»}`,
	"calltrackingmetrics": `{"id":«1»,"caller_number":«"+12025550142"»,"tracking_number":«"+12025550143"»,"name":«"Kim"»,
		"email":«"kim@example.com"»,"direction":«"inbound"»,"call_status":«"completed"»,"duration":«60»,"talk_time":«40»,
		"unix_time":«1769853600»,"source":«"x"»,"medium":«"x"»,"location":«"https://example.com/?gclid=x"»,"audio":«"https://example.com/r"»,
		"tag_list":[«"x"»],"custom_fields":{"hobby":«"x"»},"other":«"x"»}`,
	"calltrackingmetrics objects": `{"id":1,"caller_number":"+12025550142","tag_list":«["x"]»,"custom_fields":«{"hobby":"x"}»}`,
	"whatconverts": `{"trigger":«"new"»,"lead_id":«1»,"lead_type":«"Phone Call"»,"lead_status":«"Unique"»,"last_updated":«"2026-01-31T10:00:00Z"»,
		"date_created":«"2026-01-31T10:00:00Z"»,"landing_url":«"https://example.com/?gclid=x"»,"lead_url":«"https://example.com/"»,
		"lead_source":«"x"»,"contact_name":«"Kim"»,"contact_email_address":«"kim@example.com"»,"caller_number":«"+12025550142"»,
		"call_duration":«"0:01:00"»,"notes":«"x"»,"additional_fields":{"hobby":«"x"»},"lead_analysis":{"x":«"x"»},"other":«"x"»}`,
	"whatconverts objects": `{"lead_id":1,"additional_fields":«{"x":"x"}»,"field_mappings":«{"x":"x"}»,"lead_analysis":«{"x":"x"}»}`,
	"invoca": `{"transaction_id":«"1"»,"corrects_transaction_id":«""»,"transaction_type":«"Call"»,"calling_phone_number":«"202-555-0142"»,
		"start_time_utc":«1769853600000»,"start_time_local":«"2026-01-31 04:00:00 -06:00"»,"duration":«60»,"connect_duration":«40»,
		"recording":«"https://example.com/r"»,"gclid":«"x"»,"hobby":«"x"»,"nested":{"x":«"x"»},"list":[«"x"»]}`,
	"ringba": `{"call_id":«"R1"»,"caller_number":«"+12025550142"»,"call_timestamp":«"01/31/2026 10:00:00 AM"»,"duration_seconds":«60»,
		"recording_url":«"https://example.com/r"»,"revenue":«"35.00"»,"utm_source":«"x"»,"hobby":«"x"»}`,
	"calltouch": `{"callId":«"1"»,"callphase":«"callcompleted"»,"callerNumber":«"79161234567"»,"phoneNumber":«"74951234567"»,
		"timestamp":«1769853600»,"duration":«60»,"successful":«true»,"source":«"x"»,"callUrl":«"https://example.com/?yclid=1"»,"hobby":«"x"»}`,
	"uis-comagic": `{"call_session_id":«1»,"notification_mnemonic":«"x"»,"contact_phone_number":«"79161234567"»,"contact_full_name":«"Kim"»,
		"start_time":«"2026-01-31 10:00:00"»,"notification_timestamp":«1769853600»,"direction":«"in"»,"total_time_duration":«60»,
		"file_link":«"https://example.com/r"»,"hobby":«"x"»}`,
	"mango-office": `{"entry_id":«"e"»,"call_direction":«1»,"from":{"extension":«""»,"number":«"79161234567"»},
		"to":{"extension":«"101"»,"number":«"sip:101@x"»},"line_number":«"74951234567"»,"create_time":«1769853600»,
		"talk_time":«1769853610»,"end_time":«1769853660»,"entry_result":«1»,"disconnect_reason":«1110»,"other":«"x"»}`,
	"mango-office recording": `{"entry_id":«"e"»,"recording_id":«"r"»,"recording_state":«"Completed"»}`,
}

// callSigners make a delivery genuine where a bearer token does not.
var callSigners = map[string]func(*ingest.Delivery){
	"twilio": func(d *ingest.Delivery) {
		if d.Header.Get("Content-Type") == "application/json" {
			asForm(d)
		}
		mac := hmac.New(sha1.New, []byte(secret))
		form, err := url.ParseQuery(string(d.Body))
		if err == nil && strings.HasPrefix(d.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
			mac.Write([]byte(d.URL))
			names := make([]string, 0, len(form))
			for name := range form {
				names = append(names, name)
			}
			slices.Sort(names)
			for _, name := range names {
				slices.Sort(form[name])
				for _, value := range slices.Compact(form[name]) {
					mac.Write([]byte(name + value))
				}
			}
		} else {
			digest := sha256.Sum256(d.Body)
			d.URL += "?bodySHA256=" + hex.EncodeToString(digest[:])
			mac.Write([]byte(d.URL))
		}
		d.Header.Set("X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	},
	"calltrackingmetrics": func(d *ingest.Delivery) {
		at := strconv.FormatInt(d.ReceivedAt.Unix(), 10)
		mac := hmac.New(sha1.New, []byte(secret))
		mac.Write([]byte(at))
		mac.Write(d.Body)
		d.Header.Set("X-Ctm-Time", at)
		d.Header.Set("X-Ctm-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	},
	"mango-office": func(d *ingest.Delivery) {
		digest := sha256.Sum256([]byte("key" + string(d.Body) + secret))
		d.Body = []byte("vpbx_api_key=key&sign=" + hex.EncodeToString(digest[:]) + "&json=" + url.QueryEscape(string(d.Body)))
		d.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	},
}

// asForm makes a form of a JSON object of plain values, if the body is one.
func asForm(d *ingest.Delivery) {
	var object map[string]any
	if json.Unmarshal(d.Body, &object) != nil {
		return
	}
	form := make(url.Values, len(object))
	for name, value := range object {
		text, ok := value.(string)
		if !ok {
			b, err := json.Marshal(value)
			if err != nil {
				panic(err)
			}
			text = string(b)
		}
		form.Set(name, text)
	}
	d.Body = []byte(form.Encode())
	d.Header.Set("Content-Type", "application/x-www-form-urlencoded")
}
