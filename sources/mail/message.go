package mail

import (
	"cmp"
	"net/mail"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/normalize"
)

// How much of a mail is read, in bytes: who asks says so in far less. The rest
// stays in the kept delivery.
const (
	maxText    = 1 << 20
	maxHTML    = 2 << 20
	maxAddress = 4 << 10 // of a header with addresses
)

// clip cuts a text between two characters.
func clip(text string, size int) string {
	if len(text) <= size {
		return text
	}
	for size > 0 && !utf8.RuneStart(text[size]) {
		size--
	}
	return text[:size]
}

// message is an inbound mail, as every provider delivers one.
type message struct {
	id            string // its Message-ID, without brackets
	externalID    string // the provider's own id, where it has one
	from, replyTo string // as in the header, with or without a name
	fromName      string // the sender's, where it is told apart
	envelopeFrom  string
	recipient     string // whom the envelope names
	recipients    []string
	subject, date string
	at            time.Time // of receipt by the provider
	text, html    string
	reply         string // the new part of an answer, as the provider cut it out
	header        func(name string) string
	attachments   []attachment
	attrs         map[string]string
	spam          []string
	test          bool

	letters []letter // of the text, and of the page if there is one
}

// readLetters takes the words out of what surrounds them.
func (m *message) readLetters() {
	m.letters = []letter{readLetter(m.text)}
	if m.html != "" {
		m.letters = append(m.letters, readLetter(textOf(m.html)))
	}
}

// reading is what a mail says in words.
type reading struct {
	lead     *ingest.Lead
	id, time string // that a form put into it
}

// lead reads who is asking, and what. Region is for national phone numbers.
func (m *message) lead(region string, rule *sender) reading {
	from := address(m.from)
	from.Address = cmp.Or(from.Address, address(m.envelopeFrom).Address)
	robot := from.Address == "" || rule.isRobot(from.Address)
	letter, found, reports := m.fields(rule, from.Address, robot)
	if !reports {
		found = phonesOnly(found)
	}
	form := (&fields.Mapping{Timed: rule.maps("occurred_at")}).Read(found)
	lead := form.Lead
	if lead.Person.Answers == nil {
		lead.Person.Answers = make(map[string]string)
	}
	answer := func(name, text string) {
		if text != "" {
			lead.Person.Answers[name] = text
		}
	}
	for name, text := range lead.Person.Answers {
		if label, ok := strings.CutPrefix(name, answerMark); ok {
			delete(lead.Person.Answers, name)
			answer(label, text)
		}
	}
	if lead.Person.Message == "" && (!reports || !robot) {
		if lead.Person.Message = letter.text; !letter.forwarded { // whose words no provider keeps apart
			lead.Person.Message = cmp.Or(m.reply, letter.text)
		}
	}
	if !readAddress(&lead.Person.Email) {
		answer("email", lead.Person.Email)
		lead.Person.Email = ""
	}
	if phone, ok := readPhone(lead.Person.Phone, region); ok {
		lead.Person.Phone = phone
	} else {
		answer("phone", lead.Person.Phone)
		lead.Person.Phone = ""
	}
	if sender := m.sender(letter, from, rule); sender != nil && lead.Person.Email == "" {
		lead.Person.Email = sender.Address
		lead.Person.Name = cmp.Or(lead.Person.Name, sender.Name)
	}
	return reading{lead: lead, id: form.ID, time: form.Time}
}

// fields returns the fields of the letter that has them, and whether they are
// those of a notification. Otherwise it is the text, or the page where the text
// is empty.
func (m *message) fields(rule *sender, from string, robot bool) (best letter, found []fields.Field, reports bool) {
	for i, l := range m.letters {
		l.text = rule.between(l.text)
		these := append(rule.find(l.text), parseNotification(l.text, rule.own())...)
		is := isNotification(these, from, robot)
		if i == 0 || is || best.text == "" {
			best, found, reports = l, these, is
		}
		if is {
			break
		}
	}
	return best, found, reports
}

