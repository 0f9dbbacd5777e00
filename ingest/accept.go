package ingest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Appender is what accepting needs of a journal. A nil error means that the
// record is on disk; when Append returned, the record is not used any more.
// Errors: ErrFull, ErrClosed (wrapped), or a disk's own.
type Appender interface {
	Append(ctx context.Context, record []byte) error
}

// Acceptor takes deliveries in: it verifies them, decodes first-party ones,
// and answers after the journal has them on disk. Safe for concurrent use.
type Acceptor struct {
	intakes  map[string]*Intake
	journal  Appender
	decoders Decoders
	rank     atomic.Int64 // of the delivery before
	tokens   tokens
	confirm  func(source, address string)
	records  sync.Pool // of *[]byte: memory that records are written in
}

// NewAcceptor returns an Acceptor for the given intakes, by their name.
func NewAcceptor(intakes map[string]*Intake, journal Appender) *Acceptor {
	return &Acceptor{intakes: intakes, journal: journal}
}

// RankAfter has every delivery from now on rank behind the given rank: that of
// the latest delivery that an earlier process kept.
func (a *Acceptor) RankAfter(rank uint64) {
	if rank < math.MaxInt64 {
		a.rank.Store(max(a.rank.Load(), int64(rank)))
	}
}

// Decoders are those that run for first-party deliveries: who wires them can
// watch them, or change their limits before the first Accept.
func (a *Acceptor) Decoders() *Decoders { return &a.decoders }

// RememberTokens has replayed tokens refused (see Tokened), as far as memory
// knows of them. It must be called before the first Accept.
func (a *Acceptor) RememberTokens(memory TokenMemory) { a.tokens.memory = memory }

// ConfirmWith has confirm called with every address that a kept delivery wants
// to be asked (see Confirmer). It must not block, and must be set before the
// first Accept.
func (a *Acceptor) ConfirmWith(confirm func(source, address string)) { a.confirm = confirm }

// Intake returns the intake of that name. Errors: ErrUnknownSource.
func (a *Acceptor) Intake(name string) (*Intake, error) {
	intake, ok := a.intakes[name]
	if !ok {
		return nil, ErrUnknownSource
	}
	return intake, nil
}

// Admission decides whether a delivery that is verified and valid may still be
// persisted: where a limit counts what is genuine. events is how many the
// delivery means, 1 where it is not decoded before it is persisted. Its error
// is what the delivery is refused with.
type Admission interface {
	Admit(ctx context.Context, d *Delivery, events int) error
}

// Accept is AcceptIf without a further condition.
func (a *Acceptor) Accept(ctx context.Context, d *Delivery) (Answer, error) {
	return a.AcceptIf(ctx, d, nil)
}

// AcceptIf verifies and keeps d, if admission, unless it is nil, has nothing
// against that. It is asked last, just before the journal. AcceptIf answers Answer{} (no status) where the
// sender wants nothing of its own. It may change d's header and body to
// remove secrets, sets Ahead, and does not keep d after it returns. Errors (wrapped):
// ErrUnknownSource, ErrMethod, ErrUnverified, ErrReplayed, ErrUnavailable,
// ErrMalformed, *InvalidError, ErrNotKept together with what the journal said, *PanicError, ErrHung, what
// admission said, or a source's own.
func (a *Acceptor) AcceptIf(ctx context.Context, d *Delivery, admission Admission) (Answer, error) {
	intake, err := a.Intake(d.Source)
	if err != nil {
		return Answer{}, err
	}
	if intake.Challenge != nil {
		if answer, ok := intake.Challenge(d); ok {
			return answer, nil
		}
	}
	if methods := intake.Methods; d.Method != "POST" && !slices.Contains(methods, d.Method) {
		return Answer{}, fmt.Errorf("%w: %s", ErrMethod, d.Method)
	}
	// Intakes that take a GET read the query, so they do without a body.
	if d.Method == "POST" && len(d.Body) == 0 && !slices.Contains(intake.Methods, "GET") {
		return Answer{}, fmt.Errorf("%w: the request has no body", ErrMalformed)
	}
	if err := intake.Verify(d); err != nil {
		return Answer{}, err
	}
	remember, err := a.tokens.check(ctx, intake, d)
	if err != nil {
		return Answer{}, err
	}
	kept := false
	defer func() { remember(kept) }()
	removeCredentials(d)
	if intake.Redact != nil {
		intake.Redact(d)
	}
	var events []Event
	if intake.FirstParty {
		var ignored *IgnoredError
		if events, err = a.decoders.Decode(intake, d); err != nil && !errors.As(err, &ignored) {
			return Answer{}, err
		}
	}
	if admission != nil {
		if err := admission.Admit(ctx, d, max(1, len(events))); err != nil {
			return Answer{}, err
		}
	}
	if err := a.Keep(ctx, d); err != nil {
		return Answer{}, err
	}
	kept = true
	if intake.Confirm != nil && a.confirm != nil {
		if address, ok := intake.Confirm(d); ok {
			a.confirm(d.Source, address)
		}
	}
	if intake.Respond != nil {
		return intake.Respond(d, events), nil
	}
	return Answer{}, nil
}

