package calls_test

import (
	"strings"
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/calls"
)

// constructors are all types of the room, by whether their sender tells who
// calls for the first time.
var constructors = map[string]struct {
	construct func(ingest.SourceConfig) (ingest.Source, error)
	first     bool
}{
	"callrail": {calls.NewCallRail, true}, "twilio": {calls.NewTwilio, false},
	"calltrackingmetrics": {calls.NewCallTrackingMetrics, true}, "whatconverts": {calls.NewWhatConverts, true},
	"invoca": {calls.NewInvoca, true}, "ringba": {calls.NewRingba, true}, "calltouch": {calls.NewCalltouch, true},
	"uis-comagic": {calls.NewUISCoMagic, true}, "mango-office": {calls.NewMangoOffice, false},
}

// Every type has the rule's options, and checks them.
func TestRule_Options(t *testing.T) {
	t.Parallel()
	for name, typ := range constructors {
		f := func(good bool, options map[string]any) {
			t.Helper()
			config := ingest.SourceConfig{Secrets: []string{"own-secret"}, Location: moscow(), Options: options}
			_, err := typ.construct(config)
			if (err == nil) != good {
				t.Errorf("%s: %v: %v", name, options, err)
			}
			for option := range options {
				if err != nil && !strings.Contains(err.Error(), option) {
					t.Errorf("%s: %v: the error does not name the option: %v", name, options, err)
				}
			}
		}
		f(true, map[string]any{"min_duration": 30, "answered_only": true, "outbound": true})
		f(false, map[string]any{"min_duration": -1})
		f(false, map[string]any{"min_durations": 1})
		f(typ.first, map[string]any{"first_time_only": true})
	}
}

// The types whose user composes what is sent take names, and check them.
func TestFields_Options(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"invoca", "ringba", "calltouch", "uis-comagic"} {
		f := func(good bool, mapping map[string]any) {
			t.Helper()
			_, err := constructors[name].construct(ingest.SourceConfig{
				Secrets: []string{"own-secret"}, Location: moscow(), Options: map[string]any{"fields": mapping},
			})
			if (err == nil) != good || err != nil && !strings.Contains(err.Error(), "options.fields") {
				t.Errorf("%s: %v: %v", name, mapping, err)
			}
		}
		f(true, map[string]any{"phone": "a", "utm_source": "b", "gclid": "c", "repeat": "d"})
		f(false, map[string]any{"telephone": "a"})
		f(false, map[string]any{"phone": ""})
		f(false, map[string]any{"phone": "a", "name": "a"})
	}
}
