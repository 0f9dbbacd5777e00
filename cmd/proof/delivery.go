package main

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
	csvType  = "text/csv"

	googleKey    = "proof-google-key"
	callRailKey  = "proof-callrail-key"
	mailPassword = "proof-mail-password"
	token        = "proof-import-token"
	hookKey      = "whsec_cHJvb2Ytb2YtbGVhZGdhdGUta2V5LTAx"
)

// request is one delivery as its sender would send it.
type request struct {
	path, contentType string
	header            map[string]string
	body              []byte
}

func jsonRequest(path string, body any) request {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // our own literals
	}
	return request{path: path, contentType: jsonType, body: text}
}

func always(r request) func() request { return func() request { return r } }

// person is somebody who asks; no two numbers are the same person.
type person struct {
	name, email, phone string
}

func personOf(n int) person {
	return person{
		name: fmt.Sprintf("Proof Person %d", n), email: fmt.Sprintf("person%d@example.com", n),
		phone: fmt.Sprintf("+1512%07d", 2_000_000+n%7_000_000),
	}
}

// enquiry is one lead as its sender would tell it, whatever the way.
type enquiry struct {
	id       string
	person   person
	campaign string
	gclid    string
	verdict  ingest.LeadVerdict
	seconds  int // of a call; -1 for what is no call
	padding  int // bytes of message
}

func (a enquiry) page() string {
	return "https://www.example.com/?utm_source=google&utm_medium=cpc&utm_campaign=" + a.campaign + "&gclid=" + a.gclid
}

// row is what the views must say of it, see queries in check.go.
func (a enquiry) row(source string) row {
	return row{
		view: leads, id: source + "/" + a.id, unique: a.verdict == ingest.UniqueLead,
		content: columns(string(a.verdict), a.campaign, a.gclid, strconv.Itoa(a.seconds), a.person.email, a.person.phone, a.person.name),
	}
}

func columns(values ...string) string { return strings.Join(values, "|") }

func micros(m ingest.Micros) string { return strconv.FormatInt(int64(m), 10) }

func (a enquiry) message() string { return strings.Repeat("Please call. ", a.padding/13) }

func jsonForm(a enquiry) *delivery {
	body := map[string]string{
		"id": a.id, "name": a.person.name, "email": a.person.email, "phone": a.person.phone, "page_url": a.page(),
	}
	if a.padding > 0 {
		body["message"] = a.message()
	}
	return &delivery{kind: "json form", rows: []row{a.row("landing")}, build: always(jsonRequest("/in/landing", body))}
}

func urlencodedForm(a enquiry) *delivery {
	fields := url.Values{
		"id": {a.id}, "name": {a.person.name}, "email": {a.person.email}, "phone": {a.person.phone},
		"page_url": {a.page()}, "_next": {"https://www.example.com/thanks"},
	}
	if a.verdict == ingest.SpamLead {
		fields.Set("_gotcha", "http://spam.example")
	}
	if a.padding > 0 {
		fields.Set("message", a.message())
	}
	return &delivery{kind: "html form", rows: []row{a.row("landing")}, build: always(request{
		path: "/in/landing", contentType: formType, header: map[string]string{"Accept": "text/html"},
		body: []byte(fields.Encode()),
	})}
}

func googleLead(a enquiry) *delivery {
	a.campaign = "" // the webhook tells campaign ids only
	column := func(id, value string) map[string]string {
		return map[string]string{"column_id": id, "string_value": value}
	}
	return &delivery{kind: "google-ads", rows: []row{a.row("google")}, build: always(jsonRequest("/in/google", map[string]any{
		"lead_id": a.id, "google_key": googleKey, "is_test": a.verdict == ingest.TestLead,
		"campaign_id": json.Number("20000000001"), "form_id": json.Number("40000000001"), "api_version": "1.0", "gcl_id": a.gclid,
		"user_column_data": []map[string]string{
			column("FULL_NAME", a.person.name), column("EMAIL", a.person.email), column("PHONE_NUMBER", a.person.phone),
		},
	}))}
}

// call is one state of a call; later ones have other lengths.
func call(a enquiry, at time.Time) *delivery {
	a.person.email = ""
	start := at.Format("2006-01-02T15:04:05.000-07:00")
	r := jsonRequest("/in/calls", map[string]any{
		"id": a.id, "answered": true, "direction": "inbound", "customer_phone_number": a.person.phone,
		"customer_name": a.person.name, "tracking_phone_number": "+15125550199", "duration": strconv.Itoa(a.seconds),
		"start_time": start, "created_at": start, "timestamp": start,
		"utm_source": "google", "utm_medium": "cpc", "utm_campaign": a.campaign, "gclid": a.gclid,
	})
	mac := hmac.New(sha1.New, []byte(callRailKey))
	mac.Write(r.body)
	r.header = map[string]string{"Signature": base64.StdEncoding.EncodeToString(mac.Sum(nil))}
	return &delivery{kind: "callrail", rows: []row{a.row("calls")}, build: always(r)}
}

