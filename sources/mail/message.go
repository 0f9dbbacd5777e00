package mail

import (
	"cmp"
	"net/mail"
	"regexp"
	"strings"
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
	from, replyTo string // as in the header, with or without a name
	recipients    []string
	subject       string
	text, html    string
	// reply is the new part of an answer, as the provider cut it out.
	reply string
}

// lead reads who is asking, and what. Region is for national phone numbers.
func (m *message) lead(region string) *ingest.Lead {
	from := address(m.from)
	letter := readLetter(m.text)
	found := parseNotification(letter.text)
	if m.html != "" && !isNotification(found, from.Address) {
		fromHTML := readLetter(textOf(m.html))
		if inHTML := parseNotification(fromHTML.text); letter.text == "" || isNotification(inHTML, from.Address) {
			letter, found = fromHTML, inHTML
		}
	}
	reports := isNotification(found, from.Address)
	if !reports {
		found = phonesOnly(found)
	}
	form := new(fields.Mapping).Read(found)
	lead := form.Lead
	if lead.Person.Answers == nil {
		lead.Person.Answers = make(map[string]string)
	}
	answer := func(name, text string) {
		if text != "" {
			lead.Person.Answers[name] = text
		}
	}
	answer("id", form.ID)
	if lead.Person.Message == "" && (!reports || !isRobot(from.Address)) {
		lead.Person.Message = cmp.Or(m.reply, letter.text)
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
	if sender := m.sender(letter, from); sender != nil && lead.Person.Email == "" {
		lead.Person.Email = sender.Address
		lead.Person.Name = cmp.Or(lead.Person.Name, sender.Name)
	}
	answer("subject", m.subject)
	if !strings.EqualFold(from.Address, lead.Person.Email) {
		answer("from_address", from.Address)
	}
	return lead
}

// sender returns the person behind the mail, nil if there is only a robot. Who
// passed a mail on is not its sender.
func (m *message) sender(l letter, from *mail.Address) *mail.Address {
	candidates := []*mail.Address{address(m.replyTo), from}
	if l.forwarded {
		candidates = []*mail.Address{address(l.replyTo), address(l.from)}
	}
	robots := isRobot(candidates[1].Address)
	for i, c := range candidates {
		switch {
		case c.Address == "", isRobot(c.Address), m.isRecipient(c.Address):
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

// address reads the first address of a header; its Address is empty if there
// is none.
func address(header string) *mail.Address {
	header = strings.TrimSpace(clip(header, maxAddress))
	if list, err := mail.ParseAddressList(header); err == nil && len(list) > 0 {
		return list[0]
	}
	if found := addressPattern.FindString(header); found != "" {
		name, _, _ := strings.Cut(header, "<")
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
	found := addressPattern.FindString(*text)
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
		phone, err = normalize.Phone(phonePattern.FindString(text), region)
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
