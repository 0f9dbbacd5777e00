package mail

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/normalize"
)

// ADF, the Auto-lead Data Format 1.0, is how portals tell car dealers who asks
// for which vehicle: https://adfxml.info/adf_spec.pdf. It is read as it really
// arrives: see parseXML. Its standard says nothing of how prospects are counted:
// they are by their id, under the name of who gave it; a prospect that is sent
// again replaces the one before.

const (
	maxProspects = 200
	maxNumbers   = 20 // addresses or numbers of one contact, and vehicles of one prospect
)

// prospect is one customer who asks, with what stands around it.
type prospect struct {
	*element
	vendor, provider *element
}

// prospects returns those in a mail's text, its page or its attachments, none
// if it holds no ADF.
func (m *message) prospects() ([]prospect, error) {
	texts := []string{m.text}
	for i, read := 0, 0; i < len(m.attachments) && read < maxReadInside; i++ {
		if a := &m.attachments[i]; a.isXML() && len(a.content) > 0 {
			texts = append(texts, decodeXML(a.content, a.charset))
			read++
		}
	}
	if texts = append(texts, m.html); strings.Contains(m.html, "&lt;") {
		texts = append(texts, textOf(m.html)) // written out for people to see
	}
	for _, text := range texts {
		source, ok := adfIn(text)
		if !ok {
			continue
		}
		if strings.Contains(strings.ToLower(text), "<!entity") {
			return nil, fmt.Errorf("%w: XML with entities of its own", ingest.ErrMalformed)
		}
		found, err := parseADF(source)
		if err != nil || len(found) > 0 {
			return found, err
		}
	}
	return nil, nil
}

// decodeXML brings an XML file to UTF-8 by its declaration.
func decodeXML(content []byte, charset string) string {
	if head := string(content[:min(len(content), 200)]); charset == "" {
		if _, after, ok := strings.Cut(head, "encoding="); ok && len(after) > 1 {
			charset, _, _ = strings.Cut(after[1:], after[:1])
		}
	}
	return decodeText(content, charset, new(guesser))
}

// adfIn returns the ADF in a text, from its first sign to its end, without marks
// of quotation.
func adfIn(text string) (string, bool) {
	lower := strings.ToLower(text)
	if len(lower) != len(text) {
		lower = text // some letters change their length with their case
	}
	at := -1
	for _, sign := range []string{"<?adf", "<adf>", "<adf ", "<prospect>", "<prospect "} {
		if i := strings.Index(lower, sign); i >= 0 && (at < 0 || i < at) {
			at = i
		}
	}
	if at < 0 {
		return "", false
	}
	if end := strings.LastIndex(lower, "</adf>"); end > at {
		text = text[:end]
	}
	text = text[at:]
	if strings.Contains(text, "\n>") {
		lines := strings.Split(text, "\n")
		for i := range lines {
			lines[i] = unquote(lines[i])
		}
		text = strings.Join(lines, "\n")
	}
	return text, true
}

// parseADF reads the prospects of an ADF text.
func parseADF(text string) ([]prospect, error) {
	root, err := parseXML(text)
	if err != nil {
		return nil, err
	}
	var found []prospect
	var look func(e *element)
	look = func(e *element) {
		for _, child := range e.children {
			if child.name != "prospect" {
				look(child)
			} else if len(found) < maxProspects {
				p := prospect{element: child, vendor: child.one("vendor"), provider: child.one("provider")}
				// Some write them once, beside the prospects.
				p.vendor, p.provider = cmp.Or(p.vendor, e.one("vendor")), cmp.Or(p.provider, e.one("provider"))
				found = append(found, p)
				look(child) // one whose end is missing holds the next
			}
		}
	}
	look(root)
	return found, nil
}

