package sourcetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// checkConfig reports a source that would take anybody's deliveries.
func checkConfig(o Options) (problems []string) {
	if o.Open {
		return nil
	}
	for name, secrets := range map[string][]string{"no secret": nil, "an empty secret": {""}} {
		config := withDefaults(o.Config)
		config.Secrets = secrets
		if _, err := o.New(config); err == nil {
			problems = append(problems, "a configuration with "+name+" is accepted")
		}
	}
	return problems
}

func (c *testCase) check() []string {
	problems := c.checkDecode()
	if c.intake.Verify(c.delivery) != nil {
		return problems
	}
	if c.intake.Authorized != nil {
		early := clone(c.delivery)
		early.Body = nil
		if err := c.intake.Authorized(early); err != nil {
			problems = append(problems, fmt.Sprintf("Authorized refuses what Verify takes, before the body is there: %v", err))
		}
	}
	return append(problems, c.checkRefusals()...)
}

// checkRefusals reports forged deliveries that the source takes for genuine.
func (c *testCase) checkRefusals() (problems []string) {
	refused := func(what string, change func(*ingest.Delivery)) {
		d := clone(c.delivery)
		change(d)
		switch err := c.intake.Verify(d); {
		case err == nil:
			problems = append(problems, "accepted: "+what)
		case !errors.Is(err, ingest.ErrUnverified):
			problems = append(problems, fmt.Sprintf("%s: refused with %q, which is not ErrUnverified", what, err))
		case c.leaks([]byte(err.Error())):
			problems = append(problems, what+": the reason holds the secret")
		}
	}
	if c.Signed {
		step := 1 + len(c.delivery.Body)/2048
		for i := 0; i < len(c.delivery.Body); i += step {
			refused(fmt.Sprintf("a flipped bit in byte %d of the body", i), func(d *ingest.Delivery) { d.Body[i] ^= 1 })
		}
		refused("a body with a byte more", func(d *ingest.Delivery) { d.Body = append(d.Body, '\n') })
		refused("no body", func(d *ingest.Delivery) { d.Body = nil })
	}
	for _, name := range c.Headers {
		refused("no header "+name, func(d *ingest.Delivery) { d.Header.Del(name) })
		refused("an empty header "+name, func(d *ingest.Delivery) { d.Header.Set(name, "") })
		refused("another header "+name, func(d *ingest.Delivery) { d.Header.Set(name, "x") })
	}
	if c.Query {
		refused("no query", func(d *ingest.Delivery) { d.URL, _, _ = strings.Cut(d.URL, "?") })
	}
	if c.Timed {
		refused("an hour late", func(d *ingest.Delivery) { d.ReceivedAt = d.ReceivedAt.Add(time.Hour) })
		refused("an hour early", func(d *ingest.Delivery) { d.ReceivedAt = d.ReceivedAt.Add(-time.Hour) })
	}
	return problems
}

// checkDecode reports a decoder that is not pure, or whose events are not
// what a sink can take.
func (c *testCase) checkDecode() (problems []string) {
	d := clone(c.delivery)
	first, err := c.intake.Decode(d)
	before := render(first, err)
	if !bytes.Equal(d.Body, c.delivery.Body) {
		problems = append(problems, "decoding changes the body")
	}
	if again := render(c.intake.Decode(d)); again != before {
		problems = append(problems, "decoding twice differs:\n"+before+"\n"+again)
	}
	for i := range d.Body {
		d.Body[i] = 'X'
	}
	if after := render(first, err); after != before {
		problems = append(problems, "the events hold memory of the body")
	}
	for i := range first {
		problems = append(problems, complete(&first[i])...)
	}
	return problems
}

func complete(e *ingest.Event) (problems []string) {
	if len(e.ID) != 32 || e.Workspace == "" || e.Source == "" || e.Version == 0 || e.OccurredAt.IsZero() {
		problems = append(problems, "an event is not stamped")
	}
	if e.OccurredAt.Location() != time.UTC || e.OccurredAt.Nanosecond()%1000 != 0 {
		problems = append(problems, "a time is not in whole microseconds of UTC")
	}
	if text := render([]ingest.Event{*e}, nil); strings.ContainsRune(text, '\uFFFE') || strings.Contains(text, `\u0000`) {
		problems = append(problems, "an event holds characters that cannot be stored")
	}
	return problems
}

// recorder is a journal that keeps the last record.
type recorder struct{ record []byte }

func (r *recorder) Append(_ context.Context, record []byte) error {
	r.record = record
	return nil
}

// through sends the delivery the whole way: accepted, kept, read back, decoded.
func (c *testCase) through() result {
	var kept recorder
	acceptor := ingest.NewAcceptor(map[string]*ingest.Intake{c.intake.Config.Name: c.intake}, &kept)
	var answer ingest.Answer
	var err error
	if c.delivery.Method == ingest.Fetched { // it does not come in by the door
		err = kept.Append(context.Background(), ingest.AppendDelivery(nil, c.delivery))
	} else {
		answer, err = acceptor.Accept(context.Background(), clone(c.delivery))
	}
	r := result{Verified: !errors.Is(err, ingest.ErrUnverified), Answer: answer}
	if err != nil {
		r.Error = err.Error()
		return r
	}
	if kept.record == nil {
		return r // a challenge
	}
	if c.leaks(kept.record) {
		r.Error = "the kept delivery holds the secret"
		return r
	}
	d, err := ingest.ParseDelivery(kept.record)
	if err == nil {
		r.Events, err = c.intake.Decode(d)
	}
	if err != nil {
		r.Error = err.Error()
	}
	return r
}

// leaks tells whether text repeats a secret. Very short ones occur by chance.
func (c *testCase) leaks(text []byte) bool {
	for _, secret := range c.Config.Secrets {
		if len(secret) > 5 && bytes.Contains(text, []byte(secret)) {
			return true
		}
	}
	return false
}
