package forms

import (
	"cmp"
	"net/url"
	"strings"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
)

// Netlify is the source type "netlify": the HTTP notifications of Netlify Forms,
// https://docs.netlify.com/manage/forms/notifications/, and the submission-created
// event of functions, which wraps the same submission. They are signed as under
// https://docs.netlify.com/site-deploys/notifications/#payload-signature; its
// secrets are the "JWS secret tokens". Its options:
//
//	fields    meaning -> name of the form's field
//
// The members of a submission are known from other people's code. The token has
// no time in it: a delivery that is replayed has the id that it had.
type Netlify struct {
	config  ingest.SourceConfig
	mapping *fields.Mapping
}

// NewNetlify is the constructor of the type "netlify".
func NewNetlify(config ingest.SourceConfig) (ingest.Source, error) {
	mapping, err := signedOptions(config)
	if err != nil {
		return nil, err
	}
	return &Netlify{config: config, mapping: mapping}, nil
}

// Verify checks the token in X-Webhook-Signature, and the body against it.
func (n *Netlify) Verify(d *ingest.Delivery) error {
	return verifyJWS(d, "X-Webhook-Signature", "netlify", n.config.Secrets)
}

// Decode reads one submission.
func (n *Netlify) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	p, err := readPayload(d.Body)
	if err != nil {
		return nil, err
	}
	if inner := p.object("payload"); inner != nil {
		p = inner
	}
	data := p.object("data")
	id := p.text("id")
	switch {
	case data == nil && (p.text("build_id") != "" || p.text("deploy_url") != ""):
		return nil, ingest.Ignored("a notification about a deploy")
	case id == "":
		return nil, missing("id")
	case data == nil:
		return nil, missing("data")
	}
	form, err := n.read(data)
	if err != nil {
		return nil, err
	}
	lead := form.Lead
	n.fill(p, &lead.Person)
	lead.ExternalID = id
	lead.FormID, lead.FormName = p.text("form_id"), p.text("form_name")
	lead.PageURL, lead.Referrer = cameFrom(lead, data.text("referrer"), p.text("site_url"))
	lead.Attrs = attrs(map[string]string{"number": p.text("number"), "site_url": p.text("site_url")})
	event := ingest.Event{Kind: ingest.LeadKind, Key: id, Lead: lead}
	return p.dated(event, "created_at", n.config.Location)
}

// read reads what the visitor sent, without what Netlify adds to it.
func (n *Netlify) read(data payload) (*fields.Form, error) {
	answers := answered{mapping: n.mapping}
	sent := make(payload, len(data))
	for name, value := range data {
		switch name {
		case "ip", "user_agent", "referrer", "form-name":
		default:
			sent[name] = value
		}
	}
	if err := answers.all(sent); err != nil {
		return nil, err
	}
	return answers.read(), nil
}

// fill adds what Netlify has made out by itself.
func (n *Netlify) fill(p payload, person *ingest.Person) {
	person.Email = cmp.Or(person.Email, p.text("email"))
	person.Name = cmp.Or(person.Name, p.text("name"))
	person.FirstName = cmp.Or(person.FirstName, p.text("first_name"))
	person.LastName = cmp.Or(person.LastName, p.text("last_name"))
	person.Company = cmp.Or(person.Company, p.text("company"))
	person.Message = cmp.Or(person.Message, p.text("body"))
}

// cameFrom tells the page of the form and what led there. What Netlify calls the
// referrer is that of the post: the page of the form, if it is on the site.
func cameFrom(lead *ingest.Lead, posted, site string) (page, referrer string) {
	page, referrer = lead.PageURL, lead.Referrer
	switch from := host(posted); {
	case from == "":
	case from == host(site):
		page = cmp.Or(page, posted)
	default:
		referrer = cmp.Or(referrer, posted)
	}
	return page, referrer
}

func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(strings.ToLower(u.Hostname()), "www.")
}
