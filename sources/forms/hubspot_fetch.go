package forms

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fetch"
)

// hubSpotFetchOptions are how the CRM API is asked.
type hubSpotFetchOptions struct {
	fetch.Options
	// Properties of contacts to ask for besides the known ones.
	Properties []string `json:"properties"`
}

// hubSpotFetch asks for contacts:
// https://developers.hubspot.com/docs/reference/api/crm/objects/contacts
// Its credentials are access_token, that of a private app, and for single accounts
// their id with their own.
type hubSpotFetch struct {
	fetch.Base
	tokens     map[string]string
	portal     string
	properties []string
}

const hubSpotToken = "access_token"

var (
	hubSpotID       = regexp.MustCompile(`^\d{1,32}$`)
	hubSpotProperty = regexp.MustCompile(`^[a-z0-9_]{1,255}$`)
)

// newHubSpotFetch asks for the given properties; portal is the account's id, which
// only lists need.
func newHubSpotFetch(config ingest.SourceConfig, o hubSpotFetchOptions, portal string, properties []string) (*hubSpotFetch, error) {
	h := &hubSpotFetch{tokens: config.Credentials, portal: portal, properties: slices.Clone(properties)}
	known := []string{hubSpotToken}
	for name := range config.Credentials {
		if hubSpotID.MatchString(name) {
			known = append(known, name)
		}
	}
	if err := config.CheckCredentials(known...); err != nil {
		return nil, err
	}
	for _, name := range o.Properties {
		if !hubSpotProperty.MatchString(name) {
			return nil, fmt.Errorf("options.properties: not the internal name of a property (got %s)", name)
		}
		if !slices.Contains(h.properties, name) {
			h.properties = append(h.properties, name)
		}
	}
	var err error
	h.Base, err = o.Base(config, "https://api.hubapi.com", 72*time.Hour, 0)
	if len(h.tokens) == 0 {
		h.Plan.Lacks = hubSpotToken
	}
	return h, err
}

// FetchPlan implements ingest.Fetcher.
func (h *hubSpotFetch) FetchPlan() ingest.FetchPlan { return h.Plan }

// Fetch implements ingest.Fetcher.
func (h *hubSpotFetch) Fetch(ref ingest.Reference, answers []ingest.Response) (ingest.Step, error) {
	if !hubSpotID.MatchString(ref.ID) {
		return ingest.Step{}, &ingest.FetchError{Problem: ingest.Missing, Text: "the contact's id is not one of HubSpot's"}
	}
	if len(answers) == 0 {
		request, err := h.request(http.MethodGet, "/crm/v3/objects/contacts/"+ref.ID+"?"+
			url.Values{"properties": {strings.Join(h.properties, ",")}, "archived": {"false"}}.Encode(), ref.Args["portal"], nil)
		return ingest.Step{Request: request}, err
	}
	if err := hubSpotFailure(answers[0]); err != nil {
		return ingest.Step{}, err
	}
	var contact struct {
		ID         fetch.Text      `json:"id"`
		Properties json.RawMessage `json:"properties"`
	}
	if json.Unmarshal(answers[0].Body, &contact) != nil || contact.ID == "" || len(contact.Properties) == 0 {
		return ingest.Step{}, fetch.Unreadable("a contact")
	}
	return ingest.Step{Document: answers[0].Body, Quiet: hubSpotQuiet(answers[0])}, nil
}

func (h *hubSpotFetch) request(method, path, portal string, body []byte) (*ingest.Request, error) {
	token := cmp.Or(h.tokens[portal], h.tokens[hubSpotToken])
	if token == "" {
		return nil, fetch.NoToken(hubSpotToken)
	}
	header := fetch.Bearer(token)
	if body != nil {
		header["Content-Type"] = "application/json"
	}
	return &ingest.Request{Method: method, URL: h.URL + path, Header: header, Body: body}, nil
}

// Prove implements ingest.Prover.
func (h *hubSpotFetch) Prove() *ingest.Request {
	if h.tokens[hubSpotToken] == "" {
		return nil
	}
	request, err := h.request(http.MethodGet, "/account-info/v3/details", "", nil)
	if err != nil {
		return nil
	}
	return request
}

// Proved implements ingest.Prover. HubSpot does not tell when a token ends.
func (h *hubSpotFetch) Proved(answer ingest.Response) (time.Time, error) {
	return time.Time{}, hubSpotFailure(answer)
}

// hubSpotFailure reads an error: https://developers.hubspot.com/docs/api/error-handling
func hubSpotFailure(r ingest.Response) error {
	var body struct {
		Message  string `json:"message"`
		Category string `json:"category"`
		Policy   string `json:"policyName"`
	}
	_ = json.Unmarshal(r.Body, &body) // the status tells enough
	message := body.Message
	if body.Category != "" {
		message = body.Category + ": " + message
	}
	var failure *ingest.FetchError
	if !errors.As(fetch.Status(r, message), &failure) {
		return nil
	}
	if failure.Problem == ingest.Throttled {
		failure.After = max(failure.After, hubSpotInterval(r))
		if body.Policy == "DAILY" { // it begins anew at midnight, in the account's zone
			failure.After = time.Hour
		}
	}
	return failure
}

