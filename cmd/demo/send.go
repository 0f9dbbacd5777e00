package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// client does not follow redirects: a form's 303 is the answer.
var client = &http.Client{
	Timeout:       30 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// ledger keeps what was sent and how it was answered, in order of first sight.
type ledger struct {
	order []string
	sent  map[string]int
	got   map[string]int // the status
}

// sendAll sends the whole day; an answer other than the expected one is an
// error.
func sendAll(ctx context.Context, g *gateway, d *day) (*ledger, error) {
	l := &ledger{sent: map[string]int{}, got: map[string]int{}}
	steps := make([]step, 0, len(d.clicks)+len(d.steps))
	clicks := 0
	for _, batch := range d.clicks {
		clicks += len(batch)
		steps = append(steps, step{"batch of tag clicks", http.StatusOK, clickBatch(batch)})
	}
	steps = append(steps, d.steps...)
	bar := progress(len(steps))
	for _, s := range steps {
		status, body, err := g.post(ctx, s.send)
		if err != nil {
			return nil, fmt.Errorf("send %s: %w", s.what, err)
		}
		if status != s.expect {
			return nil, fmt.Errorf("%s was answered %d, not %d: %s", s.what, status, s.expect, body)
		}
		l.add(s.what, status)
		_ = bar.Add(1)
	}
	_ = bar.Finish()
	d.to = time.Now().UTC().Format(time.DateOnly) // midnight may have passed
	return l, nil
}

// progress is a bar on a terminal, and nothing elsewhere.
func progress(steps int) *progressbar.ProgressBar {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return progressbar.DefaultSilent(int64(steps))
	}
	return progressbar.NewOptions(steps, progressbar.OptionSetWriter(os.Stderr),
		progressbar.OptionSetDescription("deliveries"), progressbar.OptionShowCount(), progressbar.OptionClearOnFinish())
}

func (l *ledger) add(what string, status int) {
	if l.sent[what] == 0 {
		l.order = append(l.order, what)
		l.got[what] = status
	}
	l.sent[what]++
}

func (l *ledger) print(w io.Writer) {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	t.SetColumnConfigs([]table.ColumnConfig{{Number: 1, Align: text.AlignRight}, {Number: 3, Align: text.AlignRight}})
	t.AppendHeader(table.Row{"sent", "delivery", "answer"})
	for _, what := range l.order {
		t.AppendRow(table.Row{l.sent[what], what, l.got[what]})
	}
	fmt.Fprintln(w, t.Render())
}

func (g *gateway) post(ctx context.Context, r request) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url+r.path, bytes.NewReader(r.body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", r.contentType)
	for key, value := range r.header {
		req.Header.Set(key, value)
	}
	return do(req)
}

func get(ctx context.Context, url string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	return do(req)
}

func do(req *http.Request) (int, string, error) {
	answer, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	return answer.StatusCode, string(body), errors.Join(err, answer.Body.Close())
}

// drained reads from the metrics that no acknowledged delivery is waiting.
func drained(metrics string) bool {
	for line := range strings.Lines(metrics) {
		if value, ok := strings.CutPrefix(line, "leadgate_drain_lag_bytes "); ok {
			return strings.TrimSpace(value) == "0"
		}
	}
	return false
}
