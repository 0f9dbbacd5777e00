package report

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/leadgate/leadgate/ingest"
)

// contentTypes by format.
var contentTypes = map[Format]string{
	Table: "text/plain; charset=utf-8", CSV: "text/csv; charset=utf-8; header=present", JSON: "application/json",
}

// Handler answers GET ?from&to&by&model&lookback&tz&currency&workspace&format
// with the cost per lead, as JSON unless format says otherwise. The workspace
// is whatever the caller asks for: who may ask is decided before it. Connect
// provides the store's connection; rules price what has no cost; defaults
// stand in for parameters that are not given (its Rules are not used).
func Handler(connect func(context.Context) (driver.Conn, error), rules []PriceRule, defaults Defaults, log *slog.Logger) http.Handler {
	defaults.Rules = rules
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodGet && req.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			refuse(w, http.StatusMethodNotAllowed, "method_not_allowed", "use GET", nil)
			return
		}
		params := req.URL.Query()
		q, err := ParseQuery(params, defaults)
		if err != nil {
			refuseError(w, err, log)
			return
		}
		format := FormatOf(params, JSON)
		var body bytes.Buffer
		conn, err := connect(req.Context())
		if err == nil {
			var r Report
			if r, err = CPL(req.Context(), conn, q); err == nil {
				err = Write(&body, format, r)
			}
		}
		if err != nil {
			refuseError(w, err, log)
			return
		}
		w.Header().Set("Content-Type", contentTypes[format])
		w.Header().Set("Cache-Control", "no-store")
		if _, err := body.WriteTo(w); err != nil {
			log.Debug("report not delivered", "err", err)
		}
	})
}

// refuseError answers what went wrong: 400 for what the caller can mend, 503
// for the store.
func refuseError(w http.ResponseWriter, err error, log *slog.Logger) {
	var invalid *ingest.InvalidError
	var currency *CurrencyError
	switch {
	case errors.As(err, &invalid):
		names := strings.Join(slices.Sorted(maps.Keys(invalid.Fields)), ", ")
		refuse(w, http.StatusBadRequest, "invalid_parameters", "these parameters cannot be used: "+names, invalid.Fields)
	case errors.As(err, &currency):
		list := strings.Join(currency.Currencies, ", ")
		refuse(w, http.StatusBadRequest, "several_currencies", "different currencies are not added: choose one",
			map[string]string{"currency": "the costs are in " + list + "; choose one, as in currency=" + currency.Currencies[0]})
	default:
		log.Error("report", "err", err)
		w.Header().Set("Retry-After", "5")
		refuse(w, http.StatusServiceUnavailable, "unavailable", "the store cannot answer now", nil)
	}
}

func refuse(w http.ResponseWriter, status int, code, message string, fields map[string]string) {
	type problem struct {
		Code    string            `json:"code"`
		Message string            `json:"message"`
		Fields  map[string]string `json:"fields,omitempty"`
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A caller that has gone away needs no answer.
	_ = json.NewEncoder(w).Encode(map[string]problem{"error": {code, message, fields}})
}
