package ads

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fetch"
)

// metaList is how far a list of leads has come.
type metaList struct {
	Pages []string   `json:"pages,omitempty"` // whose forms are not known yet
	Forms []metaForm `json:"forms,omitempty"`
	After string     `json:"after,omitempty"` // in the list of the first of them
	Own   bool       `json:"own,omitempty"`   // the names of campaigns are refused
}

type metaForm struct {
	ID   string `json:"id"`
	Page string `json:"page,omitempty"`
}

type metaPage struct {
	Data   []json.RawMessage `json:"data"`
	Paging struct {
		Cursors struct {
			After string `json:"after"`
		} `json:"cursors"`
		Next string `json:"next"`
	} `json:"paging"`
}

var errMetaForms = errors.New("options.forms or options.pages is needed to list leads: the ids of the forms, or of the pages that have them")

// List implements ingest.Lister: the leads of each form, which Meta keeps for 90
// days. It goes on by cursors and never by the addresses in answers.
func (m *metaFetch) List(span ingest.Span, state []byte, answer *ingest.Response) (ingest.Page, error) {
	var at metaList
	if state != nil {
		if err := json.Unmarshal(state, &at); err != nil {
			return ingest.Page{}, err
		}
	} else if at = m.begin(); len(at.Pages)+len(at.Forms) == 0 {
		return ingest.Page{}, errMetaForms
	}
	if !at.good() {
		return ingest.Page{}, errState
	}
	if answer == nil {
		return m.page(span, at, nil)
	}
	switch failure := metaFailure(*answer); {
	case failure == nil:
	case failure.permission && len(at.Pages) == 0 && !at.Own:
		at.Own = true
		return m.page(span, at, nil)
	default:
		return ingest.Page{}, &failure.FetchError
	}
	var part metaPage
	if err := json.Unmarshal(answer.Body, &part); err != nil {
		return ingest.Page{}, fetch.Unreadable("a list")
	}
	items := at.take(part, *answer)
	page, err := m.page(span, at, items)
	page.Quiet, _ = metaUsage(*answer)
	return page, err
}

// errState is that of a list that was not told by List.
var errState = errors.New("the list is not one of this source")

func (l *metaList) good() bool {
	for _, id := range l.Pages {
		if !metaID.MatchString(id) {
			return false
		}
	}
	for _, form := range l.Forms {
		if !metaID.MatchString(form.ID) {
			return false
		}
	}
	return len(l.Pages)+len(l.Forms) > 0
}

func (m *metaFetch) begin() metaList {
	at := metaList{}
	for _, id := range m.options.Forms {
		at.Forms = append(at.Forms, metaForm{ID: string(id)})
	}
	if len(at.Forms) > 0 {
		return at
	}
	for _, id := range m.options.Pages {
		at.Pages = append(at.Pages, string(id))
	}
	return at
}

// take reads one answer and moves on.
func (l *metaList) take(part metaPage, answer ingest.Response) (items []ingest.Listed) {
	pages := len(l.Pages) > 0
	for _, raw := range part.Data {
		var thing struct {
			ID fetch.Text `json:"id"`
		}
		if json.Unmarshal(raw, &thing) != nil || !metaID.MatchString(string(thing.ID)) {
			continue
		}
		if pages {
			l.Forms = append(l.Forms, metaForm{string(thing.ID), l.Pages[0]})
			continue
		}
		items = append(items, ingest.Listed{
			Ref:     ingest.Reference{Kind: "lead", ID: string(thing.ID), Args: l.Forms[0].args()},
			Answers: []ingest.Response{{Status: 200, Body: raw, At: answer.At}},
		})
	}
	after := part.Paging.Cursors.After
	more := part.Paging.Next != "" && after != "" && after != l.After
	switch {
	case more:
		l.After = after
	case pages:
		l.Pages, l.After = l.Pages[1:], ""
	default:
		l.Forms, l.After = l.Forms[1:], ""
	}
	return items
}

func (f metaForm) args() map[string]string {
	args := map[string]string{"form_id": f.ID}
	if f.Page != "" {
		args["page_id"] = f.Page
	}
	return args
}

// page returns items with the request that comes next.
func (m *metaFetch) page(span ingest.Span, at metaList, items []ingest.Listed) (ingest.Page, error) {
	page := ingest.Page{Items: items}
	query := url.Values{"limit": {"100"}}
	if at.After != "" {
		query.Set("after", at.After)
	}
	var err error
	switch {
	case len(at.Pages) > 0:
		query.Set("fields", "id")
		page.Next, err = m.request("/"+at.Pages[0]+"/leadgen_forms", at.Pages[0], query)
	case len(at.Forms) > 0:
		query.Set("fields", metaAllFields)
		if at.Own {
			query.Set("fields", metaOwnFields)
		}
		query.Set("filtering", metaFilter(span))
		page.Next, err = m.request("/"+at.Forms[0].ID+"/leads", at.Forms[0].Page, query)
	default:
		return page, nil
	}
	if err != nil {
		return page, err
	}
	page.State, err = json.Marshal(at)
	return page, err
}

// metaFilter compares whole seconds.
func metaFilter(span ingest.Span) string {
	return fmt.Sprintf(`[{"field":"time_created","operator":"GREATER_THAN","value":%d},{"field":"time_created","operator":"LESS_THAN","value":%d}]`,
		span.From.Unix()-1, span.To.Unix())
}
