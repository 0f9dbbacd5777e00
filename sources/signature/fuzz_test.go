package signature_test

import (
	"encoding/json"
	"errors"
	"net/textproto"
	"os"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/signature"
)

// Nobody who does not know the secret is taken for the sender, whatever the
// headers say, and every refusal is ErrUnverified.
func FuzzVerify(f *testing.F) {
	var vectors []struct {
		URL, Body string
		Headers   map[string]string
	}
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		f.Fatal(err)
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		f.Fatal(err)
	}
	for _, v := range vectors {
		h := textproto.MIMEHeader{}
		for name, value := range v.Headers {
			h.Set(name, value)
		}
		f.Add(v.URL, h.Get("Authorization"), h.Get("Webhook-Id"), h.Get("Webhook-Timestamp"), h.Get("Webhook-Signature"), []byte(v.Body))
	}
	f.Add("https://a/in/s?token=a&key=b", "Basic YTpi", "m", "1769850000", "v1,AAAA v1a,AAAA v2,x", []byte("x"))
	f.Add("?%zz=1&token=%zz", "Bearer ", "m", "-1", "v1,", []byte(nil))
	const secret = "0f2d1c5b8a9e4736aa01bb02cc03dd04"
	keys, err := signature.ParseStandardKeys([]string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, url, authorization, id, timestamp, signatures string, body []byte) {
		d := &ingest.Delivery{
			URL: url, Body: body, ReceivedAt: time.Unix(1769850000, 0),
			Header: textproto.MIMEHeader{
				"Authorization": {authorization}, "Webhook-Id": {id}, "Webhook-Timestamp": {timestamp},
				"Webhook-Signature": {signatures},
			},
		}
		for name, err := range map[string]error{
			"token": signature.Token(d, []string{secret}), "no secret": signature.Token(d, nil),
			"empty secret": signature.Token(d, []string{""}), "standard": keys.Verify(d, 5*time.Minute),
			"no keys": new(signature.StandardKeys).Verify(d, 5*time.Minute),
		} {
			if !errors.Is(err, ingest.ErrUnverified) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, read := range []func(string) ([]byte, error){signature.Hex, signature.Base64, signature.Base64Line} {
			if b, err := read(signatures); err == nil && len(b) == 0 {
				t.Error("an empty signature was read")
			}
		}
		for name, values := range signature.Elements(signatures) {
			if len(values) == 0 {
				t.Errorf("element %q without a value", name)
			}
		}
	})
}
