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

// MetaLead is a lead that a Meta has.
type MetaLead struct {
	ID, Form, Email string
	Created         time.Time
}

// Meta stands in for the Graph API: leads, forms, pages of lists, refused and
// expired tokens, permissions, throttling, and trouble of its own.
type Meta struct {
	mu       sync.Mutex
	Token    string
	Leads    []MetaLead
	NoNames  bool // the token has no permission for names of campaigns
	PageSize int
	Busy     int // that many requests are throttled
	Broken   int // that many requests fail
	Missing  int // that many requests find nothing
	Denied   bool
	Requests int // for leads and lists
	Proofs   int
	Expires  time.Time // of the token, as the app is told
	Fields   []string
}

// Change changes it while it is asked.
func (m *Meta) Change(change func(*Meta)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

// Asked returns how many requests there were.
func (m *Meta) Asked() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.Requests
}

func (m *Meta) fail(w http.ResponseWriter, status, code, subcode int, message string) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{
		"message": message, "type": "OAuthException", "code": code, "error_subcode": subcode, "fbtrace_id": "AbCdEf123",
	}})
}

// ServeHTTP implements http.Handler.
func (m *Meta) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if strings.HasSuffix(r.URL.Path, "/me") || strings.HasSuffix(r.URL.Path, "/debug_token") {
		m.prove(w, r)
		return
	}
	m.Requests++
	fields := r.URL.Query().Get("fields")
	m.Fields = append(m.Fields, fields)
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case len(parts) < 2 || !strings.HasPrefix(parts[0], "v"):
		m.fail(w, 400, 2500, 0, "Unknown path components")
	case m.Broken > 0:
		m.Broken--
		http.Error(w, "<html>Service Unavailable</html>", http.StatusServiceUnavailable)
	case m.Busy > 0:
		m.Busy--
		w.Header().Set("X-Business-Use-Case-Usage", `{"108877665544332":[{"type":"leadgen","call_count":100,"total_cputime":20,"total_time":25,"estimated_time_to_regain_access":0}]}`)
		m.fail(w, 400, 80005, 0, "(#80005) There have been too many calls to this Ad Account's leads. Wait a bit and try again.")
	case r.Header.Get("Authorization") != "Bearer "+m.Token:
		m.fail(w, 401, 190, 463, "Error validating access token: Session has expired on Monday, 05-Jan-26 04:00:00 PST.")
	case m.Denied:
		m.fail(w, 403, 10, 0, "(#10) Application does not have permission for this action")
	case m.NoNames && strings.Contains(fields, "campaign_name"):
		m.fail(w, 403, 200, 0, "(#200) Requires ads_management permission to manage the object")
	case m.Missing > 0:
		m.Missing--
		m.gone(w, parts[1])
	case len(parts) == 3 && parts[2] == "leadgen_forms":
		m.forms(w, r)
	case len(parts) == 3 && parts[2] == "leads":
		m.list(w, r, parts[1])
	default:
		m.lead(w, parts[1], fields)
	}
}

// prove answers whether a token is good.
func (m *Meta) prove(w http.ResponseWriter, r *http.Request) {
	m.Proofs++
	token := r.Header.Get("Authorization")
	switch {
	case strings.HasSuffix(r.URL.Path, "/me") && token != "Bearer "+m.Token:
		m.fail(w, 401, 190, 463, "Error validating access token: Session has expired on Monday, 05-Jan-26 04:00:00 PST.")
	case strings.HasSuffix(r.URL.Path, "/me"):
		m.answer(w, map[string]any{"id": "108877665544332"})
	case r.URL.Query().Get("input_token") != m.Token:
		m.answer(w, map[string]any{"data": map[string]any{
			"is_valid": false, "error": map[string]any{"code": 190, "message": "Error validating access token: Session has expired", "subcode": 463},
		}})
	default:
		m.answer(w, map[string]any{"data": map[string]any{"is_valid": true, "expires_at": m.Expires.Unix(), "data_access_expires_at": 0}})
	}
}

func (m *Meta) gone(w http.ResponseWriter, id string) {
	m.fail(w, 400, 100, 33, fmt.Sprintf("Unsupported get request. Object with ID '%s' does not exist, cannot be loaded due to missing permissions, or does not support this operation.", id))
}

func (m *Meta) answer(w http.ResponseWriter, content any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.Header().Set("X-App-Usage", `{"call_count":1,"total_cputime":0,"total_time":1}`)
	_ = json.NewEncoder(w).Encode(content)
}

func (m *Meta) lead(w http.ResponseWriter, id, fields string) {
	for _, lead := range m.Leads {
		if lead.ID == id {
			m.answer(w, lead.object(fields))
			return
		}
	}
	m.gone(w, id)
}

func (l MetaLead) object(fields string) map[string]any {
	all := map[string]any{
		"id": l.ID, "created_time": l.Created.Format("2006-01-02T15:04:05-0700"), "form_id": l.Form, "platform": "ig",
		"is_organic": false, "campaign_id": "23850000000000301", "campaign_name": "Winter",
		"field_data": []map[string]any{{"name": "email", "values": []string{l.Email}}},
	}
	asked := strings.Split(fields, ",")
	for name := range all {
		if !slices.Contains(asked, name) {
			delete(all, name)
		}
	}
	return all
}

func (m *Meta) forms(w http.ResponseWriter, r *http.Request) {
	var forms []any
	seen := map[string]bool{}
	for _, lead := range m.Leads {
		if !seen[lead.Form] {
			seen[lead.Form] = true
			forms = append(forms, map[string]any{"id": lead.Form})
		}
	}
	m.paged(w, r, forms)
}

func (m *Meta) list(w http.ResponseWriter, r *http.Request, form string) {
	var filters []struct {
		Field    string `json:"field"`
		Operator string `json:"operator"`
		Value    int64  `json:"value"`
	}
	if err := json.Unmarshal([]byte(r.URL.Query().Get("filtering")), &filters); err != nil {
		m.fail(w, 400, 100, 0, "(#100) filtering must be an array")
		return
	}
	var leads []any
	for _, lead := range slices.Backward(m.Leads) { // the newest first
		fits := lead.Form == form
		for _, f := range filters {
			at := lead.Created.Unix()
			fits = fits && f.Field == "time_created" && (f.Operator == "GREATER_THAN" && at > f.Value || f.Operator == "LESS_THAN" && at < f.Value)
		}
		if fits {
			leads = append(leads, lead.object(r.URL.Query().Get("fields")))
		}
	}
	m.paged(w, r, leads)
}

// paged answers a part, with an address of the next that leads elsewhere.
func (m *Meta) paged(w http.ResponseWriter, r *http.Request, list []any) {
	from, _ := strconv.Atoi(r.URL.Query().Get("after"))
	size := max(m.PageSize, 1)
	part := list[min(from, len(list)):min(from+size, len(list))]
	paging := map[string]any{"cursors": map[string]string{"before": "0", "after": strconv.Itoa(from + size)}}
	if from+size < len(list) {
		paging["next"] = "https://elsewhere.example.net/steal?access_token=" + m.Token
	}
	m.answer(w, map[string]any{"data": append([]any{}, part...), "paging": paging})
}
