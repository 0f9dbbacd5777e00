package sources_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/textproto"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources"
	"github.com/leadgate/leadgate/sources/sender"
)

// What a sender can make us do is bounded by what it sends: these tests send
// every type what is meant to cost much, in every field, through the door and
// the journal's form, and count the bytes that are allocated. Neither the
// machine nor its load changes that number, as they would a time. The time that
// the processors take is counted besides, in plain forms of the same size: see
// maxTimes.
const (
	small, large = 2 << 10, 16 << 10
	// A body may be worth so many times its size, beside what any body costs.
	maxFactor = 200
	fixedCost = 128 << 10
	// Eight times the body may cost at most twelve times as much.
	maxGrowth = 12
	// What regular expressions and encoders keep for the next time comes on top
	// whenever the collector has thrown it away.
	pooled = 1 << 20
)

// limit is what a delivery of a size may cost.
func limit(size int64) int64 { return fixedCost + lossy*maxFactor*size }

// bounded returns what a delivery costs, and its size. What is beyond its limit
// is measured again, twice at most: what a pool lost is not made each time.
func bounded(first price, cost func() price) (spent, size int64) {
	spent, size = first.bytes, first.size
	for range 2 {
		if spent <= limit(size) {
			break
		}
		spent = min(spent, cost().bytes)
	}
	return spent, size
}

// price is what a delivery of a size took.
type price struct {
	size, bytes int64
	time        time.Duration // of the processors
}

// frames are genuine bodies of every JSON type. Each «…» is a value that the
// tests replace by a hostile one.
var frames = merged(coreFrames, formFrames, formFramesB, callFrames, adFrames, mailFrames, webhookFrames)

