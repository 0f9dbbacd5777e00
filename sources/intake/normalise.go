package intake

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/normalize"
)

// What is kept of texts, in runes, and of lists, in entries.
const (
	maxName    = 200
	maxID      = 255
	maxMessage = 10_000
	maxAnswer  = normalize.MaxAnswer
	maxAnswers = 200
	maxAttr    = 500
	maxAttrs   = 64

	maxNameSize = 4 << 10 // of an attribute, in bytes, as sent
)

func (c *check) lead(l *ingest.Lead) {
	c.person(&l.Person, l.Call)
	c.visit(&l.PageURL, &l.Referrer, &l.Tagging)
	for _, id := range [...]*string{
		&l.ExternalID, &l.VisitorID, &l.CampaignID, &l.AdgroupID, &l.AdID, &l.FormID, &l.FormName,
	} {
		*id = tag(*id)
	}
	if l.Call != nil {
		c.call(l.Call)
	}
	l.Attrs = attrs(l.Attrs)
	if len(l.SpamReasons) == 0 {
		l.SpamReasons = nil
	} else {
		l.SpamReasons = slices.Compact(slices.Sorted(slices.Values(l.SpamReasons)))
	}
}

func (c *check) person(p *ingest.Person, call *ingest.Call) {
	if call != nil && normalize.Withheld(p.Phone) {
		p.Phone = ""
	}
	c.reach(p)
	for _, name := range [...]*string{&p.Name, &p.FirstName, &p.LastName, &p.Company} {
		*name = normalize.Line(*name, maxName)
	}
	if p.Name == "" {
		p.Name = strings.TrimSpace(p.FirstName + " " + p.LastName)
	}
	p.Message = normalize.Text(p.Message, maxMessage)
	p.Answers = answers(p.Answers)
}

// reach reads the e-mail address and the phone number. A third party cannot mend
// what a visitor typed: where one of the two can be read, the other is kept as an
// answer, and the person still is a lead.
func (c *check) reach(p *ingest.Person) {
	email, emailWhy := c.readEmail(p.Email)
	phone, phoneWhy := c.readPhone(p.Phone)
	keep := func(name, typed string) {
		p.Answers = maps.Clone(p.Answers)
		if p.Answers == nil {
			p.Answers = make(map[string]string)
		}
		p.Answers["unreadable_"+name] = typed
	}
	switch {
	case !c.firstParty && emailWhy != "" && phone != "":
		keep("email", p.Email)
	case !c.firstParty && phoneWhy != "" && email != "":
		keep("phone", p.Phone)
	case emailWhy != "" || phoneWhy != "":
		c.unless("email", emailWhy)
		c.unless("phone", phoneWhy)
		return
	}
	p.Email, p.Phone = email, phone
}

// unless notes that a field is invalid if there is a reason.
func (c *check) unless(field, reason string) {
	if reason != "" {
		c.bad(field, reason)
	}
}

// readEmail returns the address, or "" and why it is none. Nothing is nothing.
func (c *check) readEmail(typed string) (email, why string) {
	if strings.TrimSpace(typed) == "" {
		return "", ""
	}
	email, err := normalize.Email(typed)
	if err != nil {
		return "", err.Error()
	}
	return email, ""
}

// readPhone returns the number, or "" and why it is none. Nothing is nothing.
func (c *check) readPhone(typed string) (phone, why string) {
	typed = strings.TrimSpace(typed)
	if typed == "" {
		return "", ""
	}
	phone, err := normalize.Phone(typed, c.config.DefaultRegion)
	switch {
	case err == nil:
		return phone, ""
	case c.config.DefaultRegion == "" && !strings.HasPrefix(typed, "+"):
		return "", err.Error() + "; without default_region it needs its country code, as in +49…"
	}
	return "", err.Error()
}

// visit reduces the addresses and reads the tagging of the page under the
// tagging that the sender gave by itself.
func (c *check) visit(page, referrer *string, t *ingest.Tagging) {
	address, tagging := normalize.Page(*page)
	*t = normalize.Merge(normalize.Tags(*t), tagging)
	*page = address
	*referrer = normalize.Referrer(*referrer)
}

func (c *check) touch(t *ingest.Touch) {
	t.VisitorID = tag(t.VisitorID)
	sent := t.PageURL
	c.visit(&t.PageURL, &t.Referrer, &t.Tagging)
	if t.PageURL == "" && sent != "" {
		c.bad("url", "not an http or https address")
	}
}

func (c *check) call(call *ingest.Call) {
	if phone, err := normalize.Phone(call.TrackingNumber, c.config.DefaultRegion); err == nil {
		call.TrackingNumber = phone
	} else {
		call.TrackingNumber = normalize.Line(call.TrackingNumber, 64)
	}
	for name, seconds := range map[string]*int64{"duration": call.Duration, "talk_time": call.TalkTime} {
		if seconds != nil && (*seconds < 0 || *seconds > 7*24*3600) {
			c.bad(name, "not a number of seconds that a call can last")
		}
	}
	call.Direction = normalize.Line(call.Direction, 20)
	if call.RecordingURL = normalize.Line(call.RecordingURL, 2048); !strings.HasPrefix(call.RecordingURL, "https://") &&
		!strings.HasPrefix(call.RecordingURL, "http://") {
		call.RecordingURL = ""
	}
}

