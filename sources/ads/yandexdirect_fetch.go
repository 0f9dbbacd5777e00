package ads

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fetch"
)

// yandexFetchOptions are how Yandex Direct is asked.
type yandexFetchOptions struct {
	fetch.Options
	// ClientLogin is the advertiser's, where an agency asks.
	ClientLogin string `json:"client_login"`
	// TurboPageIDs are the pages whose leads are listed; all if empty.
	TurboPageIDs []text `json:"turbo_page_ids"`
}

// yandexFetch lists leads: https://yandex.com/dev/direct/doc/en/leads/get. Nothing
// announces them, so they are listed regularly. Its credential is access_token, an
// OAuth token; without it the first secret is taken.
type yandexFetch struct {
	fetch.Base
	token, login string
	pages        []json.Number
}

func newYandexFetch(config ingest.SourceConfig, o yandexFetchOptions) (*yandexFetch, error) {
	if err := config.CheckCredentials(accessToken); err != nil {
		return nil, err
	}
	y := &yandexFetch{token: config.Credentials[accessToken], login: o.ClientLogin}
	if y.token == "" && len(config.Secrets) > 0 {
		y.token = config.Secrets[0]
	}
	for _, id := range o.TurboPageIDs {
		if _, err := strconv.ParseUint(string(id), 10, 64); err != nil {
			return nil, fmt.Errorf("options.turbo_page_ids: not an id of digits (got %s)", id)
		}
		y.pages = append(y.pages, json.Number(id))
	}
	var err error
	y.Base, err = o.Base(config, "https://api.direct.yandex.com", 72*time.Hour, 15*time.Minute)
	y.Plan.Parallel = cmp.Or(o.Parallel, 1)
	if y.token == "" {
		y.Plan.Lacks = accessToken
	}
	return y, err
}

// FetchPlan implements ingest.Fetcher.
func (y *yandexFetch) FetchPlan() ingest.FetchPlan { return y.Plan }

// Fetch implements ingest.Fetcher for what a list had: single leads cannot be
// asked for.
func (y *yandexFetch) Fetch(_ ingest.Reference, answers []ingest.Response) (ingest.Step, error) {
	if len(answers) == 0 {
		return ingest.Step{}, &ingest.FetchError{Problem: ingest.Missing, Text: "single leads of Yandex Direct cannot be asked for: they are listed"}
	}
	return ingest.Step{Document: answers[0].Body}, nil
}

// yandexPage is how many leads are listed at once.
const yandexPage = 500

// List implements ingest.Lister. Its state is the offset.
func (y *yandexFetch) List(span ingest.Span, state []byte, answer *ingest.Response) (ingest.Page, error) {
	offset := 0
	if state != nil {
		if err := json.Unmarshal(state, &offset); err != nil {
			return ingest.Page{}, err
		}
	}
	if answer == nil {
		request, err := y.request(span, offset)
		return ingest.Page{Next: request}, err
	}
	if err := yandexFailure(*answer); err != nil {
		return ingest.Page{}, err
	}
	var part struct {
		Result *struct {
			Leads     []json.RawMessage `json:"Leads"`
			LimitedBy text              `json:"LimitedBy"`
		} `json:"result"`
	}
	if err := json.Unmarshal(answer.Body, &part); err != nil || part.Result == nil {
		return ingest.Page{}, fetch.Unreadable("a list")
	}
	page := ingest.Page{Quiet: yandexQuiet(*answer)}
	for _, raw := range part.Result.Leads {
		var lead struct {
			ID text `json:"Id"`
		}
		if json.Unmarshal(raw, &lead) == nil && lead.ID.id() != "" {
			page.Items = append(page.Items, ingest.Listed{
				Ref:     ingest.Reference{Kind: leadReference, ID: lead.ID.id()},
				Answers: []ingest.Response{{Status: http.StatusOK, Body: raw, At: answer.At}},
			})
		}
	}
	if part.Result.LimitedBy == "" || len(part.Result.Leads) == 0 { // there is no more
		return page, nil
	}
	next, err := strconv.Atoi(string(part.Result.LimitedBy))
	if err != nil || next <= offset { // it would never end
		return ingest.Page{}, fetch.Unreadable("a list")
	}
	page.State = strconv.AppendInt(nil, int64(next), 10)
	page.Next, err = y.request(span, next)
	return page, err
}

func (y *yandexFetch) request(span ingest.Span, offset int) (*ingest.Request, error) {
	if y.token == "" {
		return nil, fetch.NoToken(accessToken)
	}
	criteria := map[string]any{
		"DateTimeFrom": span.From.UTC().Format(time.RFC3339), "DateTimeTo": span.To.UTC().Format(time.RFC3339),
	}
	if len(y.pages) > 0 {
		criteria["TurboPageIds"] = y.pages
	}
	body, err := json.Marshal(map[string]any{"method": "get", "params": map[string]any{
		"SelectionCriteria": criteria,
		"FieldNames":        []string{"Id", "SubmittedAt", "TurboPageId", "TurboPageName", "Data"},
		"Page":              map[string]int{"Limit": yandexPage, "Offset": offset},
	}})
	if err != nil {
		return nil, err
	}
	header := fetch.Bearer(y.token)
	header["Content-Type"], header["Accept-Language"] = "application/json; charset=utf-8", "en"
	if y.login != "" {
		header["Client-Login"] = y.login
	}
	return &ingest.Request{Method: http.MethodPost, URL: y.URL + "/json/v501/leads", Header: header, Body: body, MaxBody: 16 << 20}, nil
}

// yandexFailure reads an error, whose status is mostly 200:
// https://yandex.com/dev/direct/doc/dg/concepts/errors-list.html
func yandexFailure(r ingest.Response) error {
	var body struct {
		Error *struct {
			Code   text `json:"error_code"`
			String text `json:"error_string"`
			Detail text `json:"error_detail"`
		} `json:"error"`
	}
	_ = json.Unmarshal(r.Body, &body) // the status tells enough
	e := body.Error
	if e == nil {
		return fetch.Status(r, "")
	}
	failure := &ingest.FetchError{Problem: ingest.Missing, Text: fmt.Sprintf("%s: %s (error %s)", e.String, e.Detail, e.Code)}
	switch e.Code {
	case "53", "58", "513", "3000", "3001": // token, registration, account, access
		failure.Problem = ingest.TokenRefused
	case "152": // no points: some come back every hour
		failure.Problem, failure.After = ingest.Throttled, time.Hour
	case "56", "506":
		failure.Problem, failure.After = ingest.Throttled, time.Minute
	case "52", "500", "1000", "1001", "1002":
		failure.Problem = ingest.Unavailable
	}
	if r.Status >= http.StatusInternalServerError {
		failure.Problem = ingest.Unavailable
	}
	return failure
}

// yandexQuiet reads the points that are left, "spent/left/limit", and leaves the
// last tenth to others.
func yandexQuiet(r ingest.Response) time.Duration {
	parts := strings.Split(r.Header.Get("Units"), "/")
	if len(parts) != 3 {
		return 0
	}
	left, errLeft := strconv.Atoi(parts[1])
	limit, errLimit := strconv.Atoi(parts[2])
	if errors.Join(errLeft, errLimit) == nil && limit > 0 && left < limit/10 {
		return 10 * time.Minute
	}
	return 0
}