var coreFrames = map[string]string{
	"form": `{"id":«"1"»,"name":«"Kim"»,"email":«"kim@example.com"»,"phone":«"+12025550142"»,"message":«"hi"»,
		"page_url":«"https://example.com/?utm_source=x"»,"referrer":«"https://example.org"»,"visitor_id":«"v"»,
		"utm_source":«"x"»,"gclid":«"x"»,"_next":«"/x"»,"hobby":«"x"»,"address":{"city":«"x"»},"_gotcha":«""»}`,
	"json": `{"id":«"1"»,"occurred_at":«"2026-01-31T10:00:00Z"»,"name":«"Kim"»,"email":«"kim@example.com"»,
		"phone":«"+12025550142"»,"message":«"hi"»,"is_test":«true»,"page_url":«"https://example.com/?utm_source=x"»,
		"utm_source":«"x"»,"hobby":«"x"»,"address":{"city":«["x"]»}}`,
	"standard-webhooks": `{"type":«"x"»,"timestamp":«"2026-01-31T10:00:00Z"»,"data":{"email":«"kim@example.com"»,
		"phone":«"+12025550142"»,"message":«"hi"»,"hobby":«"x"»}}`,
	"typeform": `{"event_id":«"x"»,"event_type":"form_response","form_response":{"form_id":«"x"»,"token":«"t"»,
		"submitted_at":«"2026-01-31T10:00:00Z"»,"hidden":{"utm_source":«"x"»,"x":«"x"»},
		"definition":{"title":«"x"»,"fields":[{"id":"q","title":«"x"»}]},
		"answers":[{"type":"text","field":{"id":"q","ref":«"ref"»},"text":«"x"»},
		{"type":"email","field":{"id":"e"},"email":«"kim@example.com"»},
		{"type":"phone_number","field":{"id":"p"},"phone_number":«"+12025550142"»},
		{"type":"number","field":{"id":"n"},"number":«1»},
		{"type":"choices","field":{"id":"c"},"choices":{"labels":[«"x"»],"other":«"x"»}}]}}`,
	"typeform lists": `{"event_type":"form_response","form_response":{"token":"t","hidden":«{"x":"x"}»,
		"definition":{"fields":«[]»},"answers":«[{"type":"choices","choices":{"labels":["x"]}}]»}}`,
	"callrail": `{"id":«"CAL1"»,"start_time":«"2026-01-31T10:00:00Z"»,"duration":«"60"»,"answered":«true»,
		"customer_name":«"Kim"»,"customer_phone_number":«"+12025550142"»,"tracking_phone_number":«"+12025550143"»,
		"recording":«"https://example.com/r"»,"landing_page_url":«"https://example.com/?gclid=x"»,"referring_url":«"x"»,
		"utm_source":«"x"»,"note":«"x"»,"tags":[«"x"»],"keywords":«"x"»,"other":«"x"»}`,
	"callrail form": `{"id":«"FRM1"»,"submitted_at":«"2026-01-31T10:00:00Z"»,"form_url":«"https://example.com/"»,
		"form_data":{"email":«"kim@example.com"»,"hobby":«"x"»}}`,
	"google-ads": `{"google_key":"` + secret + `","lead_id":«"1"»,"user_column_data":[
		{"column_id":«"EMAIL"»,"column_name":«"User Email"»,"string_value":«"kim@example.com"»},
		{"column_id":"PHONE_NUMBER","string_value":«"+12025550142"»},{"column_id":"WORK_EMAIL","string_value":«"x"»}],
		"campaign_id":«1»,"gcl_id":«"x"»,"is_test":«false»,"lead_submit_time":«"2026-01-31T10:00:00Z"»,"other":«"x"»}`,
	"google-ads list": `{"google_key":"` + secret + `","lead_id":"1","user_column_data":«[{"column_id":"EMAIL"}]»}`,
	"postmark lists":  `{"MessageID":"m","From":"kim@example.com","ToFull":«[{}]»,"Headers":«[{}]»,"Attachments":«[{}]»}`,
	"postmark": `{"MessageID":«"m"»,"Date":«"Sat, 31 Jan 2026 10:00:00 +0000"»,"From":«"kim@example.com"»,
		"FromFull":{"Email":«"kim@example.com"»,"Name":«"Kim"»},"ReplyTo":«"kim@example.org"»,"To":«"leads@example.net"»,
		"ToFull":[{"Email":«"leads@example.net"»}],"Subject":«"x"»,"TextBody":«"Name: Kim\nPhone: 202-555-0142"»,
		"StrippedTextReply":«"x"»,"Headers":[{"Name":«"X-Spam-Status"»,"Value":«"No"»}],
		"Attachments":[{"Name":«"a.pdf"»,"ContentLength":«1»}]}`,
	"postmark html": `{"MessageID":"m","From":«"kim@example.com"»,"HtmlBody":«"<table><tr><td>Email<td>kim@example.com"»}`,
	"click": `[{"id":«"1"»,"visitor_id":«"v"»,"occurred_at":«"2026-01-31T10:00:00Z"»,
		"url":«"https://example.com/?utm_source=x"»,"referrer":«"https://example.org"»,"other":«"x"»},«{"url":"https://example.com/"}»]`,
	"status": `{"id":«"1"»,"lead_id":«"x"»,"external_id":«"x"»,"email":«"kim@example.com"»,"phone":«"+12025550142"»,
		"status":«"won"»,"reason":«"x"»,"value":«"12.50"»,"currency":«"EUR"»,"occurred_at":«"2026-01-31T10:00:00Z"»}`,
}

var shapers = merged(formShapers, formShapersB, callShapers, adShapers, mailShapers, webhookShapers)

func merged[V any](rooms ...map[string]V) map[string]V {
	all := make(map[string]V)
	for _, room := range rooms {
		maps.Copy(all, room)
	}
	return all
}

// times repeats text to about n bytes.
func times(text string) func(n int) string {
	return func(n int) string { return strings.Repeat(text, n/len(text)+1) }
}

func between(open, text, end string) func(n int) string {
	return func(n int) string { return open + times(text)(n) + end }
}

