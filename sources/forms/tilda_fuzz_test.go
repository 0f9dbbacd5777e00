package forms_test

import (
	"bytes"
	"maps"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/forms"
)

// Whatever is sent, it means the same after the secrets are out of it.
func FuzzTilda_Redact(f *testing.F) {
	for _, body := range []string{
		"Email=ivan%40example.com&COOKIES=PHPSESSID%3Dx%3B+TILDAUTM%3Dutm_source%253Dyandex%257C%257C%257Cutm_medium%253Dcpc&api=k",
		"cookies=_fbc%3Dfb.1.1767614403123.IwAR0Own&Email=a%40b.example&COOKIES=_gcl_aw%3DGCL.1767614403.x&&=&tranid=1:2",
		"Email=a%40b.example&TILDAUTM=utm_source%3Dx&TILDAUTM=y", "COOKIES", "api=%zz", "Email=a%40b.example&_charset_=gbk",
	} {
		f.Add(false, body)
	}
	f.Add(true, `{"Email":"a@b.example","COOKIES":["TILDAUTM=utm_source%3Dx","_gac_x=1.1767614403.y"],"api":"k","x":{"y":["1","2"]}}`)
	source, err := forms.NewTilda(ingest.SourceConfig{
		Secrets: []string{"tilda-own-secret"}, Options: map[string]any{"api_key_field": "api"},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, isJSON bool, body string) {
		media := "application/x-www-form-urlencoded"
		if isJSON {
			media = "application/json"
		}
		d := posted(media, body)
		before, err := source.Decode(d)
		redacted := *d
		redacted.Header, redacted.Body = maps.Clone(d.Header), bytes.Clone(d.Body)
		source.(ingest.Redactor).Redact(&redacted)
		values, _ := url.ParseQuery(string(redacted.Body)) // as far as it can be read
		for name := range values {
			if strings.EqualFold(name, "COOKIES") || name == "api" {
				t.Errorf("%s is kept: %q", name, redacted.Body)
			}
		}
		if err != nil {
			return
		}
		after, err := source.Decode(&redacted)
		if err != nil || !reflect.DeepEqual(before, after) {
			t.Errorf("%q means\n%+v, redacted %q\n%+v (%v)", body, before[0].Lead, redacted.Body, after, err)
		}
	})
}
