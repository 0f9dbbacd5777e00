package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// requests makes requests of one kind, about 1 kB each (a beacon is larger), that
// differ in their id and have one length. Each worker has its own.
type requests struct {
	text   []byte
	ids    []int // where the id stands
	phones []int // where the phone number's last digits stand
	sign   func(text []byte)
	each   int // events in one request
	body   int // where the body begins
}

// kind names a kind of request.
type kind string

// The kinds of load.
const (
	jsonForm kind = "JSON form"
	htmlForm kind = "urlencoded form"
	webhook  kind = "signed webhook"
	beacon   kind = "tag beacon"
	otlpLog  kind = "OTLP log" // a JSON form as the body of one log record
)

// idDigits is the width of an id; idMark stands for it in a template.
const (
	idDigits = 16
	idMark   = "@@@@@@@@@@@@@@@@"
	// So that every lead is somebody else: one phone number would make them all
	// duplicates of the first.
	phoneDigits = 7
	phoneMark   = "#######"
)

// hookKey is the key of the webhooks' HMAC, as Standard Webhooks writes it.
const hookKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

var filler = strings.Repeat("We would like to have the roof of our house looked at. ", 8)

func newRequests(k kind, path, host string) *requests {
	contentType, body, header, each := "application/json", "", "", 1
	lead := fmt.Sprintf(`"id":"%s","name":"Bench Person","email":"p%s@example.com","phone":"+1512%s","message":"%s",`+
		`"page_url":"https://www.example.com/offer?utm_source=google&utm_medium=cpc&utm_campaign=winter&gclid=Cj0KCQ%s"`,
		idMark, idMark, phoneMark, filler, idMark)
	switch k {
	case jsonForm, otlpLog:
		body = "{" + lead + `,"visitor_id":"v` + idMark + `","service":"roof","budget":"10000-20000"}`
		if k == otlpLog {
			body = fmt.Sprintf(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"%d","body":{"stringValue":%q}}]}]}]}`,
				time.Now().UnixNano(), body)
		}
	case htmlForm:
		contentType = "application/x-www-form-urlencoded"
		body = fmt.Sprintf("id=%s&name=Bench+Person&email=p%s%%40example.com&phone=%%2B1512%s&message=%s&visitor_id=v%s&"+
			"page_url=https%%3A%%2F%%2Fwww.example.com%%2Foffer%%3Futm_source%%3Dgoogle%%26gclid%%3DCj0KCQ%s&service=roof",
			idMark, idMark, phoneMark, strings.ReplaceAll(filler, " ", "+"), idMark, idMark)
	case webhook:
		body = `{"type":"lead.created","data":{` + lead + `}}`
		header = "webhook-id: msg_" + idMark + "\r\nwebhook-timestamp: " + strconv.FormatInt(time.Now().Unix(), 10) +
			"\r\nwebhook-signature: v1," + strings.Repeat("A", 44) + "\r\n"
	case beacon:
		each = 10
		touches := make([]string, each)
		for i := range touches {
			touches[i] = fmt.Sprintf(`{"id":"%s-%d","visitor_id":"v%s","url":"https://www.example.com/page/%d?utm_source=google&utm_medium=cpc&gclid=Cj0%s",`+
				`"referrer":"https://www.google.com/"}`, idMark, i, idMark, i, idMark)
		}
		body = "[" + strings.Join(touches, ",") + "]"
	}
	text := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: leadgate-bench\r\nAccept: application/json\r\n"+
		"Content-Type: %s\r\n%sContent-Length: %d\r\n\r\n%s", path, host, contentType, header, len(body), body)
	r := &requests{text: []byte(text), body: len(text) - len(body), each: each, ids: places(text, idMark), phones: places(text, phoneMark)}
	if k == webhook {
		r.sign = signer(text, len(body))
	}
	return r
}

// places tells where mark stands in text.
func places(text, mark string) (at []int) {
	for from := 0; ; {
		i := strings.Index(text[from:], mark)
		if i < 0 {
			return at
		}
		at = append(at, from+i)
		from += i + len(mark)
	}
}

// signer returns what puts the signature of a request where it belongs.
func signer(text string, bodyBytes int) func([]byte) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(hookKey, "whsec_"))
	if err != nil {
		panic(err) // our own literal
	}
	mac := hmac.New(sha256.New, key)
	span := func(after string, n int) [2]int {
		i := strings.Index(text, after) + len(after)
		return [2]int{i, i + n}
	}
	id, at, sig := span("webhook-id: ", len("msg_")+idDigits), span("webhook-timestamp: ", 10), span("webhook-signature: v1,", 44)
	var sum [sha256.Size]byte
	return func(text []byte) {
		mac.Reset()
		mac.Write(text[id[0]:id[1]])
		mac.Write([]byte("."))
		mac.Write(text[at[0]:at[1]])
		mac.Write([]byte("."))
		mac.Write(text[len(text)-bodyBytes:])
		base64.StdEncoding.Encode(text[sig[0]:sig[1]], mac.Sum(sum[:0]))
	}
}

// next returns the request of that id. It is valid until the next call.
func (r *requests) next(id uint64) []byte {
	var digits [idDigits]byte
	writeID(&digits, id)
	for _, at := range r.ids {
		copy(r.text[at:], digits[:])
	}
	// Numbers in area code 512 begin with 2 to 9.
	number := 2_000_000 + id%8_000_000
	for i := phoneDigits - 1; i >= 0; i-- {
		digits[i] = '0' + byte(number%10)
		number /= 10
	}
	for _, at := range r.phones {
		copy(r.text[at:], digits[:phoneDigits])
	}
	if r.sign != nil {
		r.sign(r.text)
	}
	return r.text
}

func writeID(digits *[idDigits]byte, id uint64) {
	const hex = "0123456789abcdef"
	for i := idDigits - 1; i >= 0; i-- {
		digits[i] = hex[id&15]
		id >>= 4
	}
}