// texts are strings that cost much to somebody who reads them carelessly. More of
// them, and of values, stand beside this file.
var texts = map[string]func(n int) string{
	"letters":                 times("a"),
	"digits":                  times("7"),
	"a fraction":              between("1.", "7", ""),
	"a phone number":          between("+", "49 (0)30 ", ""),
	"phone marks":             between("+1", "(-. ", "2025550142"),
	"dots":                    times("."),
	"blanks":                  between("a", " ", "a"),
	"lines":                   times("\n"),
	"returns":                 times("\r"),
	"zero bytes":              times("\x00"),
	"accents":                 between("e", "\u0301", ""),
	"accents in wrong order":  between("e", "\u0301\u0316", ""),
	"letters that decompose":  times("\U0001D160"),
	"Hangul":                  times("\u1112\u1161\u11ab"),
	"broken UTF-8":            times("\xff"),
	"direction overrides":     times("\u202e"),
	"at signs":                times("@"),
	"addresses":               times("a@b.example, "),
	"dotted domain":           between("kim@", "a.", "com"),
	"comments":                times("("),
	"nested comments":         between("kim@example.com ", "(a", ""),
	"comment after comment":   between("kim@example.com ", "(a)", ""),
	"quotes":                  times(`"`),
	"quoted words":            between("", `"a" `, "<kim@example.com>"),
	"words":                   between("", "a ", "<kim@example.com>"),
	"backslashes":             times(`\`),
	"a domain literal":        between("kim@[", "1.", "]"),
	"encoded words":           between("", "=?utf-8?q?a?= ", "<kim@example.com>"),
	"a list of groups":        times("a:b@c.example;,"),
	"angles":                  times("<"),
	"marks of quotation":      times(">"),
	"quoted lines":            times("> a\n"),
	"forwarded again":         times("-----Original Message-----\nFrom: a\nTo: b\n"),
	"forwarded, no headers":   times("-----Original Message-----\n"),
	"header lines":            times("From: a\n"),
	"introductions":           times("a:\n"),
	"introductions, blanks":   times("a:\n\n\n"),
	"fields":                  numbered("f%d: v\n"),
	"names and values":        times("Name: Kim\nEmail: kim@example.com\n"),
	"messages":                between("Email: kim@example.com\nMessage: a\n", "\nb\n", ""),
	"one field, many lines":   between("Hobby: a\n", "b\n", ""),
	"a long label":            between("", "a", ": b"),
	"dashes":                  times("-"),
	"colons":                  times(":"),
	"open rows":               times("<tr>"),
	"open cells":              between("<table><tr>", "<td>", ""),
	"nested tables":           times("<table><tr><td>a"),
	"rows":                    times("<tr><td>a<td>b</tr>"),
	"open elements":           times("<div><b>"),
	"an element's attributes": between("<b", " a=b", ">"),
	"open comments":           times("<!--"),
	"comment ends":            between("<!--", "--!", ""),
	"open tags":               times("<a"),
	"a title":                 between("<title>", "</titl", ""),
	"scripts":                 between("<script>", "<!--<script", ""),
	"entities":                times("&amp;"),
	"long entity":             between("&", "a", ";"),
	"declarations":            times("<!a>"),
	"query of tags":           between("https://example.com/?", "utm_source=a&", ""),
	"query of others":         between("https://example.com/?", "a&", ""),
	"query in a fragment":     between("https://example.com/#?", "gclid=a&", ""),
	"percent signs":           between("https://example.com/?utm_source=", "%", ""),
	"percent encoding":        between("https://example.com/?utm_source=", "%25", ""),
	"path":                    between("https://example.com/", "a/../", ""),
	"host":                    between("https://", "a.", "com/"),
	"macros":                  times("{{a}}"),
	"encoded macros":          between("%257B", "%257B", "%257D"),
	"a JSON list":             between("[", `"",`, `""]`),
	"JSON brackets":           times("["),
	"prefixes of names":       times("your_"),
	"suffixes of names":       between("email", "_1", ""),
	"totals":                  times("total "),
	"thousands":               between("1", ",000", ""),
	"currency marks":          between("", "US$", "1"),
	"times":                   times("2026-01-31T10:00:00Z"),
}

func numbered(format string) func(n int) string {
	return func(n int) string {
		var b strings.Builder
		for i := 0; b.Len() < n; i++ {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
}

// values are JSON values of that kind.
var values = map[string]func(n int) string{
	"nested lists": func(n int) string { return strings.Repeat("[", n/2) + strings.Repeat("]", n/2) },
	"nested objects": func(n int) string {
		return strings.Repeat(`{"a":`, n/6) + "1" + strings.Repeat("}", n/6)
	},
	"open lists":           times("["),
	"open objects":         times(`{"a":`),
	"nested 9,000 deep":    func(int) string { return strings.Repeat("[", 9000) + strings.Repeat("]", 9000) },
	"empty objects":        between("[", "{},", "{}]"),
	"empty lists":          between("[", "[],", "[]]"),
	"small objects":        between("[", `{"":0},`, "{}]"),
	"a list of texts":      between("[", `"",`, `""]`),
	"a list of numbers":    between("[", "0,", "0]"),
	"many keys":            func(n int) string { return "{" + numbered(`"f%d":"",`)(n) + `"":0}` },
	"the same key":         between("{", `"":"",`, `"":0}`),
	"known keys again":     between("{", `"id":"","text":"","email":"","url":"",`, `"":0}`),
	"a long key":           between(`{"`, "a", `":1}`),
	"a long number":        times("7"),
	"a long fraction":      between("0.", "7", ""),
	"a long exponent":      between("1e", "7", ""),
	"escapes":              between(`"`, `\u0301`, `"`),
	"lone surrogates":      between(`"`, `\ud800`, `"`),
	"a long name of many":  func(n int) string { return `{"` + times("a")(n/2) + `":{` + numbered(`"f%d":"",`)(n/2) + `"":0}}` },
	"long names of many":   func(n int) string { return nestedNames(n) },
	"blanks":               between("", " ", "1"),
	"addresses as objects": between("[", `{"Email":"a"},`, "{}]"),
}

// nestedNames are objects in objects under long names, with many leaves.
func nestedNames(n int) string {
	name := `{"` + times("a")(n/32) + `":`
	return strings.Repeat(name, 14) + "{" + numbered(`"f%d":"",`)(n/3) + `"":0}` + strings.Repeat("}", 14)
}

// hostile is one delivery that costs more the larger n is.
type hostile struct {
	name   string
	header textproto.MIMEHeader
	body   func(n int) []byte
}

// marked returns the frame with its mark number i replaced, and whether there
// is such a mark.
func marked(frame string, i int, value string) (string, bool) {
	var b strings.Builder
	found := false
	for number := 0; ; number++ {
		before, rest, ok := strings.Cut(frame, "«")
		b.WriteString(before)
		if !ok {
			return b.String(), found
		}
		standard, after, _ := strings.Cut(rest, "»")
		if number == i {
			standard, found = value, true
		}
		b.WriteString(standard)
		frame = after
	}
}

func quoted(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// inFrames puts every text and value into every mark of a type's frames.
func inFrames(typ string) (all []hostile) {
	for name, frame := range frames {
		if name != typ && !strings.HasPrefix(name, typ+" ") {
			continue
		}
		for i := 0; ; i++ {
			if _, ok := marked(frame, i, ""); !ok {
				break
			}
			add := func(what string, value func(n int) string) {
				all = append(all, hostile{
					name:   fmt.Sprintf("%s, value %d: %s", name, i, what),
					header: textproto.MIMEHeader{"Content-Type": {"application/json"}},
					body: func(n int) []byte {
						body, _ := marked(frame, i, value(n))
						return []byte(body)
					},
				})
			}
			for what, text := range texts {
				if strings.HasPrefix(frame, "{") || strings.HasPrefix(frame, "[") {
					add(what, func(n int) string { return quoted(text(n)) })
				} else {
					add(what, text) // no JSON: as it is
				}
			}
			for what, value := range values {
				add(what, value)
			}
		}
	}
	return all
}

// whole are bodies that are nothing but hostile.
func whole(typ string) (all []hostile) {
	add := func(name, contentType string, body func(n int) string) {
		all = append(all, hostile{
			name: "whole body: " + name, header: textproto.MIMEHeader{"Content-Type": {contentType}},
			body: func(n int) []byte { return []byte(body(n)) },
		})
	}
	for name, value := range values {
		add(name, "application/json", value)
	}
	const form = "application/x-www-form-urlencoded"
	add("form keys", form, numbered("f%d=v&"))
	add("short form keys", form, times("a&"))
	add("no form keys", form, times("&"))
	add("form values", form, times("email=a%40b.example&"))
	add("form escapes", form, between("a=", "%41", ""))
	add("broken form escapes", form, times("%"))
	for _, charset := range []string{"gbk", "iso-2022-jp", "utf-16le", "replacement"} {
		add("form in "+charset, form+"; charset="+charset, times("a=%ff%41&"))
		add("long form value in "+charset, form+"; charset="+charset, between("a=", "%ff%41", ""))
	}
	add("charset fields", form, times("_charset_=gbk&a=%ff&"))
	const multipart = "multipart/form-data; boundary=b"
	add("parts", multipart, numbered("--b\r\nContent-Disposition: form-data; name=f%d\r\n\r\nv\r\n"))
	add("parts without a name", multipart, between("", "--b\r\n\r\n\r\n", "--b--"))
	add("parts with one name", multipart, times("--b\r\nContent-Disposition: form-data; name=f\r\n\r\nv\r\n"))
	add("empty files", multipart, times("--b\r\nContent-Disposition: form-data; name=f; filename=\"\"\r\n\r\n\r\n"))
	add("a file", multipart, between("--b\r\nContent-Disposition: form-data; name=f; filename=a\r\n\r\n", "a", "\r\n--b--"))
	add("part headers", multipart, between("--b\r\n", "A: a\r\n", "\r\n\r\n--b--"))
	add("endless part header", multipart, between("--b\r\nA: ", "a", ""))
	add("folded part header", multipart, between("--b\r\nA: a\r\n", " a\r\n", ""))
	add("disposition parameters", multipart, between("--b\r\nContent-Disposition: form-data", "; a=b", "\r\n\r\nv\r\n--b--"))
	add("disposition continuations", multipart, func(n int) string {
		return "--b\r\nContent-Disposition: form-data" + numbered("; name*%d=a")(n) + "\r\n\r\nv\r\n--b--"
	})
	add("almost boundaries", multipart, between("--b\r\n\r\n", "\r\n--", "\r\n--b--"))
	add("boundaries in lines", multipart, between("--b\r\n\r\n", "\r\n--bx", "\r\n--b--"))
	add("nested multipart", multipart, times("--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"))
	add("quoted-printable part", multipart, between("--b\r\nContent-Disposition: form-data; name=f\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n", "=41=\r\n", "\r\n--b--"))
	if typ == "email-lead" {
		for name, body := range mimeBodies {
			add("MIME: "+name, "message/rfc822", body)
		}
	}
	const csv = "text/csv"
	add("one line", csv, times("a"))
	add("columns", csv, times("a,"))
	add("columns of a table", csv, between("date,cost,currency", ",a", "\n2026-01-31,1,EUR\n"))
	add("empty columns", csv, between("date,cost,currency", ",", "\n"))
	add("wide rows", csv, between("date,cost,currency\n", "2026-01-31,1,EUR"+strings.Repeat(",", 5000)+"\n", ""))
	add("short rows", csv, between("date,cost,currency\n", "a\n", ""))
	add("rows", csv, between("date,source,cost,currency\n", "2026-01-31,x,1,EUR\n", ""))
	add("rows of many campaigns", csv, func(n int) string {
		return "date,source,campaign,cost,currency\n" + numbered("2026-01-31,x,c%d,1,EUR\n")(n)
	})
	add("blank lines", csv, times("\n"))
	add("quotes", csv, between("date,cost,currency\n", `"`, ""))
	add("quoted lines", csv, between("date,cost,currency\n\"", "\n", "\""))
	add("quotes in cells", csv, between("date,cost,currency\n", "a\"b\n", ""))
	add("UTF-16", csv, between("\xff\xfe", "d\x00\n\x00", ""))
	for what, text := range texts {
		for _, column := range []string{"date", "cost", "currency", "source", "campaign"} {
			if typ != "cost" {
				break
			}
			add(column+" of "+what, csv, func(n int) string { return costFile(column, text(n)) })
		}
		if typ != "form" && typ != "json" {
			continue
		}
		add("a form's message of "+what, form, func(n int) string { return "email=a%40b.example&message=" + url.QueryEscape(text(n)) })
		add("a form's name of "+what, form, func(n int) string { return "email=a%40b.example&" + url.QueryEscape(text(n)) + "=a" })
		add(what, "text/plain", text)
	}
	return all
}

