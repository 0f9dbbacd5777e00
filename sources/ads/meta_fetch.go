package ads

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fetch"
)

// metaFetchOptions are how the Graph API is asked.
type metaFetchOptions struct {
	fetch.Options
	// APIVersion is v24.0 if empty.
	APIVersion string `json:"api_version"`
	// AppID is the app's: with it, and the first secret of the source, Meta tells
	// when the token ends.
	AppID text `json:"app_id"`
	// AppSecretProof sends the proof that apps can be made to ask for, with the
	// first secret of the source.
	AppSecretProof bool `json:"appsecret_proof"`
	// Forms are the ids of the forms that a backfill lists; else it lists those
	// of Pages.
	Forms []text `json:"forms"`
	Pages []text `json:"pages"`
}

// metaFetch asks the Graph API for leads:
// https://developers.facebook.com/docs/marketing-api/guides/lead-ads/retrieving
// Its credentials are access_token, and for single pages their id with the
// page's own token.
type metaFetch struct {
	fetch.Base
	options  metaFetchOptions
	tokens   map[string]string
	secret   string
	appToken string
}

// accessToken is the credential that this room's platforms are asked with.
const accessToken = "access_token"

var (
	metaVersion = regexp.MustCompile(`^v\d+\.\d+$`)
	metaID      = regexp.MustCompile(`^\d{1,32}$`)
)

func newMetaFetch(config ingest.SourceConfig, o metaFetchOptions) (*metaFetch, error) {
	m := &metaFetch{options: o, tokens: config.Credentials}
	m.options.APIVersion = cmp.Or(o.APIVersion, "v24.0")
	if !metaVersion.MatchString(m.options.APIVersion) {
		return nil, fmt.Errorf("options.api_version: not like v24.0 (got %s)", o.APIVersion)
	}
	known := []string{accessToken}
	for name := range config.Credentials {
		if metaID.MatchString(name) {
			known = append(known, name)
		}
	}
	if err := config.CheckCredentials(known...); err != nil {
		return nil, err
	}
	for _, id := range slices.Concat(o.Forms, o.Pages) {
		if !metaID.MatchString(string(id)) {
			return nil, fmt.Errorf("options.forms and options.pages: not an id of digits (got %s)", id)
		}
	}
	if o.AppID != "" && (!metaID.MatchString(string(o.AppID)) || len(config.Secrets) == 0) {
		return nil, fmt.Errorf("options.app_id: not an id of digits, or no secret goes with it (got %s)", o.AppID)
	}
	if o.AppID != "" {
		m.appToken = string(o.AppID) + "|" + config.Secrets[0]
	}
	if o.AppSecretProof {
		if len(config.Secrets) == 0 {
			return nil, fmt.Errorf("options.appsecret_proof: %w", ingest.ErrNoSecret)
		}
		m.secret = config.Secrets[0]
	}
	var err error
	// Meta itself tries to deliver for 36 hours.
	m.Base, err = o.Base(config, "https://graph.facebook.com", 36*time.Hour, 0)
	if len(config.Credentials) == 0 {
		m.Plan.Lacks = accessToken
	}
	return m, err
}

// FetchPlan implements ingest.Fetcher.
func (m *metaFetch) FetchPlan() ingest.FetchPlan { return m.Plan }

// The fields of a lead. Names of campaigns need a permission on the account of
// the advertiser: without it the others are asked for.
const (
	metaAllFields = "id,created_time,ad_id,ad_name,adset_id,adset_name,campaign_id,campaign_name,form_id,is_organic," +
		"platform,partner_name,retailer_item_id,custom_disclaimer_responses,field_data"
	metaOwnFields = "id,created_time,form_id,is_organic,platform,field_data"
)

// Fetch implements ingest.Fetcher.
func (m *metaFetch) Fetch(ref ingest.Reference, answers []ingest.Response) (ingest.Step, error) {
	if !metaID.MatchString(ref.ID) {
		return ingest.Step{}, &ingest.FetchError{Problem: ingest.Missing, Text: "the lead's id is not one of Meta's"}
	}
	if len(answers) == 0 {
		return m.ask(ref, metaAllFields)
	}
	last := answers[len(answers)-1]
	failure := metaFailure(last)
	if failure != nil && failure.permission && len(answers) == 1 {
		return m.ask(ref, metaOwnFields)
	}
	if failure != nil {
		return ingest.Step{}, &failure.FetchError
	}
	var lead struct {
		ID fetch.Text `json:"id"`
	}
	if err := json.Unmarshal(last.Body, &lead); err != nil || string(lead.ID) != ref.ID {
		return ingest.Step{}, fetch.Unreadable("the lead that was asked for")
	}
	quiet, _ := metaUsage(last)
	return ingest.Step{Document: last.Body, Quiet: quiet}, nil
}

func (m *metaFetch) ask(ref ingest.Reference, fields string) (ingest.Step, error) {
	request, err := m.request("/"+ref.ID, ref.Args["page_id"], url.Values{"fields": {fields}})
	return ingest.Step{Request: request}, err
}

// request asks with the token of the page, if it has one of its own. The token
// stands in a header: addresses get into logs, the platform's own too.
func (m *metaFetch) request(path, page string, query url.Values) (*ingest.Request, error) {
	token := cmp.Or(m.tokens[page], m.tokens[accessToken])
	if token == "" {
		return nil, fetch.NoToken(accessToken)
	}
	if m.secret != "" {
		mac := hmac.New(sha256.New, []byte(m.secret))
		mac.Write([]byte(token))
		query.Set("appsecret_proof", hex.EncodeToString(mac.Sum(nil)))
	}
	return &ingest.Request{
		URL:    m.URL + "/" + m.options.APIVersion + path + "?" + query.Encode(),
		Header: fetch.Bearer(token),
	}, nil
}

