package mail

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/normalize"
)

// maxLabel bounds a label, in runes and words, maxFound how many labels are
// read; what follows the last of them belongs to it.
const (
	maxFound      = 500
	maxLabel      = 60
	maxLabelWords = 8
)

// labelled is a line that begins with a label.
type labelled struct {
	label, value string
	role         fields.Role
	known        bool // the label has a meaning to us
	bare         bool // it stands alone on its line, without a colon
}

// labels are those that a rule for a sender gives a meaning: the names of
// fields that mean it, by the label's normalize.Key.
type labels map[string]string

// answerMark begins the names of fields whose labels mean nothing to us, though
// they sound as if they did.
const answerMark = "answer: "

// roleOf tells what a label means, and under which name it is kept.
func (l labels) roleOf(label string) (name string, role fields.Role, own bool) {
	if len(l) > 0 {
		if name, ok := l[normalize.Key(label)]; ok {
			if name == asAnswer {
				return label, fields.Answer, true
			}
			return name, fields.RoleOf(name), true
		}
	}
	return label, fields.RoleOf(label), false
}

// paragraph is a field under construction.
type paragraph struct {
	name  string
	role  fields.Role
	lines []string
}

func (p *paragraph) empty() bool {
	return !slices.ContainsFunc(p.lines, func(line string) bool { return line != "" })
}

// parseNotification reads the fields of a notification: lines of the form
// "Label: value", or a label and its value on two lines. A message goes on to
// the next label that is known, other answers to the end of their paragraph.
func parseNotification(text string, own labels) []fields.Field {
	var found []paragraph
	filled := make(map[fields.Role]bool)
	open := false // the last field goes on
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		next, ok := labelled{}, false
		if len(found) < maxFound {
			next, ok = own.read(line)
		}
		var last *paragraph
		inMessage := false
		if open {
			last = &found[len(found)-1]
			inMessage = last.role == fields.Message
		}
		switch {
		case ok && next.known && (!next.bare || !inMessage || !filled[next.role]), ok && !next.bare && !inMessage:
			found = append(found, paragraph{name: next.label, role: next.role, lines: []string{next.value}})
			filled[next.role] = filled[next.role] || next.value != ""
			open = next.value == "" || next.role == fields.Message || next.role == fields.Answer
		case !open:
		case inMessage:
			last.lines = append(last.lines, line)
		case line == "":
			open = last.empty()
		default:
			last.lines = append(last.lines, line)
			filled[last.role], open = true, last.role == fields.Answer
		}
	}
	list := make([]fields.Field, 0, len(found))
	for _, p := range found {
		if value := strings.TrimSpace(strings.Join(p.lines, "\n")); value != "" {
			list = append(list, fields.Field{Name: p.name, Values: []string{value}})
		}
	}
	return list
}

// read takes a line apart at its first colon. Marks of emphasis around the
// label ("*Name:* Kim") and of lists before it are left out.
func (l labels) read(line string) (labelled, bool) {
	bare := strings.TrimLeft(line, "*•·-–_ ")
	at := strings.IndexAny(bare, ":：")
	if at < 0 {
		label := strings.TrimRight(bare, "*_ ")
		name, role, own := l.roleOf(clip(label, 8*maxLabel))
		if role == fields.Control || role == fields.ID && !own || role == fields.Test || !isLabel(label) {
			role, own = fields.Answer, false
		}
		known := role != fields.Answer || own
		return labelled{label: name, role: role, known: known, bare: true}, known
	}
	_, size := utf8.DecodeRuneInString(bare[at:])
	found := labelled{label: strings.Trim(bare[:at], "*_ "), value: strings.TrimSpace(bare[at+size:])}
	if emphasis := len(line) - len(strings.TrimLeft(line, "*_")); emphasis > 0 {
		found.value = strings.TrimSpace(strings.TrimLeft(found.value, "*_"))
	}
	if !isShort(found.label) || strings.HasPrefix(found.value, "//") {
		return labelled{}, false
	}
	var tagging ingest.Tagging
	name, role, own := l.roleOf(found.label)
	if role == fields.Answer && !own && isSentence(found.label) {
		return labelled{}, false
	}
	found.label, found.role = name, role
	found.known = own || role != fields.Answer || normalize.AddTag(&tagging, name, found.value)
	// "Call at 12:30" has no label.
	spaced := bare[at] != ':' || len(bare) == at+1 || isSpace(rune(bare[at+1])) || bare[at+1] == '*'
	return found, found.known || spaced
}

// isLabel tells whether a text can be a label: short, with letters, and
// neither an address nor a sentence.
func isLabel(text string) bool { return isShort(text) && !isSentence(text) }

func isShort(text string) bool {
	if len(text) > 4*maxLabel || utf8.RuneCountInString(text) > maxLabel || strings.ContainsAny(text, "@\n") || strings.Contains(text, "://") {
		return false
	}
	return strings.IndexFunc(text, unicode.IsLetter) >= 0 && len(strings.Fields(text)) <= maxLabelWords
}

// isSentence tells whether a text ends a sentence before its own end.
func isSentence(text string) bool {
	return strings.ContainsAny(text, ".!;") && strings.Contains(text, " ") && !strings.HasSuffix(text, ".")
}

// isNotification tells whether fields read from a mail are those of a form. A
// robot's mail needs one way to reach somebody. A person's must speak of
// somebody by name or by another address: people end letters with "Phone: …".
func isNotification(found []fields.Field, from string, robot bool) bool {
	var name, email, other bool
	another := false
	for _, f := range found {
		switch fields.RoleOf(f.Name) {
		case fields.Email:
			email = true
			another = another || !strings.Contains(strings.ToLower(f.Values[0]), strings.ToLower(from))
		case fields.Phone, fields.Message:
			other = true
		case fields.Name, fields.FirstName, fields.LastName:
			name = true
		}
	}
	if robot {
		return email || other
	}
	return another || name && (email || other)
}