// costFile is a file whose rows say text in one column, as often as fits
// beside the bound of lines.
func costFile(column, text string) string {
	const head = "date,cost,currency,source,campaign"
	cells := map[string]string{"date": "2026-01-31", "cost": "1", "currency": "EUR", "source": "x", "campaign": "c"}
	var b strings.Builder
	b.WriteString(head + "\n")
	for len(text) > 0 {
		part := text[:min(len(text), 4<<10)]
		text = text[len(part):]
		cells[column] = `"` + strings.ReplaceAll(part, `"`, `""`) + `"`
		for i, name := range strings.Split(head, ",") {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(cells[name])
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// headers are hostile in their headers or address.
func headers() (all []hostile) {
	add := func(name, field string, value func(n int) string) {
		all = append(all, hostile{
			name: "header " + field + ": " + name, header: textproto.MIMEHeader{field: nil},
			body: func(n int) []byte { return []byte(value(n)) },
		})
	}
	for _, field := range []string{"Authorization", "Content-Type", "Referer", "Origin", "Accept", "Webhook-Signature", "Url"} {
		for what, text := range texts {
			add(what, field, text)
		}
	}
	add("tokens", "Url", times("token=a&"))
	add("cookies", "Cookie", times("_fbc=fb.1.1769850000000.a; "))
	add("one cookie", "Cookie", between("_gcl_aw=GCL.1769850000", ".a", ""))
	add("pairs", "Cookie", times("a=b;"))
	add("semicolons", "Cookie", times(";"))
	add("signatures", "Webhook-Signature", times("v1,AAAA "))
	add("public signatures", "Webhook-Signature", times("v1a,AAAA "))
	add("parameters", "Content-Type", between("application/x-www-form-urlencoded", "; a=b", ""))
	add("a boundary", "Content-Type", between("multipart/form-data; boundary=", "b", ""))
	add("continuations", "Content-Type", func(n int) string { return "multipart/form-data" + numbered("; boundary*%d=b")(n) })
	add("letters of a token", "Authorization", between("Bearer eyJhbGciOiJIUzI1NiJ9.", "eyJ", ".AAAA"))
	add("a signature", "Webhook-Signature", between("v1,", "AAAA", ""))
	add("agents", "User-Agent", times("Mozilla/5.0 (a; b) "))
	add("addresses", "X-Forwarded-For", times("203.0.113.5, "))
	add("password", "Authorization", func(n int) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(times(":")(n)))
	})
	return all
}

// configOf is a configuration with which the type's frames are genuine.
func configOf(typ string) ingest.SourceConfig {
	config := ingest.SourceConfig{
		Name: "s", Type: typ, Workspace: "w", Secrets: []string{secret}, Currency: "USD", DefaultRegion: "US",
	}
	if typ == "aws-ses" {
		config.Options, config.Certificates = map[string]any{"topics": []string{snsTopic}}, snsCertificates{}
	}
	return config
}

var received = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// deliver makes a genuine delivery of a hostile body.
func (h hostile) deliver(typ string, n int) *ingest.Delivery {
	d := &ingest.Delivery{
		ID: "01JGTESTDELIVERY0000000000", Source: "s", ReceivedAt: received, RemoteAddr: "192.0.2.1", Method: "POST",
		URL: "https://leads.example.net/in/s", Header: textproto.MIMEHeader{"Content-Type": {"application/json"}},
	}
	for name, list := range h.header {
		d.Header[name] = list
	}
	hostileHeader := ""
	for name, list := range h.header {
		if list == nil {
			hostileHeader = name
		}
	}
	if hostileHeader == "" {
		d.Body = h.body(n)
	} else {
		frame, _ := marked(frames[typ], -1, "")
		if d.Body = []byte(frame); typ == "cost" {
			d.Body = []byte(costFile("campaign", "c"))
		}
		delete(d.Header, hostileHeader)
	}
	sign(d, typ)
	switch hostileHeader {
	case "":
	case "Url":
		d.URL += "?" + string(h.body(n))
	default:
		d.Header[hostileHeader] = []string{string(h.body(n))}
	}
	return d
}

// sign makes a delivery genuine; reshaped before where its sender posts no JSON.
func sign(d *ingest.Delivery, typ string) {
	if reshape, ok := shapers[typ]; ok {
		reshape(d)
	}
	sender.Sign(typ, d, secret)
}

// memory is a journal.
type memory struct{ record []byte }

func (m *memory) Append(_ context.Context, record []byte) error {
	m.record = record
	return nil
}

// cost sends a delivery the whole way and returns what that took.
func cost(t *testing.T, in *ingest.Intake, h hostile, n int) price {
	t.Helper()
	d := h.deliver(in.Config.Type, n)
	size := int64(len(d.Body) + len(d.URL))
	for _, list := range d.Header {
		for _, value := range list {
			size += int64(len(value))
		}
	}
	journal := &memory{}
	acceptor := ingest.NewAcceptor(map[string]*ingest.Intake{"s": in}, journal)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := processorTime(t)
	if _, err := acceptor.Accept(context.Background(), d); err != nil && len(err.Error()) > 64<<10 {
		t.Errorf("%s: an error of %d bytes", h.name, len(err.Error()))
	}
	if journal.record != nil {
		kept, err := ingest.ParseDelivery(journal.record)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = in.Decode(kept) // it may be refused; what it costs is asked
	}
	took := processorTime(t) - start
	runtime.ReadMemStats(&after)
	return price{size: size, bytes: int64(after.TotalAlloc - before.TotalAlloc), time: took}
}

// Nothing that can be sent costs much more than its size, and nothing costs
// more than in proportion to it.
func TestHostile(t *testing.T) { // not parallel: it counts what the process does
	reference := newPlain(t)
	for _, typ := range sources.Types() {
		t.Run(typ.Name, func(t *testing.T) {
			in, err := sources.New(configOf(typ.Name))
			if err != nil {
				t.Fatal(err)
			}
			all := slices.Concat(inFrames(typ.Name), whole(typ.Name), odd(), headers())
			_ = cost(t, in, all[0], small) // what is made once
			for i, h := range all {
				if i%stride != 0 {
					continue
				}
				send := func() price { return cost(t, in, h, large) }
				first := send()
				if worth := reference.times(first, maxTimes, send); worth > maxTimes {
					t.Errorf("%s: %d bytes take as long as %.0f plain forms", h.name, first.size, worth)
				}
				many, size := bounded(first, send)
				if many > limit(size) {
					t.Errorf("%s: %d bytes cost %d, %d times as much", h.name, size, many, many/size)
				}
				if many < 16*size {
					continue
				}
				few := cost(t, in, h, small)
				if growth := maxGrowth*few.bytes*size/(8*few.size) + pooled; few.size < size && many > growth {
					t.Errorf("%s: %d bytes cost %d, but %d bytes %d", h.name, few.size, few.bytes, size, many)
				}
			}
		})
	}
}

// The largest of what is usually sent.
func TestHostile_Megabytes(t *testing.T) {
	const n = 1 << 20
	reference := newPlain(t)
	for _, typ := range sources.Types() {
		t.Run(typ.Name, func(t *testing.T) {
			in, err := sources.New(configOf(typ.Name))
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range append(whole(typ.Name), odd()...) {
				if strings.Contains(h.name, " of ") || stride > 1 {
					continue // TestHostile has them all
				}
				send := func() price { return cost(t, in, h, n) }
				first := send()
				if worth := reference.times(first, maxTimes, send); worth > maxTimes {
					t.Errorf("%s: %d bytes take as long as %.0f plain forms", h.name, first.size, worth)
				}
				if spent, size := bounded(first, send); spent > limit(size) {
					t.Errorf("%s: %d bytes cost %d, %d times as much", h.name, size, spent, spent/size)
				}
			}
		})
	}
}

// The frames are genuine: what the tests above count is decoding, not refusing.
func TestHostile_FramesAreGenuine(t *testing.T) {
	for _, typ := range sources.Types() {
		in, err := sources.New(configOf(typ.Name))
		if err != nil {
			t.Fatal(err)
		}
		for name, frame := range frames {
			if name != typ.Name && !strings.HasPrefix(name, typ.Name+" ") {
				continue
			}
			body, _ := marked(frame, -1, "")
			h := hostile{body: func(int) []byte { return []byte(body) }}
			d := h.deliver(typ.Name, 0)
			if d.Header.Get("Content-Type") == "application/json" && !json.Valid(d.Body) {
				t.Fatalf("%s: not JSON", name)
			}
			if err := in.Verify(d); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if events, err := in.Decode(d); err != nil || len(events) == 0 {
				t.Errorf("%s: %d events, %v", name, len(events), err)
			}
		}
		if typ.Name == "cost" {
			h := hostile{header: textproto.MIMEHeader{"Content-Type": {"text/csv"}}, body: func(int) []byte { return []byte(costFile("source", "x")) }}
			if events, err := in.Decode(h.deliver("cost", 0)); err != nil || !bytes.Contains([]byte(events[0].Cost.Source), []byte("x")) {
				t.Errorf("cost: %v", err)
			}
		}
	}
}