func mail(a enquiry, at time.Time) *delivery {
	a.campaign, a.gclid = "", ""
	r := jsonRequest("/in/mail", map[string]any{
		"MessageID": a.id, "Date": at.Format(time.RFC1123Z), "From": "noreply@portal.example", "FromName": "Portal",
		"To": "leads@in.example.net", "FromFull": map[string]string{"Email": "noreply@portal.example", "Name": "Portal"},
		"ToFull": []map[string]string{{"Email": "leads@in.example.net"}}, "OriginalRecipient": "leads@in.example.net",
		"Subject": "New enquiry",
		"TextBody": "Name: " + a.person.name + "\r\nE-mail: " + a.person.email + "\r\nTel.: " + a.person.phone +
			"\r\nMessage:\r\nPlease call after 5 pm. " + a.message() + "\r\n\r\n--\r\nSent from portal.example\r\n",
	})
	r.header = map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("postmark:"+mailPassword))}
	return &delivery{kind: "postmark", rows: []row{a.row("mail")}, build: always(r)}
}

func hook(a enquiry) *delivery {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(hookKey, "whsec_"))
	if err != nil {
		panic(err) // our own literal
	}
	body, err := json.Marshal(map[string]any{"type": "lead.created", "data": map[string]string{
		"id": a.id, "name": a.person.name, "email": a.person.email, "phone": a.person.phone, "page_url": a.page(),
	}})
	if err != nil {
		panic(err)
	}
	return &delivery{kind: "standard-webhooks", rows: []row{a.row("hooks")}, build: func() request {
		at := strconv.FormatInt(time.Now().Unix(), 10)
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%s.%s", a.id, at, body)
		return request{path: "/in/hooks", contentType: jsonType, body: body, header: map[string]string{
			"webhook-id": a.id, "webhook-timestamp": at, "webhook-signature": "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)),
		}}
	}}
}

// clickBatch is n clicks of as many visitors in one delivery.
func clickBatch(prefix, campaign string, n int) *delivery {
	d := &delivery{kind: "click batch"}
	list := make([]map[string]string, n)
	for i := range list {
		visitor := fmt.Sprintf("%s-%d", prefix, i)
		page := "https://www.example.com/?utm_source=bing&utm_medium=cpc&utm_campaign=" + campaign
		list[i] = map[string]string{"visitor_id": visitor, "url": page, "id": visitor}
		d.rows = append(d.rows, row{view: touches, id: visitor, content: columns("bing", campaign, page)})
	}
	d.build = always(jsonRequest("/in/clicks", list))
	return d
}

// status is news of a lead that was sent before.
func status(lead, what string, value ingest.Micros) *delivery {
	r := jsonRequest("/in/crm", map[string]string{
		"id": "status-" + lead, "external_id": lead, "status": what, "value": value.String(), "currency": "EUR",
	})
	r.header = map[string]string{"Authorization": "Bearer " + token}
	return &delivery{kind: "status", build: always(r), rows: []row{{
		view: statuses, id: lead, content: columns(what, micros(value), "EUR"),
	}}}
}

// costFile is one state of a file of n campaigns; a later one restates them. Each
// has an account of its own, or it would replace the others' day.
func costFile(prefix string, day time.Time, n int, restated int64) *delivery {
	d := &delivery{kind: "cost file"}
	var text strings.Builder
	text.WriteString("date,source,medium,account,campaign,cost,currency,clicks,impressions\n")
	for i := range n {
		campaign := fmt.Sprintf("%s-%d", prefix, i)
		cost, clicks := ingest.Micros(1_230_000*int64(i+1)+10_000*restated), int64(10*(i+1))+restated
		fmt.Fprintf(&text, "%s,google,cpc,%s,%s,%s,EUR,%d,%d\n", day.Format(time.DateOnly), prefix, campaign, cost, clicks, clicks*30)
		d.rows = append(d.rows, row{
			view: costs, id: campaign, cost: cost, clicks: clicks,
			content: columns(day.Format(time.DateOnly), micros(cost), "EUR", strconv.FormatInt(clicks, 10)),
		})
	}
	d.build = always(request{
		path: "/in/spend", contentType: csvType, header: map[string]string{"Authorization": "Bearer " + token}, body: []byte(text.String()),
	})
	return d
}
