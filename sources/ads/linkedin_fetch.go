package ads

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fetch"
)

// linkedInFetchOptions are how LinkedIn is asked.
type linkedInFetchOptions struct {
	fetch.Options
	// APIVersion is the month of the version, 202606 if empty. LinkedIn switches
	// versions off after a year.
	APIVersion string `json:"api_version"`
	// Owners are the URNs of the advertising accounts and organizations whose leads
	// a backfill lists.
	Owners []string `json:"owners"`
}

// linkedInFetch asks for leads with their forms:
// https://learn.microsoft.com/en-us/linkedin/marketing/lead-sync/leadsync
// Its credential is access_token.
type linkedInFetch struct {
	fetch.Base
	token, version string
	owners         []string
}

var (
	linkedInVersion = regexp.MustCompile(`^20\d{4}$`)
	linkedInID      = regexp.MustCompile(`^[0-9A-Za-z-]{1,100}$`)
	linkedInOwnerID = regexp.MustCompile(`^urn:li:(sponsoredAccount|organization):\d{1,32}$`)
)

func newLinkedInFetch(config ingest.SourceConfig, o linkedInFetchOptions) (*linkedInFetch, error) {
	if err := config.CheckCredentials(accessToken); err != nil {
		return nil, err
	}
	l := &linkedInFetch{token: config.Credentials[accessToken], version: cmp.Or(o.APIVersion, "202606"), owners: o.Owners}
	if !linkedInVersion.MatchString(l.version) {
		return nil, fmt.Errorf("options.api_version: not a month like 202606 (got %s)", o.APIVersion)
	}
	for _, owner := range o.Owners {
		if !linkedInOwnerID.MatchString(owner) {
			return nil, fmt.Errorf("options.owners: not like urn:li:sponsoredAccount:510000001 or urn:li:organization:1 (got %s)", owner)
		}
	}
	var err error
	l.Base, err = o.Base(config, "https://api.linkedin.com", 72*time.Hour, 0)
	if l.token == "" {
		l.Plan.Lacks = accessToken
	}
	return l, err
}

// FetchPlan implements ingest.Fetcher.
func (l *linkedInFetch) FetchPlan() ingest.FetchPlan { return l.Plan }

// linkedInFields asks for the form together with its lead.
const linkedInFields = "owner,submitter,leadType,leadMetadata,associatedEntity,versionedLeadGenFormUrn,id,submittedAt,testLead,formResponse," +
	"form:(hiddenFields,creationLocale,name,id,content)"

// formReuse is for how long a form stands: people do not change what was asked.
const formReuse = time.Hour

// Fetch implements ingest.Fetcher: the lead, and its form if that did not come
// with it. A lead whose form cannot be had is one all the same.
func (l *linkedInFetch) Fetch(ref ingest.Reference, answers []ingest.Response) (ingest.Step, error) {
	if !linkedInID.MatchString(ref.ID) {
		return ingest.Step{}, &ingest.FetchError{Problem: ingest.Missing, Text: "the lead's id is not one of LinkedIn's"}
	}
	path := "/rest/leadFormResponses/" + url.PathEscape(ref.ID)
	switch {
	case len(answers) == 0:
		return l.step(path+"?fields="+linkedInFields, 0)
	case answers[0].Status == http.StatusBadRequest && len(answers) == 1: // perhaps it dislikes one of the fields
		return l.step(path, 0)
	case answers[0].Status == http.StatusBadRequest:
		answers = answers[1:]
	}
	if err := linkedInFailure(answers[0]); err != nil {
		return ingest.Step{}, err
	}
	var lead map[string]json.RawMessage
	var id, form string
	if json.Unmarshal(answers[0].Body, &lead) != nil || json.Unmarshal(lead["id"], &id) != nil || leadID(id) != ref.ID {
		return ingest.Step{}, fetch.Unreadable("the lead that was asked for")
	}
	definition := lead["form"]
	_ = json.Unmarshal(lead["versionedLeadGenFormUrn"], &form) // may be missing
	formID, _ := versionedForm(cmp.Or(form, ref.Args["form"]))
	if len(definition) == 0 && len(answers) == 1 && linkedInID.MatchString(formID) {
		return l.step("/rest/leadForms/"+formID, formReuse)
	}
	if len(answers) > 1 {
		switch err := linkedInFailure(answers[1]); {
		case err == nil && json.Valid(answers[1].Body):
			definition = answers[1].Body
		case err != nil && (err.Problem == ingest.Throttled || err.Problem == ingest.Unavailable):
			return ingest.Step{}, err
		}
	}
	delete(lead, "form")
	document, err := json.Marshal(map[string]any{"response": lead, "form": orNull(definition)})
	return ingest.Step{Document: document}, err
}

func orNull(text json.RawMessage) json.RawMessage {
	if len(text) == 0 {
		return json.RawMessage("null")
	}
	return text
}

func (l *linkedInFetch) step(path string, reuse time.Duration) (ingest.Step, error) {
	request, err := l.request(path)
	if request != nil {
		request.Reuse = reuse
	}
	return ingest.Step{Request: request}, err
}

