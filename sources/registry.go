// Package sources lists the types of intake that Leadgate has, and makes an
// intake of a source's configuration.
//
// Its law: a type is one line here and one file in a room below; nothing
// registers itself.
package sources

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/ads"
	"github.com/leadgate/leadgate/sources/calls"
	"github.com/leadgate/leadgate/sources/clicks"
	"github.com/leadgate/leadgate/sources/costs"
	"github.com/leadgate/leadgate/sources/forms"
	"github.com/leadgate/leadgate/sources/intake"
	"github.com/leadgate/leadgate/sources/mail"
	"github.com/leadgate/leadgate/sources/webhooks"
)

// Type is a kind of source that can be configured.
type Type struct {
	// Name is what sources[].type says.
	Name string
	// New checks the configuration and makes the source.
	New func(ingest.SourceConfig) (ingest.Source, error)
	// Kind is what its deliveries mean.
	Kind ingest.Kind
	// FirstParty deliveries are decoded at the door (see ingest.Intake).
	FirstParty bool
	// Methods that the door takes; POST if empty.
	Methods []string
	// MaxBody is the type's own limit in bytes; 0 is the door's.
	MaxBody int64
	// About says in a few words what it takes; Verified how its sender
	// proves who it is.
	About, Verified string
}

// types is the registry, in the order in which people read it.
var types = []Type{
	{
		Name: "form", New: forms.NewForm, Kind: ingest.LeadKind, FirstParty: true,
		About: "HTML forms: urlencoded, multipart, JSON", Verified: "nothing, or a token",
	},
	{
		Name: "json", New: forms.NewJSON, Kind: ingest.LeadKind,
		About: "any JSON or form fields, with a field mapping", Verified: "token",
	},
	{
		Name: "standard-webhooks", New: webhooks.NewStandard, Kind: ingest.LeadKind,
		About: "Standard Webhooks with a field mapping", Verified: "HMAC-SHA256 or Ed25519, 5 min",
	},
	{
		Name: "typeform", New: forms.NewTypeform, Kind: ingest.LeadKind,
		About: "Typeform responses", Verified: "HMAC-SHA256",
	},
	{
		Name: "callrail", New: calls.NewCallRail, Kind: ingest.LeadKind,
		About: "CallRail calls, messages and forms", Verified: "HMAC-SHA1",
	},
	{
		Name: "google-ads", New: ads.NewGoogleAds, Kind: ingest.LeadKind,
		About: "Google Ads lead forms", Verified: "key in the body",
	},
	{
		Name: "postmark", New: mail.NewPostmark, Kind: ingest.LeadKind, MaxBody: 48 << 20,
		About: "inbound e-mail through Postmark", Verified: "password in the URL",
	},
	{
		Name: "click", New: clicks.NewClick, Kind: ingest.TouchKind, FirstParty: true,
		About: "clicks and visits, from the tag or a server", Verified: "nothing, or a token",
	},
	{
		Name: "status", New: clicks.NewStatus, Kind: ingest.StatusKind, FirstParty: true,
		About: "what became of a lead, from a CRM", Verified: "token",
	},
	{
		Name: "cost", New: costs.NewCost, Kind: ingest.CostKind, FirstParty: true, MaxBody: 32 << 20,
		About: "advertising costs as CSV", Verified: "token",
	},
}

// Types returns every type, in the order of the registry.
func Types() []Type { return slices.Clone(types) }

// Lookup returns the type of that name.
func Lookup(name string) (Type, bool) {
	i := slices.IndexFunc(types, func(t Type) bool { return t.Name == name })
	if i < 0 {
		return Type{}, false
	}
	return types[i], true
}

// New makes the intake of one configured source. The error of an unknown type
// lists the known ones; other errors are the type's own and name the option.
func New(config ingest.SourceConfig) (*ingest.Intake, error) {
	t, ok := Lookup(config.Type)
	if !ok {
		names := make([]string, len(types))
		for i, t := range types {
			names[i] = t.Name
		}
		return nil, fmt.Errorf("type: unknown (known: %s) (got %q)", strings.Join(names, ", "), config.Type)
	}
	if config.Location == nil {
		config.Location = time.UTC
	}
	source, err := t.New(config)
	if err != nil {
		return nil, err
	}
	return intake.Wrap(source, config, intake.Options{FirstParty: t.FirstParty, Methods: t.Methods}), nil
}