// Prove implements ingest.Prover. Only an app may ask when a token ends, and has to
// name the token in the address.
func (m *metaFetch) Prove() *ingest.Request {
	token := m.tokens[accessToken]
	switch {
	case token == "":
		return nil
	case m.appToken != "":
		return &ingest.Request{
			URL:    m.URL + "/" + m.options.APIVersion + "/debug_token?" + url.Values{"input_token": {token}}.Encode(),
			Header: fetch.Bearer(m.appToken),
		}
	}
	request, err := m.request("/me", "", url.Values{"fields": {"id"}})
	if err != nil {
		return nil
	}
	return request
}

// Proved implements ingest.Prover.
func (m *metaFetch) Proved(answer ingest.Response) (expires time.Time, err error) {
	if failure := metaFailure(answer); failure != nil {
		if m.appToken != "" && failure.Problem == ingest.TokenRefused { // it is about the app's, not this one
			failure.Problem = ingest.Missing
		}
		return expires, &failure.FetchError
	}
	var body struct {
		Data *struct {
			Valid      bool  `json:"is_valid"`
			Expires    int64 `json:"expires_at"`
			DataAccess int64 `json:"data_access_expires_at"`
			Error      struct {
				Message string `json:"message"`
			} `json:"error"`
		} `json:"data"`
	}
	if json.Unmarshal(answer.Body, &body) != nil || body.Data == nil {
		return expires, nil //nolint:nilerr // the token did for /me; when it ends is not told
	}
	if !body.Data.Valid {
		return expires, &ingest.FetchError{Problem: ingest.TokenRefused, Text: cmp.Or(body.Data.Error.Message, "the token is not valid")}
	}
	for _, end := range []int64{body.Data.Expires, body.Data.DataAccess} {
		if at := time.Unix(end, 0).UTC(); end > 0 && (expires.IsZero() || at.Before(expires)) {
			expires = at
		}
	}
	return expires, nil
}

// metaError is why the Graph API does not answer.
type metaError struct {
	ingest.FetchError
	permission bool
}

// metaFailure reads an error: https://developers.facebook.com/docs/graph-api/guides/error-handling
// It is nil for an answer that is none.
func metaFailure(r ingest.Response) *metaError {
	var body struct {
		Error *struct {
			Message   string `json:"message"`
			Code      int    `json:"code"`
			Subcode   int    `json:"error_subcode"`
			Transient bool   `json:"is_transient"`
		} `json:"error"`
	}
	_ = json.Unmarshal(r.Body, &body) // the status tells enough
	e := body.Error
	if e == nil {
		var failure *ingest.FetchError
		if errors.As(fetch.Status(r, ""), &failure) {
			return &metaError{FetchError: *failure}
		}
		return nil
	}
	failure := &metaError{FetchError: ingest.FetchError{Problem: ingest.Missing, Text: e.Message + " (code " + strconv.Itoa(e.Code)}}
	if e.Subcode != 0 {
		failure.Text += ", subcode " + strconv.Itoa(e.Subcode)
	}
	failure.Text += ")"
	switch {
	case slices.Contains([]int{4, 17, 32, 341, 368, 613}, e.Code), e.Code >= 80000 && e.Code <= 80014, r.Status == 429:
		_, regain := metaUsage(r)
		failure.Problem, failure.After = ingest.Throttled, max(regain, fetch.RetryAfter(r), time.Minute)
	case e.Code == 190, e.Code == 102, e.Code == 104, strings.Contains(e.Message, "appsecret_proof"):
		failure.Problem = ingest.TokenRefused
	case e.Code == 1, e.Code == 2, e.Transient, r.Status >= 500:
		failure.Problem, failure.After = ingest.Unavailable, fetch.RetryAfter(r)
	case e.Code == 3, e.Code == 10, e.Code >= 200 && e.Code <= 299:
		failure.permission = true
	}
	return failure
}

// metaUsage reads how much of its limits an app has used, in percent:
// https://developers.facebook.com/docs/graph-api/overview/rate-limiting
// quiet is how long to leave it alone, regain what it says until it answers again.
func metaUsage(r ingest.Response) (quiet, regain time.Duration) {
	type usage struct {
		Calls  float64 `json:"call_count"`
		CPU    float64 `json:"total_cputime"`
		Time   float64 `json:"total_time"`
		Regain float64 `json:"estimated_time_to_regain_access"` // minutes
	}
	used := 0.0
	note := func(u usage) {
		used = max(used, u.Calls, u.CPU, u.Time)
		regain = max(regain, time.Duration(min(max(u.Regain, 0), 24*60)*float64(time.Minute)))
	}
	for _, name := range []string{"X-App-Usage", "X-Page-Usage"} {
		var u usage
		if json.Unmarshal([]byte(r.Header.Get(name)), &u) == nil {
			note(u)
		}
	}
	var cases map[string][]usage
	if json.Unmarshal([]byte(r.Header.Get("X-Business-Use-Case-Usage")), &cases) == nil {
		for _, list := range cases {
			for _, u := range list {
				note(u)
			}
		}
	}
	switch {
	case used >= 100:
		quiet = 5 * time.Minute
	case used >= 90:
		quiet = time.Minute
	case used >= 75:
		quiet = 10 * time.Second
	}
	return max(quiet, regain), regain
}
