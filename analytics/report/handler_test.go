package report

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

type problem struct {
	Error struct {
		Code, Message string
		Fields        map[string]string
	}
}

func serve(h http.Handler, method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w
}

func TestHandler_Refuses(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	away := func(context.Context) (driver.Conn, error) { return nil, errors.New("connection refused") }
	h := Handler(away, nil, Defaults{Now: time.Now}, slog.New(slog.NewTextHandler(&logged, nil)))
	f := func(method, target string, status int, code string, fields ...string) {
		t.Helper()
		w := serve(h, method, target)
		var got problem
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatalf("%s: %v in %s", target, err, w.Body)
		}
		if w.Code != status || got.Error.Code != code || got.Error.Message == "" || len(got.Error.Fields) != len(fields) {
			t.Errorf("%s %s: %d %s", method, target, w.Code, w.Body)
		}
		for _, field := range fields {
			if got.Error.Fields[field] == "" {
				t.Errorf("%s: no reason for %s in %s", target, field, w.Body)
			}
		}
	}
	f("POST", "/api/v1/reports/cpl", 405, "method_not_allowed")
	f("GET", "/api/v1/reports/cpl?by=shoe&from=never&x=1", 400, "invalid_parameters", "by", "from", "x")
	f("GET", "/api/v1/reports/cpl?format=xml", 400, "invalid_parameters", "format")
	if logged.Len() > 0 {
		t.Errorf("a caller's mistake is logged: %s", &logged)
	}
	f("GET", "/api/v1/reports/cpl", 503, "unavailable")
	if w := serve(h, "GET", "/"); w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "refused") {
		t.Errorf("503 without Retry-After or with inner matters: %v %s", w.Header(), w.Body)
	}
	if !strings.Contains(logged.String(), "connection refused") {
		t.Errorf("the store's error is not logged: %s", &logged)
	}
}

func TestIntegrationHandler(t *testing.T) {
	s := newStore(t)
	s.cost("c1", "2026-01-10", "20000.00", "RUB", int64(200))
	for _, id := range []string{"a", "b", "c"} {
		s.lead(id, "2026-01-10 12:00:00", google)
	}
	rules := []PriceRule{{Name: "mail", Channel: "Email", Per: PerLead, Price: 1e6, Currency: "RUB"}}
	h := Handler(func(context.Context) (driver.Conn, error) { return s.conn, nil }, rules, Defaults{}, slog.New(slog.DiscardHandler))

	w := serve(h, "GET", "/?from=2026-01-01&to=2026-01-31&by=channel,day")
	var got struct {
		Query struct {
			From, To, TZ, Lookback, Currency string
			By                               []string
		}
		Rows   []map[string]any
		Totals map[string]any
		Notes  []string
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v: %v\n%s", w.Code, w.Header(), err, w.Body)
	}
	if len(got.Rows) != 1 || got.Rows[0]["cost"] != "20000.00" || got.Rows[0]["cpl"] != "6666.67" ||
		got.Rows[0]["lead_rate"] != 0.015 || got.Rows[0]["day"] != "2026-01-10" || got.Totals["leads"] != 3.0 ||
		got.Query.Currency != "RUB" || got.Query.Lookback != "30d" || got.Notes == nil {
		t.Errorf("got %s", w.Body)
	}
	w = serve(h, "GET", "/?from=2026-01-01&to=2026-01-31&format=csv")
	if want := "channel,cost,currency,clicks,leads,lead_rate,cpl\r\nPaid Search,20000.00,RUB,200,3,0.015,6666.67\r\n"; w.Body.String() != want {
		t.Errorf("got %q, want %q", w.Body, want)
	}
	if w = serve(h, "GET", "/?from=2026-01-01&to=2026-01-31&format=table"); !strings.Contains(w.Body.String(), "6666.67") {
		t.Errorf("got %s", w.Body)
	}
	s.cost("c2", "2026-01-10", "1", "EUR", nil)
	var refused problem
	w = serve(h, "GET", "/?from=2026-01-01&to=2026-01-31")
	if err := json.Unmarshal(w.Body.Bytes(), &refused); err != nil || w.Code != 400 ||
		refused.Error.Code != "several_currencies" || !strings.Contains(refused.Error.Fields["currency"], "EUR, RUB") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
