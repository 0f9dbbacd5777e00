package sources_test

import (
	"strings"
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources"
)

// secret suits every type: Standard Webhooks wants base64.
const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// open are the types that pages post to, which cannot keep a secret.
var open = map[string]bool{"form": true, "click": true}

// certified are the types whose sender signs with a certificate of its own.
var certified = map[string]bool{"aws-ses": true}

func TestTypes(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, typ := range sources.Types() {
		if seen[typ.Name] {
			t.Errorf("%s is registered twice", typ.Name)
		}
		seen[typ.Name] = true
		if typ.About == "" || typ.Verified == "" || typ.Kind == "" {
			t.Errorf("%s is not described", typ.Name)
		}
		config := configOf(typ.Name)
		in, err := sources.New(config)
		if err != nil {
			t.Errorf("%s: %v", typ.Name, err)
			continue
		}
		if in.FirstParty != typ.FirstParty || in.Config.Location == nil || in.Config.Name != "s" {
			t.Errorf("%s: the intake does not say what the type does: %+v", typ.Name, in)
		}
		config.Secrets = nil
		if _, err := sources.New(config); (err == nil) != (open[typ.Name] || certified[typ.Name]) {
			t.Errorf("%s without secrets: %v", typ.Name, err)
		}
		config.Secrets, config.Options = []string{secret}, map[string]any{"no_such_option": 1}
		if _, err := sources.New(config); err == nil || !strings.Contains(err.Error(), "no_such_option") {
			t.Errorf("%s takes an unknown option: %v", typ.Name, err)
		}
	}
	sources.Types()[0].Name = "changed"
	if _, ok := sources.Lookup("changed"); ok {
		t.Error("the registry can be changed from outside")
	}
}

func TestNew_UnknownType(t *testing.T) {
	t.Parallel()
	_, err := sources.New(ingest.SourceConfig{Type: "typeforms"})
	if err == nil || !strings.Contains(err.Error(), "typeform,") && !strings.Contains(err.Error(), "typeform)") ||
		!strings.Contains(err.Error(), `got "typeforms"`) {
		t.Errorf("the error does not help: %v", err)
	}
}