// sender returns the person behind the mail, nil if there is only a robot. Who
// passed a mail on is not its sender.
func (m *message) sender(l letter, from *mail.Address, rule *sender) *mail.Address {
	candidates := []*mail.Address{address(m.replyTo), from}
	if l.forwarded {
		candidates = []*mail.Address{address(l.replyTo), address(l.from)}
	}
	robots := rule.isRobot(candidates[1].Address)
	for i, c := range candidates {
		switch {
		case c.Address == "", rule.isRobot(c.Address), m.isRecipient(c.Address):
		case i == 0 && robots && strings.EqualFold(domain(c.Address), domain(candidates[1].Address)):
			// The robot's own help desk.
		default:
			return c
		}
	}
	return nil
}

func (m *message) isRecipient(address string) bool {
	for _, recipient := range m.recipients {
		if strings.EqualFold(recipient, address) {
			return true
		}
	}
	return false
}

// addresses reads all addresses of a header.
func addresses(header string) []string {
	header = clip(header, maxAddress)
	var found []string
	list, err := mail.ParseAddressList(header)
	if err != nil {
		return addressPattern.FindAllString(header, maxAttachments)
	}
	for _, a := range list {
		found = append(found, a.Address)
	}
	return found
}

// address reads the first address of a header; its Address is empty if there
// is none.
func address(header string) *mail.Address {
	header = strings.TrimSpace(clip(header, maxAddress))
	if list, err := mail.ParseAddressList(header); err == nil && len(list) > 0 {
		return list[0]
	}
	if found := addressPattern.FindString(header); found != "" {
		name, _, _ := strings.Cut(header, "<")
		name, _, _ = strings.Cut(name, "[") // Outlook: Kim Lee [mailto:kim@example.com]
		if strings.Contains(name, "@") {
			name = ""
		}
		return &mail.Address{Name: strings.Trim(name, ` "'`), Address: found}
	}
	return &mail.Address{}
}

func domain(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }

var addressPattern = regexp.MustCompile(`[\pL\pN._%+'-]+@[\pL\pN-]+(?:\.[\pL\pN-]+)+`)

// readAddress reduces what stands behind an e-mail label to the address. It
// reports whether there is one, or nothing at all.
func readAddress(text *string) bool {
	if _, err := normalize.Email(*text); err == nil || *text == "" {
		return true
	}
	found := addressPattern.FindString(clip(*text, maxAddress))
	if _, err := normalize.Email(found); err != nil {
		return false
	}
	*text = found
	return true
}

var phonePattern = regexp.MustCompile(`[+(]?\d[\d\s()./-]{4,}\d`)

// readPhone reads the number behind a label, also among words ("… (office)")
// and before a link ("… <tel:…>").
func readPhone(text, region string) (string, bool) {
	text, _, _ = strings.Cut(text, "<")
	if text = strings.TrimSpace(text); text == "" {
		return "", true
	}
	phone, err := normalize.Phone(text, region)
	if err != nil {
		phone, err = normalize.Phone(phonePattern.FindString(clip(text, maxAddress)), region)
	}
	return phone, err == nil
}

// phonesOnly keeps what a letter's signature can say about its writer.
func phonesOnly(found []fields.Field) []fields.Field {
	for _, f := range found {
		if fields.RoleOf(f.Name) == fields.Phone {
			return []fields.Field{f}
		}
	}
	return nil
}

// robots are the words in addresses that nobody reads.
var robots = map[string]bool{
	"noreply": true, "donotreply": true, "nepasrepondre": true, "nichtantworten": true, "notification": true, "notifications": true,
	"notify": true, "notifier": true, "alert": true, "alerts": true, "bounce": true, "bounces": true, "mailer": true, "daemon": true,
	"postmaster": true, "webmaster": true, "wordpress": true, "webform": true, "webforms": true, "form": true, "forms": true,
	"formular": true, "robot": true, "bot": true, "system": true, "server": true, "leads": true, "website": true, "automailer": true,
	"mailerdaemon": true, "formsubmit": true, "newsletter": true, "apache": true, "www": true,
}

// isRobot tells whether an address is one that programs write from.
func isRobot(address string) bool {
	local, _, _ := strings.Cut(strings.ToLower(address), "@")
	if joined := strings.NewReplacer("-", "", "_", "", ".", "").Replace(local); robots[joined] || strings.HasPrefix(joined, "noreply") || strings.HasPrefix(joined, "donotreply") {
		return true
	}
	for word := range strings.FieldsFuncSeq(local, func(c rune) bool { return strings.ContainsRune("-_.+=", c) }) {
		if robots[word] {
			return true
		}
	}
	return false
}
