package calls

import (
	"cmp"
	"fmt"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// rule says which calls are leads, as the package tells. It is part of the
// options of every type.
type rule struct {
	MinDuration   int64 `json:"min_duration"`
	AnsweredOnly  bool  `json:"answered_only"`
	FirstTimeOnly bool  `json:"first_time_only"`
	Outbound      bool  `json:"outbound"`
}

// check tells what is wrong with the options. First says whether the sender
// tells who calls for the first time.
func (r *rule) check(first bool) error {
	switch {
	case r.MinDuration < 0:
		return fmt.Errorf("options.min_duration: must not be negative (got %d)", r.MinDuration)
	case r.FirstTimeOnly && !first:
		return fmt.Errorf("options.first_time_only: this sender does not tell who calls for the first time; " +
			"without it a second lead of one person is a duplicate all the same")
	}
	return nil
}

// ask returns ingest.Ignored unless the call is a lead.
func (r *rule) ask(call *ingest.Call) error {
	lasted := call.TalkTime
	if lasted == nil {
		lasted = call.Duration
	}
	switch {
	case call.Direction == "outbound" && !r.Outbound:
		return ingest.Ignored("an outbound call")
	case r.AnsweredOnly && !isTrue(call.Answered):
		return ingest.Ignored("a call that was not answered")
	case r.FirstTimeOnly && !isTrue(call.FirstCall):
		return ingest.Ignored("not the caller's first call")
	case r.MinDuration > 0 && (lasted == nil || *lasted < r.MinDuration):
		return ingest.Ignored("a call shorter than %d s", r.MinDuration)
	}
	return nil
}

// The versions of senders that say how far a call has got, but not when that
// was said. A call's states then rank by what they tell, in whatever order they
// arrive, and of two that tell alike the one that arrives later stands.
const (
	startedVersion = ingest.AnnouncedVersion + 1
	endedVersion   = 1 << 20
	fullVersion    = 1 << 21
)

// recording is the news that a call's recording can be had. It comes by itself,
// with nothing else about the call, so it cannot be a state of the call's lead,
// which it would blank: it is kept as a status of that lead, whose reason says
// where the recording is.
func recording(key, call, where string) ingest.Event {
	return ingest.Event{
		Kind: ingest.StatusKind, Key: "recording:" + key, Mutable: true,
		Status: &ingest.Status{ExternalID: call, Status: "recording", Reason: where},
	}
}

// tolerance reads an option of that name; "0s" is any time.
func tolerance(option, otherwise string) (time.Duration, error) {
	d, err := time.ParseDuration(cmp.Or(option, otherwise))
	if err != nil || d < 0 {
		return 0, fmt.Errorf("options.tolerance: not a duration as in 24h (got %q)", option)
	}
	return d, nil
}
