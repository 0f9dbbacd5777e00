package forms_test

import (
	"strings"
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/forms"
	"github.com/leadgate/leadgate/sources/sourcetest"
)

func service(name string, construct func(ingest.SourceConfig) (ingest.Source, error), secrets ...string) sourcetest.Options {
	return sourcetest.Options{
		New:    construct,
		Config: ingest.SourceConfig{DefaultRegion: "US", Secrets: secrets},
		Dir:    "testdata/" + name,
		Signed: true,
	}
}

func netlify() sourcetest.Options {
	o := service("netlify", forms.NewNetlify, "netlify-own-former-secret", "netlify-own-jws-secret")
	o.Headers = []string{"X-Webhook-Signature"}
	return o
}

func formspree() sourcetest.Options {
	o := service("formspree", forms.NewFormspree, "formspree-own-former-secret", "formspree-own-secret")
	o.Headers, o.Timed = []string{"Formspree-Signature"}, true
	return o
}

func tally() sourcetest.Options {
	o := service("tally", forms.NewTally, "tally-own-former-secret", "tally-own-secret")
	o.Headers = []string{"Tally-Signature"}
	return o
}

func jotform() sourcetest.Options {
	o := service("jotform", forms.NewJotform, "jotform-own-former-token", "jotform-own-token")
	o.Signed = false
	return o
}

// webflow has cases of both kinds of hooks; what only the signed kind refuses is
// in TestWebflow_Vectors and in the cases named refused-.
func webflow() sourcetest.Options {
	o := service("webflow", forms.NewWebflow, "webflow-own-former-secret", "webflow-own-secret")
	o.Signed = false
	return o
}

func webflowSigned() sourcetest.Options {
	o := service("webflow-signed", forms.NewWebflow, "webflow-own-former-secret", "webflow-own-secret")
	o.Headers, o.Timed = []string{"X-Webflow-Signature", "X-Webflow-Timestamp"}, true
	return o
}

func calendly() sourcetest.Options {
	o := service("calendly", forms.NewCalendly, "calendly-own-former-key", "calendly-own-signing-key")
	o.Headers, o.Timed = []string{"Calendly-Webhook-Signature"}, true
	return o
}

func hubspot() sourcetest.Options {
	return service("hubspot", forms.NewHubSpot, "hubspot-own-former-secret", "hubspot-own-client-secret")
}

func hubspotV3() sourcetest.Options {
	o := hubspot()
	o.Dir = "testdata/hubspot-v3"
	o.Headers, o.Timed = []string{"X-HubSpot-Signature-v3", "X-HubSpot-Request-Timestamp"}, true
	return o
}

func TestNetlify(t *testing.T)       { sourcetest.Run(t, netlify()) }
func TestFormspree(t *testing.T)     { sourcetest.Run(t, formspree()) }
func TestTally(t *testing.T)         { sourcetest.Run(t, tally()) }
func TestJotform(t *testing.T)       { sourcetest.Run(t, jotform()) }
func TestWebflow(t *testing.T)       { sourcetest.Run(t, webflow()) }
func TestWebflowSigned(t *testing.T) { sourcetest.Run(t, webflowSigned()) }
func TestCalendly(t *testing.T)      { sourcetest.Run(t, calendly()) }
func TestHubSpot(t *testing.T)       { sourcetest.Run(t, hubspot()) }
func TestHubSpotV3(t *testing.T)     { sourcetest.Run(t, hubspotV3()) }

// Published and computed signatures, good ones and bad ones.
func TestServices_Vectors(t *testing.T) {
	t.Parallel()
	for name, construct := range map[string]func(ingest.SourceConfig) (ingest.Source, error){
		"netlify": forms.NewNetlify, "formspree": forms.NewFormspree, "tally": forms.NewTally, "webflow": forms.NewWebflow,
		"calendly": forms.NewCalendly, "hubspot": forms.NewHubSpot,
	} {
		sourcetest.Vectors(t, construct, "testdata/"+name+"/vectors.json")
	}
}

func TestNewServices_Refuse(t *testing.T) {
	t.Parallel()
	f := func(construct func(ingest.SourceConfig) (ingest.Source, error), key string, value any, names string) {
		t.Helper()
		config := ingest.SourceConfig{Secrets: []string{"own-secret"}, Options: map[string]any{key: value}}
		if _, err := construct(config); err == nil || !strings.Contains(err.Error(), names) {
			t.Errorf("%s: %v: got %v, want an error that names %s", key, value, err, names)
		}
	}
	for _, construct := range []func(ingest.SourceConfig) (ingest.Source, error){
		forms.NewFormspree, forms.NewWebflow, forms.NewCalendly, forms.NewHubSpot,
	} {
		f(construct, "tolerance", "a while", "tolerance")
		f(construct, "tolerance", "0s", "tolerance")
		f(construct, "fields", map[string]any{"emial": "x"}, "emial")
	}
	f(forms.NewNetlify, "tolerance", "5m", "tolerance")
	f(forms.NewTally, "fields", map[string]any{"email": ""}, "email")
	f(forms.NewJotform, "allow_ips", []string{"everywhere"}, "allow_ips")
	f(forms.NewWebflow, "insecure", true, "unsigned")
	f(forms.NewWebflow, "allow_ips", []string{"192.0.2.0/24"}, "unsigned")
}

