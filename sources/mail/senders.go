package mail

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/normalize"
)

// SenderOptions are one rule of options.senders: how the mails of a sender are
// read. From and Subject choose the mails, without regard to case; * stands for
// any text.
type SenderOptions struct {
	// From is the address in From, of the envelope, or of a mail that was
	// forwarded: "*@portal.example".
	From    string `json:"from"`
	Subject string `json:"subject"`
	// Ignore keeps their mails without counting them.
	Ignore bool `json:"ignore"`
	// Robot says that the address writes about others (true) or for itself
	// (false), where the address does not tell.
	Robot *bool `json:"robot"`
	// Fields gives labels in the mail a meaning: "Kunde": "name". The meanings
	// are those of a field mapping; "answer" takes a meaning away.
	Fields map[string]string `json:"fields"`
	// Patterns find what has no label: a regular expression (RE2) with one
	// group, by the meaning of what it finds: "phone": "reached at ([+0-9 ]+)".
	Patterns map[string]string `json:"patterns"`
	// Start and End are texts between which the fields stand.
	Start string `json:"start"`
	End   string `json:"end"`
	// Set gives what the mails do not say: "utm_source": "portal".
	Set map[string]string `json:"set"`
}

// personal are the meanings that no two mails share.
var personal = []fields.Role{
	fields.ID, fields.OccurredAt, fields.Email, fields.Phone, fields.Name, fields.FirstName, fields.LastName, fields.Message, fields.VisitorID,
}

// asAnswer is the meaning of a label that has none.
const asAnswer = "answer"

// sender is a rule, checked. A nil one does nothing.
type sender struct {
	SenderOptions
	labels   labels
	roles    map[string]bool
	patterns []pattern
	set      []fields.Field
}

type pattern struct {
	role string
	text *regexp.Regexp
}

func newSender(o SenderOptions) (*sender, error) {
	s := &sender{SenderOptions: o, labels: make(labels, len(o.Fields)), roles: make(map[string]bool)}
	s.From, s.Subject = strings.ToLower(o.From), strings.ToLower(o.Subject)
	if o.From == "" && o.Subject == "" {
		return nil, errors.New("from: says whose mails are meant, such as *@portal.example (got nothing)")
	}
	if o.Robot != nil && o.From == "" {
		return nil, errors.New("robot: needs from, which says of whom")
	}
	for _, label := range slices.Sorted(maps.Keys(o.Fields)) {
		role, key := o.Fields[label], normalize.Key(label)
		if key == "" {
			return nil, fmt.Errorf("fields: a label without letters (got %q)", label)
		}
		if _, twice := s.labels[key]; twice {
			return nil, fmt.Errorf("fields: two labels that differ in no letter (got %q)", label)
		}
		if role == asAnswer {
			s.labels[key] = asAnswer
			continue
		}
		name, err := fieldOf(role)
		if err != nil {
			return nil, fmt.Errorf("fields: %s: %w", label, err)
		}
		s.labels[key], s.roles[role] = name, true
	}
	for role, text := range o.Patterns {
		name, err := fieldOf(role)
		if err != nil {
			return nil, fmt.Errorf("patterns: %w", err)
		}
		re, err := regexp.Compile(text)
		if err != nil {
			return nil, fmt.Errorf("patterns: %s: %w", role, err)
		}
		if re.NumSubexp() != 1 {
			return nil, fmt.Errorf("patterns: %s: needs one group (…) around what it finds (got %d)", role, re.NumSubexp())
		}
		s.patterns, s.roles[role] = append(s.patterns, pattern{name, re}), true
	}
	for role, value := range o.Set {
		name, err := fieldOf(role)
		if err != nil {
			return nil, fmt.Errorf("set: %w", err)
		}
		if slices.Contains(personal, fields.Role(role)) {
			return nil, fmt.Errorf("set: %s is each lead's own (known: company, form_name, page_url, utm_source and the like)", role)
		}
		s.set = append(s.set, fields.Field{Name: name, Values: []string{value}})
	}
	// The order of a map is nobody's.
	slices.SortFunc(s.patterns, func(a, b pattern) int { return strings.Compare(a.role, b.role) })
	slices.SortFunc(s.set, func(a, b fields.Field) int { return strings.Compare(a.Name, b.Name) })
	return s, nil
}

