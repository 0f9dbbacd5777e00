package ingest

import (
	"encoding/json"
	"fmt"
	"net/textproto"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Fetched is the method of a delivery that nobody sent: its body is what a
// platform answered when it was asked for what a notification only announced.
// The door takes no request with it, so whoever decodes one knows where it is
// from. It is neither verified nor answered.
const Fetched = "FETCHED"

// The headers of a fetched delivery. An error is the platform's own text, and
// says that it was asked in vain until that was given up; kind and key are then
// those of the event.
const (
	ReferenceHeader  = "Leadgate-Reference" // the Reference as JSON
	FetchErrorHeader = "Leadgate-Fetch-Error"
	EventKindHeader  = "Leadgate-Event-Kind"
	EventKeyHeader   = "Leadgate-Event-Key"
)

// Reference names what an event only announces, and what must still be asked of
// its sender's platform: a lead by its id, a call's recording.
type Reference struct {
	// Kind is the source's own word for what it is: "lead", "contact".
	Kind string
	// ID is the thing's id as the platform has it.
	ID string
	// Args are what else the question needs, such as the form's id.
	Args map[string]string
	// Again asks also when the event is known: what was announced is a change.
	Again bool `json:",omitempty"`
}

// AnnouncedVersion is the Version of an event that only announces one. It is
// below every other: an announcement that is sent again replaces nothing.
const AnnouncedVersion = 1

// Fetcher is a Source that says how its platform is asked. Like a source it is
// pure: it makes requests and judges answers, and others carry them.
type Fetcher interface {
	// FetchPlan says where and how often may be asked.
	FetchPlan() FetchPlan
	// Fetch says what comes next, given the answers so far to what it asked for
	// about ref: one more request, or the document. Errors: *FetchError.
	Fetch(ref Reference, answers []Response) (Step, error)
}

// FetchPlan is what a platform wants of those who ask it.
type FetchPlan struct {
	// Origins are the schemes and hosts, as in https://graph.example.com, that
	// may be asked. Nothing leads anywhere else.
	Origins []string
	// GiveUpAfter is for how long a reference is asked for in vain: 72 h if 0.
	GiveUpAfter time.Duration
	// Parallel is how many requests may be under way: 4 if 0.
	Parallel int
	// PullEvery is how often a Lister is asked for what is new, 0 for never.
	PullEvery time.Duration
	// TokenExpires is when the credentials end, zero if that is not known.
	TokenExpires time.Time
	// KeepFiles is for how long fetched files are kept, 0 for ever.
	KeepFiles time.Duration
	// Lacks names the credential that nothing can be fetched without, "" if it is
	// configured.
	Lacks string
	// Secrets are what must not stand in any text that a platform sends back.
	Secrets []string
}

// Lister is a Fetcher that can also say what there is.
type Lister interface {
	// List returns, with a nil answer, the Next request that state stands for;
	// state is nil at the beginning. With the answer to that it returns what it
	// held, and, unless that was the end, Next and the State it stands for.
	// Errors: *FetchError, and others, which say what the configuration lacks.
	List(span Span, state []byte, answer *Response) (Page, error)
}

// Prover is a Fetcher that can find out whether its token is good before it needs
// it.
type Prover interface {
	// Prove returns what to ask; nil if there is no way.
	Prove() *Request
	// Proved reads the answer: when the token ends, zero if that is not told.
	// Errors: *FetchError.
	Proved(answer Response) (expires time.Time, err error)
}

// Span is from when to when: From <= t < To. Listers are given both.
type Span struct{ From, To time.Time }

// Page is a part of a list.
type Page struct {
	Items []Listed
	// Next is nil at the end.
	Next  *Request
	State []byte
	// Quiet is for how long the platform should not be asked after that.
	Quiet time.Duration
}

// Listed is one thing of a list: Fetch goes on from these answers.
type Listed struct {
	Ref     Reference
	Answers []Response
}

// Request is a question to a platform. It carries credentials and is never
// logged or kept.
type Request struct {
	Method string // GET if empty
	URL    string
	Header map[string]string
	Body   []byte
	// Reuse is for how long a good answer may stand for the same question.
	Reuse time.Duration
	// MaxBody bounds the answer in bytes: 4 MiB if 0.
	MaxBody int64
}

// Response is what a platform answered.
type Response struct {
	Status int
	Header textproto.MIMEHeader
	Body   []byte
	At     time.Time
}

// Step is either one more Request or the Document that a reference stood for.
type Step struct {
	Request  *Request
	Document []byte
	// File asks to keep the document in a file with this extension instead of
	// taking it in as a delivery.
	File string
	// Quiet is for how long the platform should not be asked after that.
	Quiet time.Duration
}

// FetchProblem is a kind of failure, and says what is done about it.
type FetchProblem string

// The problems.
const (
	// Throttled: nothing of the source is asked for a while. It does not count
	// as an attempt.
	Throttled FetchProblem = "throttled"
	// TokenRefused: everything of the source waits until its credentials are
	// mended. It does not count as an attempt.
	TokenRefused FetchProblem = "token_refused"
	// Missing: the thing is not there, or not for us. Platforms say so also for
	// what is not there yet: it is asked for again.
	Missing FetchProblem = "missing"
	// Unavailable: the platform is in trouble, or answers what nobody can read.
	Unavailable FetchProblem = "unavailable"
)

// FetchError is why a platform does not answer what it was asked.
type FetchError struct {
	Problem FetchProblem
	// Text is the platform's own, see PlatformText.
	Text string
	// After is when to ask again at the earliest, 0 if the platform did not say.
	After time.Duration
}

func (e *FetchError) Error() string { return string(e.Problem) + ": " + e.Text }

// longestPlatformText is in bytes.
const longestPlatformText = 300

var mailAddress = regexp.MustCompile(`[^\s@,;:<>()"']+@[^\s@,;:<>()"']+`)

// PlatformText makes a text that a platform sent fit to be kept and shown: one
// line, bounded, without e-mail addresses and the given secrets.
func PlatformText(text string, secrets ...string) string {
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "…")
		}
	}
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "…"))
	text = mailAddress.ReplaceAllString(strings.Join(strings.Fields(text), " "), "…")
	if len(text) <= longestPlatformText {
		return text
	}
	cut := longestPlatformText
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// AskAgainError is returned by Decode for the replay of a delivery that says that
// a platform was asked in vain: it is to be asked once more. The event names what
// for; it is known already, and nothing is stored of it.
type AskAgainError struct{ Event Event }

func (e *AskAgainError) Error() string {
	return "the platform is asked again for the " + e.Event.Fetch.Kind
}

// NewFetched returns the delivery of what was fetched. It has no ID yet.
func NewFetched(source string, ref Reference, document []byte, at time.Time) (*Delivery, error) {
	ref.Again = false
	text, err := json.Marshal(ref)
	if err != nil {
		return nil, fmt.Errorf("reference: %w", err)
	}
	return &Delivery{
		Source: source, ReceivedAt: at.UTC().Truncate(time.Microsecond), Method: Fetched,
		Header: textproto.MIMEHeader{ReferenceHeader: {string(text)}}, Body: document,
	}, nil
}

// FetchedReference reads the reference of a fetched delivery.
func FetchedReference(d *Delivery) (Reference, error) {
	var ref Reference
	if err := json.Unmarshal([]byte(d.Header.Get(ReferenceHeader)), &ref); err != nil || ref.Kind == "" || ref.ID == "" {
		return ref, fmt.Errorf("%w: the reference in the header", ErrMalformed)
	}
	return ref, nil
}