func (c *check) cost(cost *ingest.Cost) {
	for _, text := range [...]*string{
		&cost.Platform, &cost.Account, &cost.Source, &cost.Medium, &cost.Campaign, &cost.CampaignID,
		&cost.Adgroup, &cost.AdgroupID, &cost.Ad, &cost.AdID, &cost.Keyword,
	} {
		*text = normalize.Line(*text, maxAttr)
	}
	if cost.Currency == "" {
		cost.Currency = c.config.Currency
	}
	c.currency(&cost.Currency, true)
	if _, err := time.Parse(time.DateOnly, cost.Day); err != nil {
		c.bad("date", "not a day as in 2026-01-31")
	}
	for name, n := range map[string]*int64{"clicks": cost.Clicks, "impressions": cost.Impressions} {
		if n != nil && *n < 0 {
			c.bad(name, "negative")
		}
	}
}

func (c *check) status(s *ingest.Status) {
	for _, id := range [...]*string{&s.LeadID, &s.ExternalID} {
		*id = normalize.Line(*id, maxID)
	}
	email, emailWhy := c.readEmail(s.Email)
	phone, phoneWhy := c.readPhone(s.Phone)
	if c.unless("email", emailWhy); emailWhy == "" {
		s.Email = email
	}
	if c.unless("phone", phoneWhy); phoneWhy == "" {
		s.Phone = phone
	}
	if s.LeadID == "" && s.ExternalID == "" && s.Email == "" && s.Phone == "" {
		c.bad("lead_id", "name the lead by lead_id, external_id, email or phone")
	}
	s.Reason = normalize.Line(s.Reason, maxAttr)
	if s.Status = normalize.Line(s.Status, 100); s.Status == "" {
		c.bad("status", "missing")
	}
	if s.Value != nil && s.Currency == "" {
		s.Currency = c.config.Currency
	}
	c.currency(&s.Currency, s.Value != nil)
}

// currency checks for three letters; which codes exist changes too often.
func (c *check) currency(field *string, needed bool) {
	*field = strings.ToUpper(strings.TrimSpace(*field))
	if *field == "" && !needed {
		return
	}
	if len(*field) != 3 || strings.Trim(*field, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		c.bad("currency", "not a three-letter ISO 4217 code")
	}
}

// tag is a Line without unresolved macros, for ids that come from templates.
func tag(text string) string {
	return filled(normalize.Line(text, maxID))
}

func filled(text string) string {
	if normalize.Macro(text) {
		return ""
	}
	return text
}

func answers(given map[string]string) map[string]string {
	return tidy(given, maxAnswers, func(key, value string, budget *int) (string, string) {
		value = strings.TrimSpace(value)
		if list := listed(value, budget); list != "" {
			return normalize.Line(key, maxName), list
		}
		return normalize.Line(key, maxName), normalize.TextWithin(value, maxAnswer, budget)
	})
}

// maxListed bounds several answers to one question, in bytes: the most that package
// fields makes of them, where each character is an escape.
const maxListed = 256 << 10

// listed returns value cleaned if it is a JSON array of strings, the form of
// several answers to one question, and "" if not.
func listed(value string, budget *int) string {
	if !strings.HasPrefix(value, "[") || len(value) > maxListed {
		return ""
	}
	var list []string
	if json.Unmarshal([]byte(value), &list) != nil {
		return ""
	}
	kept, runes := list[:0], 0
	for _, text := range list {
		text = normalize.TextWithin(text, maxAnswer, budget)
		if runes += utf8.RuneCountInString(text); runes > maxAnswer {
			break
		}
		kept = append(kept, text)
	}
	text, err := json.Marshal(kept)
	if err != nil {
		return ""
	}
	return string(text)
}

func attrs(given map[string]string) map[string]string {
	return tidy(given, maxAttrs, func(key, value string, _ *int) (string, string) {
		return normalize.Line(normalize.Key(cut(key)), 64), filled(normalize.Line(value, maxAttr))
	})
}

// cut returns the beginning of a name, far more of it than is stored.
func cut(name string) string {
	if len(name) <= maxNameSize {
		return name
	}
	return strings.ToValidUTF8(name[:maxNameSize], "")
}

// tidy cleans a map, drops what is empty, and keeps the first entries by name
// where there are too many. The budget of clean is that of normalize.TextWithin.
func tidy(given map[string]string, limit int, clean func(key, value string, budget *int) (string, string)) map[string]string {
	if len(given) == 0 {
		return nil
	}
	if len(given) <= limit && tidied(given, clean) {
		return given
	}
	kept, budget := make(map[string]string, min(len(given), limit)), normalize.Budget
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if len(kept) == limit {
			break
		}
		if key, value := clean(name, given[name], &budget); key != "" && value != "" {
			kept[key] = value
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return kept
}

// tidied tells whether clean changes nothing, and nothing is empty.
func tidied(given map[string]string, clean func(key, value string, budget *int) (string, string)) bool {
	for name, text := range given {
		if key, value := clean(name, text, nil); key != name || value != text || key == "" || value == "" {
			return false
		}
	}
	return true
}