// fieldOf returns the name of a field that means role by its name.
func fieldOf(role string) (string, error) {
	if _, err := fields.NewMapping(map[string]string{role: "x"}); err != nil {
		return "", fmt.Errorf("%q is not a meaning that is known, such as name, email, phone, message or utm_source", role)
	}
	if role == string(fields.Test) {
		return "is_test", nil
	}
	return role, nil
}

// glob compares a text with a pattern in which * stands for anything.
func glob(pattern, text string) bool {
	text = strings.ReplaceAll(strings.ToLower(text), "/", " ")
	ok, err := path.Match(strings.NewReplacer("/", " ", "[", `\[`, "?", `\?`, `\`, `\\`).Replace(pattern), text)
	return err == nil && ok
}

// ruleFor returns the first rule that a mail fits, and its number.
func (b *inbox) ruleFor(m *message) (*sender, int) {
	from := []string{address(m.from).Address, address(m.envelopeFrom).Address}
	for _, l := range m.letters {
		from = append(from, address(l.from).Address)
	}
	for i, s := range b.senders {
		fits := s.From == "" || slices.ContainsFunc(from, func(a string) bool { return a != "" && glob(s.From, a) })
		if fits && (s.Subject == "" || glob(s.Subject, clip(m.subject, maxKey))) {
			return s, i
		}
	}
	return nil, 0
}

// isRobot tells whether an address writes about others.
func (s *sender) isRobot(address string) bool {
	if s != nil && s.Robot != nil && glob(s.From, address) {
		return *s.Robot
	}
	return isRobot(address)
}

// maps tells whether the rule says where a meaning stands.
func (s *sender) maps(role string) bool { return s != nil && s.roles[role] }

// own returns the rule's labels.
func (s *sender) own() labels {
	if s == nil {
		return nil
	}
	return s.labels
}

// between returns the part of a letter in which the fields stand.
func (s *sender) between(text string) string {
	if s == nil {
		return text
	}
	if _, after, ok := strings.Cut(text, s.Start); ok && s.Start != "" {
		text = after
	}
	if before, _, ok := strings.Cut(text, s.End); ok && s.End != "" {
		text = before
	}
	return text
}

// find returns what the rule's patterns find.
func (s *sender) find(text string) []fields.Field {
	if s == nil {
		return nil
	}
	var found []fields.Field
	for _, p := range s.patterns {
		if match := p.text.FindStringSubmatch(text); match != nil && strings.TrimSpace(match[1]) != "" {
			found = append(found, fields.Field{Name: p.role, Values: []string{strings.TrimSpace(match[1])}})
		}
	}
	return found
}

// complete adds what the rule says of all its mails, where they do not.
func (s *sender) complete(lead *ingest.Lead) {
	if s == nil || len(s.set) == 0 {
		return
	}
	given := new(fields.Mapping).Read(s.set).Lead
	lead.Tagging = normalize.Merge(lead.Tagging, given.Tagging)
	lead.Test = lead.Test || given.Test
	for _, pair := range [][2]*string{
		{&lead.Person.Company, &given.Person.Company}, {&lead.PageURL, &given.PageURL}, {&lead.Referrer, &given.Referrer},
		{&lead.FormID, &given.FormID}, {&lead.FormName, &given.FormName}, {&lead.CampaignID, &given.CampaignID},
		{&lead.AdgroupID, &given.AdgroupID}, {&lead.AdID, &given.AdID},
	} {
		if *pair[0] == "" {
			*pair[0] = *pair[1]
		}
	}
}
