package ingest

import "time"

// Kind says what an event is about.
type Kind string

// The kinds of events.
const (
	LeadKind   Kind = "lead"
	TouchKind  Kind = "touch"
	CostKind   Kind = "cost"
	StatusKind Kind = "status"
)

// Event is one thing that a delivery means. Exactly one of Lead, Touch, Cost
// and Status is set, as Kind says. Source decoders fill Kind, Key, OccurredAt,
// Zone, Mutable, Version and the kind's own part; the rest is stamped on by
// the intake (see package sources) and, for verdict and contact, by the drain.
type Event struct {
	// ID is derived from workspace, source, kind and Key (see EventID).
	ID   string
	Kind Kind
	// Key is the provider's own id of the thing, or a hash of its content.
	// Equal keys of one source and kind are one event.
	Key string
	// Mutable events may be replaced by a later delivery of the same Key with
	// other content; for the others the first delivery stands.
	Mutable bool
	// Version orders the states of a mutable event: the larger replaces the
	// smaller. Microseconds since 1970 of the sender's own time of change,
	// or 0 to take the delivery's Rank.
	Version uint64

	Workspace  string
	Source     string
	DeliveryID string
	ReceivedAt time.Time
	// OccurredAt is UTC; zero means the time of receipt.
	OccurredAt time.Time
	// Zone is the zone or offset the sender wrote OccurredAt in ("-06:00",
	// "Europe/Berlin"), "" if unknown.
	Zone string

	Lead   *Lead
	Touch  *Touch
	Cost   *Cost
	Status *Status

	// Fetch names what must be asked of the platform to know the whole of it,
	// nil for nothing. What it answers comes as a delivery of its own, with the
	// method Fetched, whose event has the same Key and a larger Version.
	Fetch *Reference
}

// LeadVerdict says how a lead counts. Only unique leads are conversions.
type LeadVerdict string

// The verdicts of a lead.
const (
	UniqueLead    LeadVerdict = "unique"
	DuplicateLead LeadVerdict = "duplicate" // the same person within the window
	TestLead      LeadVerdict = "test"
	SpamLead      LeadVerdict = "spam"
	InterestLead  LeadVerdict = "interest" // no way to reach a person
)

// Lead is a person who showed interest, or (with neither e-mail nor phone)
// the interest alone.
type Lead struct {
	ExternalID string // the provider's id
	Person     Person
	VisitorID  string
	PageURL    string
	Referrer   string
	Tagging    Tagging
	CampaignID string
	AdgroupID  string
	AdID       string
	FormID     string
	FormName   string
	// Platform is the advertising platform whose advertisement led to the lead
	// without a page in between, as in utm_source: facebook, google. "" where
	// there was none, or nobody says so.
	Platform string
	Call     *Call
	// Test marks a sender's test delivery; SpamReasons why it looks like spam.
	Test        bool
	SpamReasons []string
	// Attrs are further facts that are not personal: keys are snake_case.
	Attrs map[string]string

	// Set by the drain.
	ContactID   string
	Verdict     LeadVerdict
	DuplicateOf string
}

// Person is the personal part of a lead. It is stored apart from everything
// else and never logged.
type Person struct {
	Email     string // lower case
	Phone     string // E.164
	Name      string
	FirstName string
	LastName  string
	Company   string
	Message   string
	// Answers are the sender's other fields: free text, so personal.
	// Several values of one field are a JSON array of strings.
	Answers map[string]string
}

// Call is what a call lead adds. Durations are whole seconds; nil is unknown.
type Call struct {
	Duration       *int64 // with ringing and menus
	TalkTime       *int64 // conversation only
	Answered       *bool
	Voicemail      *bool
	FirstCall      *bool
	Direction      string // inbound or outbound
	TrackingNumber string // E.164 where it can be read
	RecordingURL   string
}

// Touch is one click or visit.
type Touch struct {
	VisitorID string
	PageURL   string
	Referrer  string
	Tagging   Tagging
}

// Tagging is what a URL tells about where its visitor came from. Values keep
// the case they were sent in.
type Tagging struct {
	Source, Medium, Campaign, Term, Content string // utm_*
	// ClickIDs by canonical parameter name (see ClickIDs).
	ClickIDs map[string]string
}

// ClickIDParams are the click-id parameters that are kept, under the names of
// their columns. They are matched without regard to case.
var ClickIDParams = [...]string{
	"gclid", "gbraid", "wbraid", "dclid", "gclsrc", "msclkid", "fbclid", "ttclid", "twclid",
	"li_fat_id", "sccid", "rdt_cid", "epik", "yclid", "ysclid", "irclickid", "ko_click_id", "rb_clickid",
}

// Cost is what one day of one advertisement, campaign or account cost.
type Cost struct {
	Platform    string // the sender, as in utm_source: google, facebook …
	Account     string
	Day         string // YYYY-MM-DD in the account's own time zone
	Source      string // what to match with utm_source; "" means Platform
	Medium      string
	Campaign    string
	CampaignID  string
	Adgroup     string
	AdgroupID   string
	Ad          string
	AdID        string
	Keyword     string
	Amount      Micros
	Currency    string // ISO 4217
	Clicks      *int64 // nil is unknown
	Impressions *int64

	// Level is what the sender broke its costs down to: account, campaign,
	// adgroup, ad or keyword; "" if unknown.
	Level string
	// Slice names what this is a part of: one day of one account at one level.
	// Equal names of one source are one slice; "" is none.
	Slice string
	// Whole says that the delivery tells all of the slice, so that what earlier
	// ones told of it, and it does not, is left out.
	Whole bool
}

// Status is news of what became of a lead. It names the lead by one of LeadID,
// ExternalID, Email and Phone.
type Status struct {
	LeadID     string
	ExternalID string
	Email      string
	Phone      string
	Status     string
	Reason     string
	Value      *Micros
	Currency   string

	ContactID string // set by the drain, from Email or Phone
}

// Batch is a frozen set of outcomes and events. Its ID names this very
// content: a sink that has written it once writes it no second time.
type Batch struct {
	ID       string
	Outcomes []Outcome
	Events   []Event
}
