package fetchtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Troubles are those that stand-ins share.
type Troubles struct {
	mu       sync.Mutex
	Token    string
	Busy     int // that many requests are throttled
	Broken   int // that many requests fail
	Requests []string
}

// Change changes a stand-in while it is asked.
func (p *Troubles) Change(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

func write(w http.ResponseWriter, status int, content any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(content)
}

// trouble answers what goes wrong, and tells whether something did.
func (p *Troubles) trouble(w http.ResponseWriter, r *http.Request, refused, busy func()) bool {
	p.Requests = append(p.Requests, r.URL.Path)
	switch {
	case p.Broken > 0:
		p.Broken--
		http.Error(w, "<html>Bad Gateway</html>", http.StatusBadGateway)
	case p.Busy > 0:
		p.Busy--
		busy()
	case r.Header.Get("Authorization") != "Bearer "+p.Token:
		refused()
	default:
		return false
	}
	return true
}

// LinkedIn stands in for leadFormResponses and leadForms.
type LinkedIn struct {
	Troubles
	Leads      []map[string]any
	Form       map[string]any
	NoForms    bool // leads come without their form, and forms are refused
	NoProject  bool // fields cannot be chosen
	OldVersion bool
}

// ServeHTTP implements http.Handler.
func (l *LinkedIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fail := func(status int, code, message string) {
		write(w, status, map[string]any{"status": status, "serviceErrorCode": 65600, "code": code, "message": message})
	}
	if l.trouble(w, r, func() { fail(401, "EXPIRED_ACCESS_TOKEN", "The token used in the request has expired") },
		func() {
			fail(429, "TOO_MANY_REQUESTS", "Resource level throttle APPLICATION DAY limit for calls to this resource is reached.")
		}) {
		return
	}
	id := strings.TrimPrefix(r.URL.Path, "/rest/leadFormResponses/")
	switch {
	case r.Header.Get("Linkedin-Version") == "" || r.Header.Get("X-Restli-Protocol-Version") != "2.0.0":
		fail(400, "VERSION_MISSING", "A version must be present")
	case l.OldVersion:
		fail(426, "NONEXISTENT_VERSION", "Requested version 20240201 is not active")
	case strings.HasPrefix(r.URL.Path, "/rest/leadForms/") && l.NoForms:
		fail(403, "ACCESS_DENIED", "Not enough permissions to access: leadForms.GET")
	case strings.HasPrefix(r.URL.Path, "/rest/leadForms/"):
		write(w, 200, l.Form)
	case l.NoProject && strings.Contains(r.URL.RawQuery, "fields="):
		fail(400, "PARAM_INVALID", "Invalid param. Projection is not valid")
	case r.URL.Path == "/rest/leadFormResponses":
		l.list(w, r)
	default:
		for _, lead := range l.Leads {
			if lead["id"] == id {
				write(w, 200, l.shown(lead, r))
				return
			}
		}
		fail(404, "NOT_FOUND", "Entity with key ["+id+"] was not found")
	}
}

func (l *LinkedIn) shown(lead map[string]any, r *http.Request) map[string]any {
	shown := map[string]any{}
	for name, value := range lead {
		shown[name] = value
	}
	if strings.Contains(r.URL.RawQuery, "form:(") && !l.NoForms {
		shown["form"] = l.Form
	}
	return shown
}

func (l *LinkedIn) list(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	var from, to int64
	if _, err := fmt.Sscanf(query.Get("submittedAtTimeRange"), "(start:%d,end:%d)", &from, &to); err != nil || query.Get("q") != "owner" {
		write(w, 400, map[string]any{"status": 400, "message": "Invalid query parameters"})
		return
	}
	var fits []any
	for _, lead := range l.Leads {
		owner, _ := lead["owner"].(map[string]any)
		at, _ := lead["submittedAt"].(int64)
		if query.Get("owner") == fmt.Sprintf("(sponsoredAccount:%v)", owner["sponsoredAccount"]) && at >= from && at < to &&
			query.Get("leadType") == fmt.Sprintf("(leadType:%v)", lead["leadType"]) {
			fits = append(fits, l.shown(lead, r))
		}
	}
	start, _ := strconv.Atoi(query.Get("start"))
	count, _ := strconv.Atoi(query.Get("count"))
	part := fits[min(start, len(fits)):min(start+count, len(fits))]
	write(w, 200, map[string]any{"elements": append([]any{}, part...), "paging": map[string]any{"start": start, "count": count, "total": len(fits)}})
}

// Yandex stands in for the method get of leads.
type Yandex struct {
	Troubles
	Leads []YandexLead
	Page  int // at most so many, whatever is asked for
	Units string
}

// YandexLead is a lead that a Yandex has.
type YandexLead struct {
	ID, Email string
	At        time.Time
}

// ServeHTTP implements http.Handler.
func (y *Yandex) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	y.mu.Lock()
	defer y.mu.Unlock()
	fail := func(code int, text, detail string) {
		write(w, 200, map[string]any{"error": map[string]any{
			"request_id": "8695244274068608439", "error_code": code, "error_string": text, "error_detail": detail,
		}})
	}
	if y.trouble(w, r, func() { fail(53, "Authorization error", "Invalid OAuth token") },
		func() { fail(152, "Not enough points", "The request needs 10 points, 3 are left") }) {
		return
	}
	var body struct {
		Method string `json:"method"`
		Params struct {
			SelectionCriteria struct {
				DateTimeFrom, DateTimeTo time.Time
			}
			FieldNames []string
			Page       struct{ Limit, Offset int }
		} `json:"params"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Method != "get" || r.URL.Path != "/json/v501/leads" || len(body.Params.FieldNames) == 0 {
		fail(8000, "Invalid request", "")
		return
	}
	var fits []any
	for _, lead := range y.Leads {
		if c := body.Params.SelectionCriteria; !lead.At.Before(c.DateTimeFrom) && !lead.At.After(c.DateTimeTo) {
			fits = append(fits, map[string]any{
				"Id": json.Number(lead.ID), "SubmittedAt": lead.At.Format(time.RFC3339), "TurboPageId": 7, "TurboPageName": "Roofs",
				"Data": []any{map[string]any{"Name": "E-mail", "Value": []string{lead.Email}}},
			})
		}
	}
	from := min(body.Params.Page.Offset, len(fits))
	to := min(from+min(body.Params.Page.Limit, max(y.Page, 1)), len(fits))
	result := map[string]any{"Leads": append([]any{}, fits[from:to]...)}
	if to < len(fits) {
		result["LimitedBy"] = to
	}
	w.Header().Set("Units", y.Units)
	write(w, 200, map[string]any{"result": result})
}

// HubSpot stands in for contacts of the CRM API.
type HubSpot struct {
	Troubles
	Contacts []HubSpotContact
	Most     int // of a search
	Policy   string
	Left     string // requests of the interval
}

// HubSpotContact is a contact that a HubSpot has.
type HubSpotContact struct {
	ID, Email string
	Created   time.Time
}

func (c HubSpotContact) object() map[string]any {
	return map[string]any{"id": c.ID, "archived": false, "properties": map[string]any{
		"email": c.Email, "createdate": c.Created.Format("2006-01-02T15:04:05.000Z"), "hs_object_id": c.ID,
	}}
}

// ServeHTTP implements http.Handler.
func (h *HubSpot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fail := func(status int, category, message string) {
		write(w, status, map[string]any{"status": "error", "message": message, "correlationId": "aeb5f871", "category": category, "policyName": h.Policy})
	}
	w.Header().Set("X-Hubspot-Ratelimit-Interval-Milliseconds", "10000")
	w.Header().Set("X-Hubspot-Ratelimit-Remaining", h.Left)
	if h.trouble(w, r, func() {
		fail(401, "EXPIRED_AUTHENTICATION", "The OAuth token used to make this call expired 5 minute(s) ago.")
	},
		func() { fail(429, "RATE_LIMITS", "You have reached your secondly limit.") }) {
		return
	}
	if r.URL.Path == "/crm/v3/objects/contacts/search" {
		h.search(w, r, fail)
		return
	}
	if r.URL.Path == "/account-info/v3/details" {
		write(w, 200, map[string]any{"portalId": 700100, "accountType": "STANDARD"})
		return
	}
	id := strings.TrimPrefix(r.URL.Path, "/crm/v3/objects/contacts/")
	i := slices.IndexFunc(h.Contacts, func(c HubSpotContact) bool { return c.ID == id })
	if i < 0 || !strings.Contains(r.URL.Query().Get("properties"), "email") {
		fail(404, "OBJECT_NOT_FOUND", "Object not found.  objectId are usually numeric.")
		return
	}
	write(w, 200, h.Contacts[i].object())
}

func (h *HubSpot) search(w http.ResponseWriter, r *http.Request, fail func(int, string, string)) {
	var body struct {
		FilterGroups []struct {
			Filters []struct{ PropertyName, Operator, Value string } `json:"filters"`
		} `json:"filterGroups"`
		After string `json:"after"`
		Limit int    `json:"limit"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || len(body.FilterGroups) != 1 {
		fail(400, "VALIDATION_ERROR", "Invalid input JSON")
		return
	}
	var fits []any
	for _, c := range h.Contacts {
		fit := true
		for _, f := range body.FilterGroups[0].Filters {
			value, _ := strconv.ParseInt(f.Value, 10, 64)
			at := c.Created.UnixMilli()
			fit = fit && f.PropertyName == "createdate" && (f.Operator == "GTE" && at >= value || f.Operator == "LT" && at < value)
		}
		if fit {
			fits = append(fits, c.object())
		}
	}
	from, _ := strconv.Atoi(body.After)
	if from >= max(h.Most, 10_000) {
		fail(400, "VALIDATION_ERROR", "paging through more than 10000 results")
		return
	}
	to := min(from+body.Limit, len(fits))
	result := map[string]any{"total": len(fits), "results": append([]any{}, fits[min(from, to):to]...)}
	if to < len(fits) {
		result["paging"] = map[string]any{"next": map[string]any{"after": strconv.Itoa(to)}}
	}
	write(w, 200, result)
}
