package calls_test

import (
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/calls"
	"github.com/leadgate/leadgate/sources/sourcetest"
)

func twilioHarness() sourcetest.Options {
	return sourcetest.Options{
		New:     calls.NewTwilio,
		Config:  ingest.SourceConfig{Name: "calls", Secrets: []string{"own-auth-token-1", "own-auth-token-2"}, DefaultRegion: "US"},
		Dir:     "testdata/twilio",
		Methods: []string{"GET", "POST"},
		Signed:  true,
		Headers: []string{"X-Twilio-Signature"},
	}
}

func TestTwilio(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, twilioHarness())
}

// What is asked for by GET is signed with its address alone.
func TestTwilio_Get(t *testing.T) {
	t.Parallel()
	o := twilioHarness()
	o.Dir, o.Signed, o.Query = "testdata/twilio-get", false, true
	sourcetest.Run(t, o)
}

func TestTwilio_SignatureVectors(t *testing.T) {
	t.Parallel()
	sourcetest.Vectors(t, calls.NewTwilio, "testdata/twilio/vectors.json")
}

// In whatever order the callbacks of one call arrive, the same state stands at
// the end: the action of Dial, which knows who talked for how long. What comes of
// a recording alone does not touch it.
func TestTwilio_AnyOrder(t *testing.T) {
	t.Parallel()
	config := twilioHarness().Config
	config.Options = map[string]any{"in_progress": true}
	source, err := calls.NewTwilio(config)
	if err != nil {
		t.Fatal(err)
	}
	var states []ingest.Event
	for _, name := range []string{"ringing-wanted", "answered-wanted", "completed", "dial-action", "recording-alone"} {
		d, err := sourcetest.Read("testdata/twilio/" + name + "/request.http")
		if err != nil {
			t.Fatal(err)
		}
		events, err := source.Decode(d)
		if err != nil || len(events) != 1 {
			t.Fatal(name, len(events), err)
		}
		states = append(states, events[0])
	}
	permute(states, func(order []ingest.Event) {
		var stands *ingest.Event
		recordings := 0
		for i := range order {
			switch e := &order[i]; {
			case e.Kind == ingest.StatusKind:
				recordings++
			case stands == nil || e.Version >= stands.Version:
				stands = e
			}
		}
		call := stands.Lead.Call
		if recordings != 1 || call.TalkTime == nil || *call.TalkTime != 150 || call.RecordingURL == "" || stands.Lead.Person.Phone == "" {
			t.Errorf("at the end stands %+v with %d recordings", stands.Lead, recordings)
		}
	})
}

func permute[T any](list []T, visit func([]T)) {
	var step func(int)
	step = func(k int) {
		if k == len(list) {
			visit(list)
			return
		}
		for i := k; i < len(list); i++ {
			list[k], list[i] = list[i], list[k]
			step(k + 1)
			list[k], list[i] = list[i], list[k]
		}
	}
	step(0)
}

func FuzzTwilio(f *testing.F)      { sourcetest.Fuzz(f, twilioHarness()) }
func BenchmarkTwilio(b *testing.B) { sourcetest.Bench(b, twilioHarness(), "completed") }
