package sources_test

import (
	"strings"
	"testing"

	"github.com/leadgate/leadgate/sources"
)

// What the table says is fetched, there is something that fetches.
func TestTypes_Fetched(t *testing.T) {
	t.Parallel()
	fetched := 0
	for _, typ := range sources.Types() {
		config := configOf(typ.Name)
		in, err := sources.New(config)
		if err != nil {
			t.Errorf("%s: %v", typ.Name, err)
			continue
		}
		if (in.Fetcher != nil) != (typ.Fetched != "") && typ.Name != "aws-ses" { // its certificate is asked for by others
			t.Errorf("%s: the table says %q is fetched", typ.Name, typ.Fetched)
		}
		if in.Fetcher != nil {
			fetched++
			plan := in.Fetcher.FetchPlan()
			for _, origin := range plan.Origins {
				if !strings.HasPrefix(origin, "https://") {
					t.Errorf("%s is asked without TLS: %s", typ.Name, origin)
				}
			}
			if len(plan.Origins) != 1 || plan.GiveUpAfter == 0 {
				t.Errorf("%s: %+v", typ.Name, plan)
			}
		}
		config.Credentials = map[string]string{"no_such_credential": "open sesame"}
		if _, err := sources.New(config); err == nil || !strings.Contains(err.Error(), "no_such_credential") || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s takes an unknown credential: %v", typ.Name, err)
		}
	}
	if fetched < 4 {
		t.Errorf("only %d types fetch", fetched)
	}
}
