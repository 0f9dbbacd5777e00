package ads_test

import (
	"net/textproto"
	"strings"
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/ads"
)

// Both senders that may or may not sign take the same options.
func TestTimedOptions(t *testing.T) {
	t.Parallel()
	f := func(secrets []string, options map[string]any, want string) {
		t.Helper()
		for _, construct := range []func(ingest.SourceConfig) (ingest.Source, error){ads.NewTikTok, ads.NewSnapchat} {
			_, err := construct(ingest.SourceConfig{Secrets: secrets, Options: options})
			if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%v: want %q, got %v", options, want, err)
			}
		}
	}
	key := []string{"k"}
	f(nil, nil, "insecure: true")
	f(nil, map[string]any{"insecure": true}, "")
	f(nil, map[string]any{"insecure": true, "signature": "required"}, "options.signature")
	f(key, map[string]any{"signature": "required"}, "")
	f(key, map[string]any{"signature": "never"}, `got "never"`)
	f(key, map[string]any{"tolerance": "72h"}, "")
	f(key, map[string]any{"tolerance": "0s"}, "options.tolerance")
	f(key, map[string]any{"tolerance": "soon"}, "options.tolerance")
	f(key, map[string]any{"allow_ips": []string{"x"}}, "options.allow_ips[0]")
	f(key, map[string]any{"fields": map[string]string{"nothing": "x"}}, "options: fields")
}

// Who takes deliveries from anybody cannot check a signature.
func TestTimed_Insecure(t *testing.T) {
	t.Parallel()
	source, err := ads.NewTikTok(ingest.SourceConfig{Options: map[string]any{"insecure": true, "allow_ips": []string{"192.0.2.0/24"}}})
	if err != nil {
		t.Fatal(err)
	}
	d := &ingest.Delivery{URL: "https://leads.example.net/in/tiktok", Header: textproto.MIMEHeader{"Tiktok-Signature": {"t=1,s=00"}}}
	for address, want := range map[string]bool{"192.0.2.7": true, "198.51.100.7": false} {
		d.RemoteAddr = address
		if err := source.Verify(d); (err == nil) != want {
			t.Errorf("from %s: %v", address, err)
		}
	}
}