// prospectEvents makes an event of each prospect; key is for those without an
// id.
func (b *inbox) prospectEvents(prospects []prospect, key string) []ingest.Event {
	events := make([]ingest.Event, len(prospects))
	seen := make(map[string]int, len(prospects))
	for i, p := range prospects {
		lead := &ingest.Lead{ExternalID: p.id(), Attrs: make(map[string]string)}
		lead.Person.Answers = make(map[string]string)
		e := ingest.Event{Kind: ingest.LeadKind, Key: lead.ExternalID, Mutable: true, Lead: lead}
		if e.Key == "" || len(e.Key) > maxKey {
			e.Key, e.Mutable = key, false
		}
		if seen[e.Key]++; seen[e.Key] > 1 {
			e.Key += "#" + strconv.Itoa(seen[e.Key])
		}
		e.OccurredAt, e.Zone = b.requestTime(p.under("requestdate"))
		p.read(lead, b.region)
		events[i] = e
	}
	return events
}

// localTimes are how people write times, besides what normalize.Time knows; in
// North America the month comes first.
var (
	localTimes    = []string{"2/1/2006 15:04:05", "2/1/2006 15:04", "2/1/2006 3:04:05 PM", "2/1/2006 3:04 PM", "2/1/2006", "2.1.2006 15:04:05", "2.1.2006 15:04", "2.1.2006"}
	americanTimes = []string{"1/2/2006 15:04:05", "1/2/2006 15:04", "1/2/2006 3:04:05 PM", "1/2/2006 3:04 PM", "1/2/2006", "1-2-2006 15:04:05"}
)

// requestTime reads when a prospect asked; the zero time is when the mail came.
func (b *inbox) requestTime(text string) (time.Time, string) {
	if text == "" {
		return time.Time{}, ""
	}
	if at, zone, err := normalize.Time(text, b.location); err == nil {
		return at, zone
	}
	layouts := localTimes
	if b.region == "US" || b.region == "CA" {
		layouts = americanTimes
	}
	for _, layout := range layouts {
		if at, err := time.ParseInLocation(layout, clip(text, maxLabel), b.location); err == nil {
			return at.UTC(), b.location.String()
		}
	}
	return time.Time{}, ""
}

// id returns the prospect's id, behind the name of who gave it.
func (p *prospect) id() string {
	for _, id := range p.all("id") {
		if text := id.value(); text != "" {
			if source := id.attr("source"); source != "" {
				return source + ":" + text
			}
			return text
		}
	}
	return ""
}

func (p *prospect) read(lead *ingest.Lead, region string) {
	customer := p.one("customer")
	contact := primary(customer.all("contact"))
	if contact == nil {
		contact = customer
	}
	if contact == nil {
		contact = p.one("contact")
	}
	readContact(lead, contact, region)
	readVehicles(lead, p.all("vehicle"))
	var comments []string
	for _, e := range []*element{customer, contact, p.element} {
		if text := e.under("comments"); text != "" && !slices.Contains(comments, text) {
			comments = append(comments, text)
		}
	}
	lead.Person.Message = strings.Join(comments, "\n\n")
	timeframe := customer.one("timeframe")
	for name, text := range map[string]string{
		"timeframe": timeframe.under("description"), "earliest_date": timeframe.under("earliestdate"), "latest_date": timeframe.under("latestdate"),
	} {
		lead.Person.Answers[name] = text
	}
	vendor, provider := p.vendor, p.provider
	for name, text := range map[string]string{
		"prospect_status": p.attr("status"),
		"vendor":          cmp.Or(vendor.under("vendorname"), nameOf(vendor.one("contact")), vendor.under("name")),
		"vendor_id":       vendor.under("id"), "vendor_url": vendor.under("url"),
		"provider":    cmp.Or(nameOf(provider), nameOf(provider.one("contact"))),
		"provider_id": provider.under("id"), "provider_service": provider.under("service"), "provider_url": provider.under("url"),
	} {
		lead.Attrs[name] = text
	}
}

// primary returns the contact that is said to be it, else the first.
func primary(contacts []*element) *element {
	for _, c := range contacts {
		if c.attr("primarycontact") == "1" {
			return c
		}
	}
	if len(contacts) > 0 {
		return contacts[0]
	}
	return nil
}

// preferred returns the elements with what the customer prefers first.
func preferred(list []*element) []*element {
	list = slices.DeleteFunc(slices.Clone(list[:min(len(list), maxNumbers)]), func(e *element) bool { return e.value() == "" })
	slices.SortStableFunc(list, func(a, b *element) int {
		return strings.Compare(b.attr("preferredcontact"), a.attr("preferredcontact"))
	})
	return list
}

