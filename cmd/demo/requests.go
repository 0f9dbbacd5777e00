package main

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"time"
)

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
	csvType  = "text/csv"

	googleKey    = "demo-google-key"
	callRailKey  = "demo-callrail-key"
	mailPassword = "demo-mail-password"
	importToken  = "demo-import-token"
	apiKey       = "demo-api-key-0123456789"
)

// request is one delivery as its sender would send it.
type request struct {
	path, contentType string
	header            map[string]string
	body              []byte
}

// click is one object of a click delivery.
type click struct {
	VisitorID  string `json:"visitor_id"`
	OccurredAt string `json:"occurred_at"`
	URL        string `json:"url"`
	Referrer   string `json:"referrer,omitempty"`
}

func clickBatch(clicks []click) request { return jsonRequest("/in/clicks", clicks) }

func jsonRequest(path string, body any) request {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // our own literals
	}
	return request{path: path, contentType: jsonType, body: text}
}

func personFields(person int) url.Values {
	return url.Values{
		"name":  {fmt.Sprintf("Demo Person %d", person)},
		"email": {fmt.Sprintf("person%d@example.com", person)},
		"phone": {fmt.Sprintf("(512) 555-%04d", 100+person%100)},
	}
}

func form(fields url.Values) request {
	return request{
		path: "/in/landing", contentType: formType, header: map[string]string{"Accept": "text/html"},
		body: []byte(fields.Encode()),
	}
}

func formPost(person int, visitor, page string) request {
	fields := personFields(person)
	fields.Set("id", fmt.Sprintf("submission-%d", person))
	fields.Set("visitor_id", visitor)
	fields.Set("page_url", page)
	fields.Set("message", "Please call about the roof.")
	fields.Set("_gotcha", "")
	fields.Set("_next", "https://www.example.com/thanks")
	return form(fields)
}

// formPostAgain is a new submission by somebody who asked before.
func formPostAgain(person int) request {
	fields := personFields(person)
	fields.Set("id", fmt.Sprintf("second-submission-%d", person))
	fields.Set("message", "I have not heard from you.")
	return form(fields)
}

func robotPost() request {
	return form(url.Values{
		"name": {"Cheap SEO"}, "email": {"robot@example.org"}, "_gotcha": {"http://spam.example"},
	})
}

func brokenPost() request {
	return form(url.Values{"name": {"Demo Person"}, "email": {"not an address"}})
}

func googleLead(n int, key string, at time.Time, test bool) request {
	column := func(id, value string) map[string]string {
		return map[string]string{"column_id": id, "string_value": value}
	}
	return jsonRequest("/in/google", map[string]any{
		"lead_id": fmt.Sprintf("demo-google-lead-%d", n), "google_key": key, "is_test": test,
		"campaign_id": json.Number(winterCampaignID), "form_id": json.Number("40000000001"), "api_version": "1.0",
		"gcl_id": fmt.Sprintf("Demo-lead-form-%d", n), "lead_submit_time": at.Format(time.RFC3339),
		"user_column_data": []map[string]string{
			column("FULL_NAME", fmt.Sprintf("Google Person %d", n)),
			column("EMAIL", fmt.Sprintf("google-person%d@example.com", n)),
			column("PHONE_NUMBER", fmt.Sprintf("+1512555%04d", 7000+n)),
		},
	})
}

func callRailCall(n int, key string, at time.Time, seconds int) request {
	start := at.Format("2006-01-02T15:04:05.000-07:00")
	r := jsonRequest("/in/calls", map[string]any{
		"id": 766900001 + n, "resource_id": fmt.Sprintf("CALdemo%d", n), "answered": true, "direction": "inbound",
		"customer_phone_number": fmt.Sprintf("+1512555%04d", 8000+n), "customer_name": fmt.Sprintf("Caller %d", n),
		"tracking_phone_number": "+15125550199", "duration": fmt.Sprint(seconds), "first_call": true,
		"start_time": start, "created_at": start, "timestamp": time.Now().UTC().Format(time.RFC3339),
		"utm_source": "google", "utm_medium": "cpc", "utm_campaign": "brand",
		"gclid": fmt.Sprintf("Demo-call-%d", n),
	})
	mac := hmac.New(sha1.New, []byte(key))
	mac.Write(r.body)
	r.header = map[string]string{"Signature": base64.StdEncoding.EncodeToString(mac.Sum(nil))}
	return r
}

func postmarkMail(n int, at time.Time) request {
	r := jsonRequest("/in/mail", map[string]any{
		"MessageID": fmt.Sprintf("8e1b6c30-7d2f-4a95-b6c4-%012d", n), "Date": at.Format(time.RFC1123Z),
		"From": "noreply@portal.example", "FromName": "Portal", "To": "leads@in.example.net",
		"FromFull":    map[string]string{"Email": "noreply@portal.example", "Name": "Portal"},
		"ToFull":      []map[string]string{{"Email": "leads@in.example.net"}},
		"MailboxHash": "roof", "OriginalRecipient": "leads+roof@in.example.net", "Subject": "New enquiry: roof",
		"TextBody": fmt.Sprintf("Name: Portal Person %d\r\nE-mail: portal-person%d@example.com\r\nTel.: (512) 555-%04d\r\n"+
			"Message:\r\nPlease call after 5 pm.\r\n\r\n--\r\nSent from portal.example\r\n", n, n, 9000+n),
	})
	r.header = map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("postmark:"+mailPassword))}
	return r
}

func saleStatus(person int, at time.Time) request {
	r := jsonRequest("/in/crm", map[string]any{
		"id": fmt.Sprintf("sale-%d", person), "email": fmt.Sprintf("person%d@example.com", person),
		"status": "won", "value": "4200.00", "currency": "EUR", "occurred_at": at.Format(time.RFC3339),
	})
	r.header = bearer(importToken)
	return r
}

func bearer(token string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + token}
}

func googleCosts(from, to string) request {
	body := "Campaign performance\n\"" + from + " - " + to + "\"\n" +
		"Day,Campaign ID,Campaign,Currency code,Cost,Clicks,Impr.\n" +
		from + "," + winterCampaignID + ",winter_roofing,EUR,\"1,012.40\",88,\"3,905\"\n" +
		to + "," + winterCampaignID + ",winter_roofing,EUR,1061.35,97,4210\n" +
		from + ",20000000003,brand,EUR,42.10,29,310\n" +
		to + ",20000000003,brand,EUR,47.95,33,335\n" +
		"Total: Account,,,EUR,\"2,163.80\",247,\"8,760\"\n"
	return request{path: "/in/google-costs", contentType: csvType, header: bearer(importToken), body: []byte(body)}
}

func metaCosts(from, to string) request {
	row := func(day, name, spend string, clicks int) string {
		return fmt.Sprintf("%s,%s,%s,%s,%s,%d,%d\n", day, day, day, name, spend, clicks*40, clicks)
	}
	body := "\ufeffReporting starts,Reporting ends,Day,Campaign name,Amount spent (EUR),Impressions,Link clicks\n" +
		row(from, "spring_offer", "310.00", 71) + row(to, "spring_offer", "335.50", 83) +
		row(from, "retargeting", "61.20", 19) + row(to, "retargeting", "66.00", 22)
	return request{path: "/in/meta-costs", contentType: csvType, header: bearer(importToken), body: []byte(body)}
}
