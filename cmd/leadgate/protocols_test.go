package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

const mailConfig = `sources:
  - {name: gun, type: mailgun, secrets: [own-signing-key]}
  - {name: cloud, type: cloudmailin, secrets: ["hook:own-password"]}
  - {name: ses, type: aws-ses, options: {topics: ["arn:aws:sns:eu-west-1:111122223333:leads"]}}
  - {name: ses2, type: aws-ses, secrets: [own-password], options: {topics: ["arn:aws:sns:eu-west-1:111122223333:leads"]}}
`

func mailgunMail(id, text string) string {
	at, token := strconv.FormatInt(time.Now().Unix(), 10), strings.Repeat("t", 50)
	mac := hmac.New(sha256.New, []byte("own-signing-key"))
	mac.Write([]byte(at + token))
	return url.Values{
		"recipient": {"leads@in.example.net"}, "sender": {"kim@example.com"}, "from": {"Kim Lee <kim@example.com>"},
		"subject": {"Roof"}, "body-plain": {text}, "Message-Id": {"<" + id + "@example.com>"},
		"timestamp": {at}, "token": {token}, "signature": {hex.EncodeToString(mac.Sum(nil))},
	}.Encode()
}

// What mail providers make of a status, and what goes on beside the door, from
// the configuration to the store.
func TestIntegration_MailProtocols(t *testing.T) {
	t.Parallel()
	p := serve(t, t.TempDir(), mailConfig)
	const form = "Content-Type: application/x-www-form-urlencoded"
	// A token is good once, whatever is written under it.
	first := mailgunMail("own-1", "Hello")
	p.post(http.StatusOK, "/in/gun", first, form)
	p.post(http.StatusNotAcceptable, "/in/gun", first, form)
	p.post(http.StatusNotAcceptable, "/in/gun", strings.Replace(first, "Hello", "Changed", 1)+"&Message-Id=other", form)
	p.post(http.StatusUnauthorized, "/in/gun", strings.Replace(first, "signature=", "signature=00", 1), form)
	// A customer's mail is delayed, never bounced.
	p.post(http.StatusServiceUnavailable, "/in/cloud", `{"headers":{"from":"kim@example.com"}}`, jsonHeader)
	p.post(http.StatusOK, "/in/cloud", `{"headers":{"from":"Pat <pat@example.com>","message_id":"<own-2@example.com>"},"plain":"Hello"}`,
		jsonHeader+"\nAuthorization: Basic aG9vazpvd24tcGFzc3dvcmQ=")
	// SNS: another topic is refused; a certificate that cannot be had is not the
	// sender's fault; a password is asked for.
	message := `{"Type":"Notification","MessageId":"m","TopicArn":"arn:aws:sns:eu-west-1:111122223333:TOPIC","Message":"{}","SignatureVersion":"2",
		"Signature":"AAAA","SigningCertURL":"https://sns.eu-west-1.amazonaws.com/x.pem"}`
	const plain = "Content-Type: text/plain; charset=UTF-8"
	for _, topic := range []string{"others", "leads"} {
		p.post(http.StatusServiceUnavailable, "/in/ses", strings.Replace(message, "TOPIC", topic, 1), plain)
	}
	p.post(http.StatusUnauthorized, "/in/ses2", message, plain)
	_, metrics, err := p.admin("/metrics")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range []string{"replayed", "unverified", "unavailable"} {
		if !strings.Contains(metrics, `="`+code+`"`) {
			t.Errorf("no answer is counted as %s", code)
		}
	}
	p.counted()
	if got := p.sql("SELECT source, external_id, verdict FROM leads ORDER BY source"); got != "cloud\town-2@example.com\tunique\ngun\town-1@example.com\tunique" {
		t.Errorf("leads:\n%s", got)
	}
	if got := p.sql("SELECT count() FROM deliveries"); got != "2" {
		t.Errorf("%s deliveries", got)
	}
}