// Keep keeps d, which did not come in by the door, in the order of those that
// did. It returns when d is on disk. Errors: ErrNotKept, together with what the
// journal said (wrapped).
func (a *Acceptor) Keep(ctx context.Context, d *Delivery) error {
	a.order(d)
	room, _ := a.records.Get().(*[]byte)
	if room == nil {
		room = new([]byte)
	}
	*room = AppendDelivery((*room)[:0], d)
	err := a.journal.Append(ctx, *room)
	if cap(*room) <= maxSpareRecord {
		a.records.Put(room)
	}
	if err != nil {
		return fmt.Errorf("keep delivery: %w: %w", ErrNotKept, err)
	}
	return nil
}

// maxSpareRecord bounds what is held of a record's memory for the next one.
const maxSpareRecord = 64 << 10

// order has d rank behind every delivery before it, also when the clock was set
// back since: what is told later must stand. The time of receipt stays what the
// clock says.
func (a *Acceptor) order(d *Delivery) {
	at := d.ReceivedAt.UnixMicro()
	for {
		before := a.rank.Load()
		rank := max(at, before+1)
		if a.rank.CompareAndSwap(before, rank) {
			d.Ahead = time.Duration(rank-at) * time.Microsecond
			return
		}
	}
}

// CredentialParams are the query parameters that may carry a source's secret
// where its sender can set neither header nor signature.
var CredentialParams = []string{"token", "key", "secret", "access_token"}

// removeCredentials drops what proves who the sender is and nothing else.
func removeCredentials(d *Delivery) {
	for _, key := range [...]string{"Authorization", "Proxy-Authorization", "X-Api-Key"} {
		delete(d.Header, key) // its keys are canonical
	}
	keepClickCookies(d)
	base, query, found := strings.Cut(d.URL, "?")
	if !found {
		return
	}
	kept := slices.DeleteFunc(strings.Split(query, "&"), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return slices.Contains(CredentialParams, name)
	})
	if d.URL = base; len(kept) > 0 {
		d.URL += "?" + strings.Join(kept, "&")
	}
}

// clickCookies begin the names of the cookies in which advertisers' scripts
// keep click ids. All others may be somebody's session.
var clickCookies = []string{"_fbc=", "_gcl_", "_gac_"}

func keepClickCookies(d *Delivery) {
	lines, ok := d.Header["Cookie"]
	if !ok {
		return
	}
	var kept []string
	for _, line := range lines {
		for cookie := range strings.SplitSeq(line, ";") {
			cookie = strings.TrimSpace(cookie)
			if slices.ContainsFunc(clickCookies, func(name string) bool { return strings.HasPrefix(cookie, name) }) {
				kept = append(kept, cookie)
			}
		}
	}
	if d.Header.Del("Cookie"); len(kept) > 0 {
		d.Header.Set("Cookie", strings.Join(kept, "; "))
	}
}