func nameOf(contact *element) string {
	var p ingest.Person
	readNames(&p, contact)
	return cmp.Or(p.Company, p.Name)
}

// readNames joins the parts of a name.
func readNames(person *ingest.Person, contact *element) {
	var middle, suffix string
	for _, name := range contact.all("name") {
		text, part := name.value(), strings.ToLower(name.attr("part"))
		switch {
		case text == "":
		case strings.EqualFold(name.attr("type"), "business"):
			person.Company = cmp.Or(person.Company, text)
		case part == "first":
			person.FirstName = cmp.Or(person.FirstName, text)
		case part == "last":
			person.LastName = cmp.Or(person.LastName, text)
		case part == "middle":
			middle = text
		case part == "suffix":
			suffix = text
		default:
			person.Name = cmp.Or(person.Name, text)
		}
	}
	if person.Name == "" {
		person.Name = strings.Join(strings.Fields(person.FirstName+" "+middle+" "+person.LastName+" "+suffix), " ")
	}
}

func readContact(lead *ingest.Lead, contact *element, region string) {
	person := &lead.Person
	readNames(person, contact)
	for i, email := range preferred(contact.all("email")) {
		text := email.value()
		if _, err := normalize.Email(text); err == nil && person.Email == "" {
			person.Email = text
		} else {
			person.Answers[numbered("email", i)] = text
		}
	}
	for i, phone := range preferred(contact.all("phone")) {
		text, kind := phone.value(), strings.ToLower(phone.attr("type"))
		number, ok := readPhone(text, region)
		if ok && person.Phone == "" && kind != "fax" && kind != "pager" {
			person.Phone = number
			if at := phone.attr("time"); at != "nopreference" {
				person.Answers["phone_time"] = at
			}
		} else {
			person.Answers[numbered(cmp.Or(kind, "phone"), i)] = text
		}
	}
	address := contact.one("address")
	lines := make([]string, 0, 8)
	for _, name := range []string{"street", "apartment", "postalcode", "city", "regioncode", "country"} {
		for _, line := range address.all(name) {
			if text := line.value(); text != "" && len(lines) < maxLabel {
				lines = append(lines, text)
			}
		}
	}
	person.Answers["address"] = strings.Join(lines, ", ")
}

func numbered(name string, i int) string {
	if i == 0 {
		return name
	}
	return name + " " + strconv.Itoa(i+1)
}

// vehicleParts are what is told of a vehicle, in the order of a sentence.
var vehicleParts = []string{
	"year", "make", "model", "trim", "vin", "stock", "odometer", "price", "condition", "bodystyle", "doors", "transmission",
}

// readVehicles says which vehicle is asked for, in attributes, since it is the
// dealer's. What the customer offers, and further ones, are answers.
func readVehicles(lead *ingest.Lead, vehicles []*element) {
	asked := false
	for i, v := range vehicles[:min(len(vehicles), maxNumbers)] {
		interest := strings.ToLower(v.attr("interest"))
		theirs := interest == "trade-in" || interest == "sell"
		if asked || theirs {
			name := numbered("vehicle", i)
			if theirs {
				name = "their_" + name
			}
			lead.Person.Answers[name] = describe(v)
		} else {
			asked = true
			lead.Attrs["vehicle_interest"], lead.Attrs["vehicle_status"] = interest, strings.ToLower(v.attr("status"))
			for _, part := range vehicleParts {
				lead.Attrs["vehicle_"+part] = vehiclePart(v, part)
			}
		}
		if text := v.under("comments"); text != "" {
			lead.Person.Answers[numbered("vehicle_comments", i)] = text
		}
	}
}

func vehiclePart(v *element, name string) string {
	part := v.one(name)
	unit := cmp.Or(part.attr("units"), part.attr("currency"))
	return strings.TrimSpace(part.value() + " " + unit)
}

func describe(v *element) string {
	words := []string{strings.ToLower(v.attr("interest")), strings.ToLower(v.attr("status"))}
	for _, part := range vehicleParts {
		words = append(words, vehiclePart(v, part))
	}
	return strings.Join(strings.Fields(strings.Join(words, " ")), " ")
}