// Without a secret only these two words open a Webflow source to anybody.
func TestNewWebflow_Open(t *testing.T) {
	t.Parallel()
	f := func(want bool, options map[string]any) {
		t.Helper()
		if _, err := forms.NewWebflow(ingest.SourceConfig{Options: options}); (err == nil) != want {
			t.Errorf("%v: %v", options, err)
		}
	}
	f(false, nil)
	f(false, map[string]any{"unsigned": true})
	f(false, map[string]any{"insecure": true})
	f(true, map[string]any{"unsigned": true, "insecure": true})
}

// After a 401 HubSpot does not try again; every other answer is the door's own.
func TestHubSpot_Refuse(t *testing.T) {
	t.Parallel()
	source, err := forms.NewHubSpot(ingest.SourceConfig{Secrets: []string{"own-secret"}})
	if err != nil {
		t.Fatal(err)
	}
	refuser := source.(ingest.Refuser)
	answer, ok := refuser.Refuse(ingest.Refusal{Status: 401, Code: "unverified", Message: "check the secret"})
	if !ok || answer.Status != 503 || string(answer.Body) != `{"error":{"code":"unverified","message":"check the secret"}}` {
		t.Errorf("unverified: %v %+v", ok, answer)
	}
	for _, code := range []string{"rate_limited", "not_kept", "too_large", "malformed"} {
		if answer, ok := refuser.Refuse(ingest.Refusal{Status: 503, Code: code}); ok {
			t.Errorf("%s: %+v", code, answer)
		}
	}
}

// A contact is asked for by what its notification says, with every digit.
func TestHubSpot_Reference(t *testing.T) {
	t.Parallel()
	source, err := forms.NewHubSpot(ingest.SourceConfig{Secrets: []string{"own-secret"}})
	if err != nil {
		t.Fatal(err)
	}
	d, err := sourcetest.Read("testdata/hubspot/batch-of-several/request.http")
	if err != nil {
		t.Fatal(err)
	}
	events, err := source.Decode(d)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"11", "9007199254740993", "14"}
	if len(events) != len(want) {
		t.Fatalf("%d events", len(events))
	}
	for i, e := range events {
		r := e.Fetch
		if r == nil || r.Kind != forms.HubSpotContact || r.ID != want[i] || r.Args["portal"] != "700100" ||
			e.Key != "700100:"+want[i] || !e.Mutable || e.Version != ingest.AnnouncedVersion {
			t.Errorf("%d: %+v asks for %+v", i, e, r)
		}
	}
}

func FuzzNetlify(f *testing.F)   { sourcetest.Fuzz(f, netlify()) }
func FuzzFormspree(f *testing.F) { sourcetest.Fuzz(f, formspree()) }
func FuzzTally(f *testing.F)     { sourcetest.Fuzz(f, tally()) }
func FuzzJotform(f *testing.F)   { sourcetest.Fuzz(f, jotform()) }
func FuzzWebflow(f *testing.F)   { sourcetest.Fuzz(f, webflow()) }
func FuzzCalendly(f *testing.F)  { sourcetest.Fuzz(f, calendly()) }
func FuzzHubSpot(f *testing.F)   { sourcetest.Fuzz(f, hubspot()) }

func BenchmarkNetlify(b *testing.B)         { sourcetest.Bench(b, netlify(), "submission") }
func BenchmarkFormspree(b *testing.B)       { sourcetest.Bench(b, formspree(), "submission") }
func BenchmarkTally(b *testing.B)           { sourcetest.Bench(b, tally(), "response") }
func BenchmarkJotform(b *testing.B)         { sourcetest.Bench(b, jotform(), "submission") }
func BenchmarkWebflow(b *testing.B)         { sourcetest.Bench(b, webflow(), "submission") }
func BenchmarkCalendly(b *testing.B)        { sourcetest.Bench(b, calendly(), "invitee") }
func BenchmarkHubSpot(b *testing.B)         { sourcetest.Bench(b, hubspot(), "batch") }
func BenchmarkHubSpotWorkflow(b *testing.B) { sourcetest.Bench(b, hubspot(), "workflow") }
