// Package sender signs deliveries as their senders do: what the tests and the
// demonstration send is as genuine as the real thing.
//
// Its law: nothing that takes deliveries in imports it.
package sender

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/leadgate/leadgate/ingest"
)

// Sign makes a delivery of the type genuine: sent at its ReceivedAt to its URL,
// with the secret as it is configured. Types that are not signed get the secret
// as a bearer token; google-ads and vk carry it in the body, which is the
// caller's. It may change header, URL and body.
func Sign(typ string, d *ingest.Delivery, secret string) {
	if sign, ok := signers[typ]; ok {
		sign(d, secret)
		return
	}
	d.Header.Set("Authorization", "Bearer "+secret)
}

var signers = map[string]func(d *ingest.Delivery, secret string){
	"google-ads": inBody, "vk": inBody,
	"typeform":     header("Typeform-Signature", "sha256=", sha256.New, base64.StdEncoding.EncodeToString),
	"tally":        header("Tally-Signature", "", sha256.New, base64.StdEncoding.EncodeToString),
	"meta":         header("X-Hub-Signature-256", "sha256=", sha256.New, hex.EncodeToString),
	"github-style": header("X-Hub-Signature-256", "sha256=", sha256.New, hex.EncodeToString),
	"callrail":     header("Signature", "", sha1.New, base64.StdEncoding.EncodeToString),
	"formspree":    stamped("Formspree-Signature"),
	"calendly":     stamped("Calendly-Webhook-Signature"),

	"netlify": netlify, "webflow": webflow, "hubspot": hubspot, "linkedin": linkedin, "twilio": twilio,
	"calltrackingmetrics": callTrackingMetrics, "mango-office": mango, "mailgun": mailgun,
	"standard-webhooks": standardWebhooks,
}

func inBody(*ingest.Delivery, string) {}

func mac(hash func() hash.Hash, secret string, parts ...string) []byte {
	h := hmac.New(hash, []byte(secret))
	for _, part := range parts {
		h.Write([]byte(part))
	}
	return h.Sum(nil)
}

// header is an HMAC of the body in a header.
func header(name, prefix string, hash func() hash.Hash, encode func([]byte) string) func(*ingest.Delivery, string) {
	return func(d *ingest.Delivery, secret string) {
		d.Header.Set(name, prefix+encode(mac(hash, secret, string(d.Body))))
	}
}

// stamped is "t=…,v1=…" over the time and the body.
func stamped(name string) func(*ingest.Delivery, string) {
	return func(d *ingest.Delivery, secret string) {
		at := seconds(d)
		d.Header.Set(name, "t="+at+",v1="+hex.EncodeToString(mac(sha256.New, secret, at, ".", string(d.Body))))
	}
}

func seconds(d *ingest.Delivery) string { return strconv.FormatInt(d.ReceivedAt.Unix(), 10) }
func millis(d *ingest.Delivery) string  { return strconv.FormatInt(d.ReceivedAt.UnixMilli(), 10) }

func netlify(d *ingest.Delivery, secret string) {
	sum := sha256.Sum256(d.Body)
	part := base64.RawURLEncoding.EncodeToString
	token := part([]byte(`{"alg":"HS256"}`)) + "." + part([]byte(`{"iss":"netlify","sha256":"`+hex.EncodeToString(sum[:])+`"}`))
	d.Header.Set("X-Webhook-Signature", token+"."+part(mac(sha256.New, secret, token)))
}

func webflow(d *ingest.Delivery, secret string) {
	d.Header.Set("X-Webflow-Timestamp", millis(d))
	d.Header.Set("X-Webflow-Signature", hex.EncodeToString(mac(sha256.New, secret, millis(d), ":", string(d.Body))))
}

func hubspot(d *ingest.Delivery, secret string) {
	d.Header.Set("X-Hubspot-Request-Timestamp", millis(d))
	d.Header.Set("X-Hubspot-Signature-V3",
		base64.StdEncoding.EncodeToString(mac(sha256.New, secret, d.Method, d.URL, string(d.Body), millis(d))))
}

func linkedin(d *ingest.Delivery, secret string) {
	d.Header.Set("X-Li-Signature", hex.EncodeToString(mac(sha256.New, secret, "hmacsha256=", string(d.Body))))
}

// twilio signs a form's fields, and of any other body the digest in the URL.
func twilio(d *ingest.Delivery, secret string) {
	signed := []string{d.URL}
	form, err := url.ParseQuery(string(d.Body))
	if err == nil && strings.HasPrefix(d.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		names := make([]string, 0, len(form))
		for name := range form {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			slices.Sort(form[name])
			for _, value := range slices.Compact(form[name]) {
				signed = append(signed, name, value)
			}
		}
	} else {
		digest := sha256.Sum256(d.Body)
		d.URL += "?bodySHA256=" + hex.EncodeToString(digest[:])
		signed[0] = d.URL
	}
	d.Header.Set("X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac(sha1.New, secret, signed...)))
}

func callTrackingMetrics(d *ingest.Delivery, secret string) {
	d.Header.Set("X-Ctm-Time", seconds(d))
	d.Header.Set("X-Ctm-Signature", base64.StdEncoding.EncodeToString(mac(sha1.New, secret, seconds(d), string(d.Body))))
}

// mango puts the body, a JSON text, into Mango's form. The secret is key:salt, or
// the salt of the key "key".
func mango(d *ingest.Delivery, secret string) {
	key, salt, ok := strings.Cut(secret, ":")
	if !ok {
		key, salt = "key", secret
	}
	digest := sha256.Sum256([]byte(key + string(d.Body) + salt))
	d.Body = []byte("vpbx_api_key=" + url.QueryEscape(key) + "&sign=" + hex.EncodeToString(digest[:]) + "&json=" + url.QueryEscape(string(d.Body)))
	d.Header.Set("Content-Type", "application/x-www-form-urlencoded")
}

// mailgun adds the three fields of the signature to the form in the body; the
// token is told by the delivery's id.
func mailgun(d *ingest.Delivery, secret string) {
	sum := sha256.Sum256([]byte(d.ID))
	token := hex.EncodeToString(sum[:25])
	d.Body = append(d.Body, "&timestamp="+seconds(d)+"&token="+token+
		"&signature="+hex.EncodeToString(mac(sha256.New, secret, seconds(d), token))...)
}

func standardWebhooks(d *ingest.Delivery, secret string) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		panic("sender: a secret of Standard Webhooks is base64: " + err.Error())
	}
	id := d.Header.Get("Webhook-Id")
	if id == "" {
		id = "m"
		d.Header.Set("Webhook-Id", id)
	}
	d.Header.Set("Webhook-Timestamp", seconds(d))
	d.Header.Set("Webhook-Signature",
		"v1,"+base64.StdEncoding.EncodeToString(mac(sha256.New, string(key), id, ".", seconds(d), ".", string(d.Body))))
}
