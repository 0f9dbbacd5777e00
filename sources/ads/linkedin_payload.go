package ads

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
)

// linkedInFetched is what was fetched: the entities leadFormResponses and
// leadForms of https://learn.microsoft.com/en-us/linkedin/marketing/lead-sync/lead-sync-schema.
// A response alone, without the object around it, is read too.
type linkedInFetched struct {
	Response *linkedInResponse `json:"response"`
	Form     *linkedInForm     `json:"form"`
	linkedInResponse
}

type linkedInResponse struct {
	ID       text          `json:"id"`
	Owner    linkedInOwner `json:"owner"`
	Entity   linkedInOwner `json:"associatedEntity"`
	LeadType text          `json:"leadType"`
	Metadata struct {
		Sponsored struct {
			Campaign text `json:"campaign"`
		} `json:"sponsoredLeadMetadata"`
	} `json:"leadMetadata"`
	FormURN     text `json:"versionedLeadGenFormUrn"`
	SubmittedAt text `json:"submittedAt"`
	Test        text `json:"testLead"`
	Form        struct {
		Answers  fields.Few[linkedInAnswer] `json:"answers"`
		Consents fields.Few[struct {
			ID       text `json:"consentId"`
			Accepted text `json:"accepted"`
		}] `json:"consentResponses"`
	} `json:"formResponse"`
}

type linkedInAnswer struct {
	QuestionID text `json:"questionId"`
	Details    struct {
		Text struct {
			Answer texts `json:"answer"`
		} `json:"textQuestionAnswer"`
		Choice struct {
			Options texts `json:"options"`
		} `json:"multipleChoiceAnswer"`
	} `json:"answerDetails"`
}

type linkedInForm struct {
	Name         text           `json:"name"`
	Locale       linkedInLocale `json:"creationLocale"`
	HiddenFields fields.Few[struct {
		Name  text `json:"name"`
		Value text `json:"value"`
	}] `json:"hiddenFields"`
	Content struct {
		Questions fields.Few[linkedInQuestion] `json:"questions"`
	} `json:"content"`
}

type linkedInQuestion struct {
	ID         text         `json:"questionId"`
	Predefined text         `json:"predefinedField"`
	Name       text         `json:"name"`
	Question   linkedInText `json:"question"`
	Details    struct {
		Choice struct {
			Options fields.Few[struct {
				ID   text         `json:"id"`
				Text linkedInText `json:"text"`
			}] `json:"options"`
		} `json:"multipleChoiceQuestionDetails"`
	} `json:"questionDetails"`
}

type linkedInLocale struct {
	Language text `json:"language"`
	Country  text `json:"country"`
}

// linkedInText is a text in several languages.
type linkedInText struct {
	Localized map[string]text `json:"localized"`
}

// in returns the text in the form's own language, else in the first by name.
func (t linkedInText) in(locale linkedInLocale) string {
	if own := t.Localized[string(locale.Language+"_"+locale.Country)]; own != "" {
		return string(own)
	}
	for _, name := range slices.Sorted(maps.Keys(t.Localized)) {
		if t.Localized[name] != "" {
			return string(t.Localized[name])
		}
	}
	return ""
}

// fetched reads a lead that LinkedIn answered with.
func (l *LinkedIn) fetched(d *ingest.Delivery) ([]ingest.Event, error) {
	reference, err := asked(d)
	if err != nil {
		return nil, err
	}
	var body linkedInFetched
	if err := decode(d.Body, "a LinkedIn lead", &body); err != nil {
		return nil, err
	}
	p := cmp.Or(body.Response, &body.linkedInResponse)
	id, err := answeredID(leadID(string(p.ID)), reference)
	if err != nil {
		return nil, err
	}
	sent, known := l.answers(p, body.Form)
	lead := new(fields.Mapping).Read(sent).Lead
	lead.ExternalID, lead.Test = id, p.Test == "true"
	form, version := versionedForm(cmp.Or(string(p.FormURN), reference.Args["form"]))
	lead.FormID = form
	lead.CampaignID, lead.AdID = idOf(string(p.Metadata.Sponsored.Campaign)), p.Entity.creative()
	lead.Platform = paidOn("linkedin", lead)
	lead.Attrs = map[string]string{
		"lead_type": string(p.LeadType), "form_version": version,
		"owner": p.Owner.urn(), "associated_entity": p.Entity.other(),
	}
	if body.Form != nil {
		lead.FormName = string(body.Form.Name)
	}
	if !known {
		lead.Attrs["needs_form_definition"] = "true"
	}
	for _, consent := range p.Form.Consents {
		if consent.ID != "" {
			lead.Attrs["consent_"+string(consent.ID)] = yesNo(consent.Accepted)
		}
	}
	event := ingest.Event{Kind: ingest.LeadKind, Key: id, Mutable: true, Lead: lead}
	return []ingest.Event{event}, occurred(&event, "submittedAt", p.SubmittedAt, l.config.Location)
}

// answers are under what the options, or else the form, say that was asked, or
// under the id of the question. known tells whether that was said of all.
func (l *LinkedIn) answers(p *linkedInResponse, form *linkedInForm) (list []fields.Field, known bool) {
	if form == nil {
		form = new(linkedInForm)
	}
	questions := make(map[text]*linkedInQuestion, len(form.Content.Questions))
	for i := range form.Content.Questions {
		questions[form.Content.Questions[i].ID] = &form.Content.Questions[i]
	}
	var a answers
	known = true
	for _, answer := range p.Form.Answers {
		question := questions[answer.QuestionID]
		name := l.options.Questions[string(answer.QuestionID)]
		if name == "" && question != nil {
			name = question.meaning(form.Locale)
		}
		if name == "" {
			name, known = string(answer.QuestionID), false
		}
		a.add(name, answer.Details.Text.Answer...)
		for _, option := range answer.Details.Choice.Options {
			a.add(name, question.option(option, form.Locale))
		}
	}
	for _, hidden := range form.HiddenFields {
		a.add(string(hidden.Name), string(hidden.Value))
	}
	return a.fields(), known
}

// meaning returns what a question asks for: one of LinkedIn's own fields, such as
// FIRST_NAME or WORK_PHONE_NUMBER, or the advertiser's text.
func (q *linkedInQuestion) meaning(locale linkedInLocale) string {
	switch name := strings.ToLower(string(q.Predefined)); name {
	case "", "custom":
		return cmp.Or(q.Question.in(locale), string(q.Name))
	default:
		return name
	}
}

// option returns the text of a choice, or its number where the form is missing.
func (q *linkedInQuestion) option(id string, locale linkedInLocale) string {
	if q == nil {
		return id
	}
	for _, option := range q.Details.Choice.Options {
		if string(option.ID) == id {
			return cmp.Or(option.Text.in(locale), id)
		}
	}
	return id
}