// hubSpotInterval is the time that a limit is for.
func hubSpotInterval(r ingest.Response) time.Duration {
	if ms, err := strconv.Atoi(r.Header.Get("X-Hubspot-Ratelimit-Interval-Milliseconds")); err == nil && ms > 0 {
		return time.Duration(min(int64(ms), time.Hour.Milliseconds())) * time.Millisecond
	}
	return 10 * time.Second
}

// hubSpotQuiet lets an interval pass whose last request is spent.
func hubSpotQuiet(r ingest.Response) time.Duration {
	if r.Header.Get("X-Hubspot-Ratelimit-Remaining") == "0" {
		return hubSpotInterval(r)
	}
	return 0
}

// hubSpotList is how far a list of contacts has come. HubSpot shows the first
// 10,000 of a search; what is behind them is searched for from the last one on.
type hubSpotList struct {
	From  int64  `json:"from"` // milliseconds since 1970
	After string `json:"after,omitempty"`
}

const hubSpotMost = 10_000

var errHubSpotPortal = errors.New("options.portal_id is needed to list contacts: they are counted by it")

// List implements ingest.Lister: the contacts by when they were made.
func (h *hubSpotFetch) List(span ingest.Span, state []byte, answer *ingest.Response) (ingest.Page, error) {
	if h.portal == "" {
		return ingest.Page{}, errHubSpotPortal
	}
	at := hubSpotList{From: span.From.UnixMilli()}
	if state != nil {
		if err := json.Unmarshal(state, &at); err != nil {
			return ingest.Page{}, err
		}
	}
	if answer == nil {
		return h.page(span, at, nil)
	}
	if err := hubSpotFailure(*answer); err != nil {
		return ingest.Page{}, err
	}
	var part struct {
		Results []json.RawMessage `json:"results"`
		Paging  struct {
			Next struct {
				After fetch.Text `json:"after"`
			} `json:"next"`
		} `json:"paging"`
	}
	if err := json.Unmarshal(answer.Body, &part); err != nil {
		return ingest.Page{}, fetch.Unreadable("a list")
	}
	items, last := h.items(part.Results, answer.At)
	after := string(part.Paging.Next.After)
	if n, err := strconv.Atoi(after); after == "" || err == nil && n >= hubSpotMost && last <= at.From {
		return ingest.Page{Items: items, Quiet: hubSpotQuiet(*answer)}, nil
	} else if at.After = after; err == nil && n >= hubSpotMost {
		at = hubSpotList{From: last}
	}
	page, err := h.page(span, at, items)
	page.Quiet = hubSpotQuiet(*answer)
	return page, err
}

// items also returns when the last one was made.
func (h *hubSpotFetch) items(results []json.RawMessage, received time.Time) (items []ingest.Listed, last int64) {
	for _, raw := range results {
		var contact struct {
			ID         fetch.Text `json:"id"`
			Properties struct {
				Created time.Time `json:"createdate"`
			} `json:"properties"`
		}
		if json.Unmarshal(raw, &contact) != nil || !hubSpotID.MatchString(string(contact.ID)) {
			continue
		}
		last = max(last, contact.Properties.Created.UnixMilli())
		items = append(items, ingest.Listed{
			Ref:     ingest.Reference{Kind: HubSpotContact, ID: string(contact.ID), Args: map[string]string{"portal": h.portal}},
			Answers: []ingest.Response{{Status: http.StatusOK, Body: raw, At: received}},
		})
	}
	return items, last
}

func (h *hubSpotFetch) page(span ingest.Span, at hubSpotList, items []ingest.Listed) (ingest.Page, error) {
	page := ingest.Page{Items: items}
	query := map[string]any{
		"filterGroups": []any{map[string]any{"filters": []any{
			map[string]any{"propertyName": "createdate", "operator": "GTE", "value": strconv.FormatInt(at.From, 10)},
			map[string]any{"propertyName": "createdate", "operator": "LT", "value": strconv.FormatInt(span.To.UnixMilli(), 10)},
		}}},
		"sorts": []any{map[string]string{"propertyName": "createdate", "direction": "ASCENDING"}}, "properties": h.properties, "limit": 100,
	}
	if at.After != "" {
		query["after"] = at.After
	}
	body, err := json.Marshal(query)
	if err != nil {
		return page, err
	}
	if page.Next, err = h.request(http.MethodPost, "/crm/v3/objects/contacts/search", h.portal, body); err != nil {
		return page, err
	}
	page.State, err = json.Marshal(at)
	return page, err
}
