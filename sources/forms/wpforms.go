package forms

import (
	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/normalize"
)

// WPForms takes entries from the Webhooks add-on of WPForms, sent by GET, POST,
// PUT or PATCH, as JSON or as a form, under the names that the owner of the form
// gave them. There is no fixed schema: what the names do not tell is mapped
// with options.fields. An "entry_id" or "id" among them is what the lead is
// counted by. It signs nothing: let it send the secret as a request header,
// Authorization or another one that options.token_header names.
//
// https://wpforms.com/docs/how-to-install-and-use-the-webhooks-addon-with-wpforms/
// (the page shows the settings only; no body is published)
type WPForms struct{ *guarded }

// NewWPForms is the constructor of the type "wpforms".
func NewWPForms(config ingest.SourceConfig) (ingest.Source, error) {
	g, err := openGuarded(config)
	if err != nil {
		return nil, err
	}
	return &WPForms{guarded: g}, nil
}

// Decode reads one entry.
func (w *WPForms) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	sent, err := sentBy(d)
	if err != nil {
		return nil, err
	}
	w.nameID(sent, "entry_id")
	form, err := w.read(sent)
	if err != nil {
		return nil, err
	}
	// An entry's number is its site's; several sites may share a source.
	if form.ID != "" && form.Lead.FormID != "" && w.mapped[string(fields.ID)] == "" {
		form.ID = form.Lead.FormID + ":" + form.ID
	}
	return w.event(d, form)
}

// nameID names the field of one of these names the id of the lead, if none is
// mapped. Names are compared as fields' names are: "Entry ID" is entry_id.
func (g *guarded) nameID(sent []fields.Field, names ...string) {
	if g.mapped[string(fields.ID)] != "" {
		return
	}
	for _, name := range names {
		for i := range sent {
			if normalize.Key(sent[i].Name) == name && !g.mapping.Names(sent[i].Name) && sent[i].Values[0] != "" {
				sent[i].Name = string(fields.ID)
				return
			}
		}
	}
}