func (l *linkedInFetch) request(path string) (*ingest.Request, error) {
	if l.token == "" {
		return nil, fetch.NoToken(accessToken)
	}
	header := fetch.Bearer(l.token)
	header["Linkedin-Version"], header["X-Restli-Protocol-Version"] = l.version, "2.0.0"
	return &ingest.Request{URL: l.URL + path, Header: header}, nil
}

// linkedInFailure reads an error:
// https://learn.microsoft.com/en-us/linkedin/shared/api-guide/concepts/error-handling
func linkedInFailure(r ingest.Response) *ingest.FetchError {
	var body struct {
		Code    text `json:"code"`
		Message text `json:"message"`
	}
	_ = json.Unmarshal(r.Body, &body) // the status tells enough
	message := string(body.Message)
	if body.Code != "" {
		message = string(body.Code) + ": " + message
	}
	var failure *ingest.FetchError
	if !errors.As(fetch.Status(r, message), &failure) {
		return nil
	}
	switch {
	case r.Status == http.StatusTooManyRequests:
		failure.After = max(failure.After, time.Minute)
	case r.Status == http.StatusUpgradeRequired, strings.Contains(string(body.Code), "VERSION"):
		// The version was switched off: nothing works until options.api_version is mended.
		failure.Problem = ingest.TokenRefused
		failure.Text = "options.api_version: " + failure.Text
	}
	return failure
}

// linkedInList is how far a list of leads has come.
type linkedInList struct {
	Owners []string `json:"owners"`
	Kind   int      `json:"kind,omitempty"` // of the lead types of the first owner
	Start  int      `json:"start,omitempty"`
}

// linkedInPage is how many leads are listed at once.
const linkedInPage = 50

var errLinkedInOwners = errors.New("options.owners is needed to list leads: the URNs of the advertising accounts or organizations that own the forms")

// leadTypes are what an owner's leads can be.
func leadTypes(owner string) []string {
	if strings.HasPrefix(owner, "urn:li:organization:") {
		return []string{"COMPANY", "EVENT", "ORGANIZATION_PRODUCT"}
	}
	return []string{"SPONSORED"}
}

// List implements ingest.Lister: the leads of each owner, which LinkedIn keeps for
// a while (90 days to a year).
func (l *linkedInFetch) List(span ingest.Span, state []byte, answer *ingest.Response) (ingest.Page, error) {
	at := linkedInList{Owners: l.owners}
	if state != nil {
		if err := json.Unmarshal(state, &at); err != nil {
			return ingest.Page{}, err
		}
	}
	if len(at.Owners) == 0 {
		return ingest.Page{}, errLinkedInOwners
	}
	if !linkedInOwnerID.MatchString(at.Owners[0]) || at.Kind < 0 || at.Kind >= len(leadTypes(at.Owners[0])) {
		return ingest.Page{}, errState
	}
	if answer == nil {
		return l.page(span, at, nil)
	}
	if err := linkedInFailure(*answer); err != nil {
		return ingest.Page{}, err
	}
	var part struct {
		Elements []json.RawMessage `json:"elements"`
	}
	if err := json.Unmarshal(answer.Body, &part); err != nil {
		return ingest.Page{}, fetch.Unreadable("a list")
	}
	items := make([]ingest.Listed, 0, len(part.Elements))
	for _, raw := range part.Elements {
		var lead struct {
			ID text `json:"id"`
		}
		if json.Unmarshal(raw, &lead) == nil && linkedInID.MatchString(leadID(string(lead.ID))) {
			items = append(items, ingest.Listed{
				Ref:     ingest.Reference{Kind: leadReference, ID: leadID(string(lead.ID)), Args: map[string]string{"owner": at.Owners[0]}},
				Answers: []ingest.Response{{Status: http.StatusOK, Body: raw, At: answer.At}},
			})
		}
	}
	switch {
	case len(part.Elements) >= linkedInPage:
		at.Start += linkedInPage
	case at.Kind+1 < len(leadTypes(at.Owners[0])):
		at.Kind, at.Start = at.Kind+1, 0
	default:
		at = linkedInList{Owners: at.Owners[1:]}
	}
	return l.page(span, at, items)
}

func (l *linkedInFetch) page(span ingest.Span, at linkedInList, items []ingest.Listed) (ingest.Page, error) {
	page := ingest.Page{Items: items}
	if len(at.Owners) == 0 || !linkedInOwnerID.MatchString(at.Owners[0]) {
		return page, nil
	}
	owner := at.Owners[0]
	kind := strings.Split(owner, ":")[2]
	var err error
	page.Next, err = l.request("/rest/leadFormResponses?q=owner&owner=(" + kind + ":" + url.QueryEscape(owner) + ")" +
		"&leadType=(leadType:" + leadTypes(owner)[at.Kind] + ")&limitedToTestLeads=false" +
		"&submittedAtTimeRange=(start:" + strconv.FormatInt(span.From.UnixMilli(), 10) + ",end:" + strconv.FormatInt(span.To.UnixMilli(), 10) + ")" +
		"&fields=" + linkedInFields + "&count=" + strconv.Itoa(linkedInPage) + "&start=" + strconv.Itoa(at.Start))
	if err != nil {
		return page, err
	}
	page.State, err = json.Marshal(at)
	return page, err
}
