package pending

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// proving is a source whose token can be tried.
type proving struct{ things }

func (proving) Prove() *ingest.Request {
	return &ingest.Request{URL: "https://platform.example/me"}
}

func (proving) Proved(answer ingest.Response) (time.Time, error) {
	if answer.Status == 401 {
		return time.Time{}, &ingest.FetchError{Problem: ingest.TokenRefused, Text: "expired"}
	}
	return noon, nil
}

// That a token is no good is known before anything is announced, and that it is
// again, too.
func TestWorker_ProvesTokens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, t.TempDir(), func(_ string, n int) (int, string) {
			if n < 3 {
				return 401, ""
			}
			return 200, ""
		})
		b.stop()
		source := &proving{*b.source}
		w, err := NewWorker(WorkerOptions{
			Store: b.store, Intakes: map[string]*ingest.Intake{"ads": {Fetcher: source}}, Keep: b.worker.opts.Keep, NewID: b.worker.opts.NewID,
			Transport: b.platform, Logger: logger(&b.said),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { w.Run(ctx); close(ended) }()
		time.Sleep(time.Minute)
		if b.store.State("ads").Refused.IsZero() || !strings.Contains(b.said.String(), "refuses the token") {
			t.Errorf("not told: %+v", b.store.State("ads"))
		}
		time.Sleep(time.Hour)
		if state := b.store.State("ads"); !state.Refused.IsZero() || !state.Expires.Equal(noon) || b.platform.requests() != 3 {
			t.Errorf("got %+v after %d requests", state, b.platform.requests())
		}
		cancel()
		<-ended
		if err := b.store.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestClient_AsksAllowedHostsOnly(t *testing.T) {
	t.Parallel()
	p := &platform{answer: func(string, int) (int, string) { return 302, "" }}
	c := newClient(p, time.Second, time.Now)
	plan := &ingest.FetchPlan{Origins: []string{"https://platform.example"}}
	for _, url := range []string{
		"http://platform.example/", "https://platform.example:8443/", "https://platform.example.evil.example/",
		"https://u:p@platform.example/", "https://169.254.169.254/", "file:///etc/passwd", "//platform.example/", "",
	} {
		var failure *ingest.FetchError
		if _, err := c.do(t.Context(), "ads", plan, &ingest.Request{URL: url}); !errors.As(err, &failure) {
			t.Errorf("%s: %v", url, err)
		}
	}
	if n := p.requests(); n != 0 {
		t.Errorf("%d requests went out", n)
	}
	answer, err := c.do(t.Context(), "ads", plan, &ingest.Request{URL: "https://platform.example/x"})
	if err != nil || answer.Status != 302 || p.requests() != 1 {
		t.Errorf("a redirect: %+v, %v, %d requests", answer, err, p.requests())
	}
	p.answer = func(string, int) (int, string) { return 200, "0123456789" }
	if _, err := c.do(t.Context(), "ads", plan, &ingest.Request{URL: "https://platform.example/x", MaxBody: 9}); err == nil {
		t.Error("an answer that is too large is taken")
	}
}

// listing is a source that lists 1 to 5 in pages of two.
type listing struct {
	things
	stands bool // it never gets behind the second
}

func (l *listing) List(_ ingest.Span, state []byte, answer *ingest.Response) (ingest.Page, error) {
	at := 1
	if state != nil {
		if err := json.Unmarshal(state, &at); err != nil {
			return ingest.Page{}, err
		}
	}
	request := func(at int) *ingest.Request {
		return &ingest.Request{URL: fmt.Sprint("https://platform.example/list/", at)}
	}
	if answer == nil {
		return ingest.Page{Next: request(at)}, nil
	}
	if answer.Status != 200 {
		return ingest.Page{}, &ingest.FetchError{Problem: ingest.Throttled, Text: "slower"}
	}
	var page ingest.Page
	for n := at; n < min(at+2, 6); n++ {
		page.Items = append(page.Items, ingest.Listed{
			Ref:     ingest.Reference{Kind: "lead", ID: strconv.Itoa(n)},
			Answers: []ingest.Response{{Status: 200, Body: fmt.Append(nil, "lead ", n, " of ")}},
		})
	}
	if l.stands && at > 1 {
		at -= 2
	}
	if at+2 < 6 {
		page.Next, page.State = request(at+2), fmt.Append(nil, at+2)
	}
	return page, nil
}

func TestWorker_Pulls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, t.TempDir(), func(path string, n int) (int, string) {
			if n == 2 {
				return 429, ""
			}
			return 200, path
		})
		b.stop()
		l := &listing{things: *b.source}
		l.plan.PullEvery = 15 * time.Minute
		w, err := NewWorker(WorkerOptions{
			Store: b.store, Intakes: map[string]*ingest.Intake{"ads": {Fetcher: l, Lister: l}},
			Keep: b.worker.opts.Keep, NewID: b.worker.opts.NewID, Transport: b.platform, Jitter: b.worker.opts.Jitter,
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour)
		defer cancel()
		w.Run(ctx)
		// The first pull was throttled on its way, and the second knows what it took in.
		seen := map[string]int{}
		for _, d := range b.kept {
			seen[string(d.Body)]++
		}
		if len(seen) != 5 || len(b.kept) != 5 {
			t.Errorf("got %v", seen)
		}
		if state := b.store.State("ads"); time.Since(state.Pulled) > 16*time.Minute || len(state.Seen) != 5 {
			t.Errorf("got %+v", state)
		}
		if err := b.store.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestWorker_ListGoesOn(t *testing.T) {
	t.Parallel()
	b := newBench(t, t.TempDir(), func(path string, _ int) (int, string) { return 200, path })
	l := &listing{things: *b.source, stands: true}
	w, err := NewWorker(WorkerOptions{
		Store: b.store, Intakes: map[string]*ingest.Intake{"ads": {Fetcher: l, Lister: l}},
		Keep: b.worker.opts.Keep, NewID: b.worker.opts.NewID, Transport: b.platform,
	})
	if err != nil {
		t.Fatal(err)
	}
	first, err := w.List(t.Context(), "ads", ingest.Span{From: noon}, nil)
	if err != nil || len(first.Found) != 2 || first.State == nil {
		t.Fatalf("got %+v, %v", first, err)
	}
	var failure *ingest.FetchError
	if _, err := w.List(t.Context(), "ads", ingest.Span{From: noon}, first.State); !errors.As(err, &failure) {
		t.Errorf("a list that stands: %v", err)
	}
	b.close()
}
