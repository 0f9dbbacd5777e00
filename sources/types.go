package sources

import (
	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/ads"
	"github.com/leadgate/leadgate/sources/calls"
	"github.com/leadgate/leadgate/sources/clicks"
	"github.com/leadgate/leadgate/sources/costs"
	"github.com/leadgate/leadgate/sources/forms"
	"github.com/leadgate/leadgate/sources/mail"
	"github.com/leadgate/leadgate/sources/webhooks"
)

// firstParty are the types whose format is our own.
var firstParty = []Type{
	{
		Name: "form", New: forms.NewForm, Kind: ingest.LeadKind, FirstParty: true, Confidence: Ours,
		About: "HTML forms: urlencoded, multipart, JSON", Verified: "nothing (a page has no secret), or a token",
		Counted: "`id`, else a hash of the fields within the hour",
	},
	{
		Name: "json", New: forms.NewJSON, Kind: ingest.LeadKind, Confidence: Ours,
		About: "any JSON or form fields, with a field mapping", Verified: "token",
		Counted: "mapped `id`, else a hash",
	},
	{
		Name: "click", New: clicks.NewClick, Kind: ingest.TouchKind, FirstParty: true, Confidence: Ours,
		About: "clicks and visits, from your pages or a server", Verified: "nothing (a page has no secret), or a token",
		Counted: "`id`, else a hash",
	},
	{
		Name: "status", New: clicks.NewStatus, Kind: ingest.StatusKind, FirstParty: true, Confidence: Ours,
		About: "what became of a lead, from a CRM", Verified: "token",
		Counted: "`id`, else a hash",
	},
	{
		Name: "cost", New: costs.NewCost, Kind: ingest.CostKind, FirstParty: true, MaxBody: 32 << 20, Confidence: Ours,
		About: "advertising costs: `csv`, `google-ads-csv`, `meta-csv`", Verified: "token",
		Counted: "account, day and campaign",
	},
}

// formTypes are other people's forms.
var formTypes = []Type{
	{
		Name: "typeform", New: forms.NewTypeform, Kind: ingest.LeadKind, Confidence: Documented,
		About: "Typeform responses", Verified: "HMAC-SHA256",
		Counted: "response token",
	},
}

// callTypes are call tracking and telephony.
var callTypes = []Type{
	{
		Name: "callrail", New: calls.NewCallRail, Kind: ingest.LeadKind, Confidence: Proved,
		About: "CallRail calls, messages and forms; updates replace", Verified: "HMAC-SHA1",
		Counted: "call id",
	},
}

// adTypes are lead forms inside advertisements.
var adTypes = []Type{
	{
		Name: "google-ads", New: ads.NewGoogleAds, Kind: ingest.LeadKind, Confidence: Documented,
		About: "Google Ads lead forms", Verified: "`google_key` in the body",
		Counted: "`lead_id`",
	},
}

// mailTypes are inbound e-mail.
var mailTypes = []Type{
	{
		Name: "sendgrid", New: mail.NewSendGrid, Kind: ingest.LeadKind, MaxBody: mail.MaxBody, Confidence: Proved,
		About: "inbound e-mail through SendGrid, parsed or raw", Verified: "ECDSA, or Basic auth or token",
		Counted: "`Message-ID`, else a hash",
	},
	{
		Name: "mailgun", New: mail.NewMailgun, Kind: ingest.LeadKind, MaxBody: mail.MaxBody, Confidence: Documented,
		About: "inbound e-mail through Mailgun, parsed or raw", Verified: "HMAC-SHA256 of a token, which is taken once",
		Counted: "`Message-Id`, else a hash",
	},
	{
		Name: "postmark", New: mail.NewPostmark, Kind: ingest.LeadKind, MaxBody: mail.MaxBody, Confidence: Documented,
		About: "inbound e-mail through Postmark", Verified: "Basic auth or token",
		Counted: "`MessageID`",
	},
	{
		Name: "aws-ses", New: mail.NewSES, Kind: ingest.LeadKind, Confidence: Documented,
		About: "inbound e-mail through Amazon SES and SNS", Verified: "RSA signature of SNS, of configured topics",
		Counted: "`mail.messageId`", Fetched: "the certificate, and the subscription's confirmation",
	},
	{
		Name: "cloudmailin", New: mail.NewCloudMailin, Kind: ingest.LeadKind, MaxBody: mail.MaxBody, Confidence: Documented,
		About: "inbound e-mail through CloudMailin", Verified: "Basic auth or token",
		Counted: "`Message-ID`, else a hash",
	},
	{
		Name: "email-lead", New: mail.NewPosted, Kind: ingest.LeadKind, MaxBody: mail.MaxBody, Confidence: Documented,
		About: "e-mail from your own mail server: raw, or its text", Verified: "token",
		Counted: "`Message-ID`, else a hash",
	},
	{
		Name: "adf", New: mail.NewADF, Kind: ingest.LeadKind, Confidence: ThirdParty,
		About: "ADF/XML posted by a car portal; resends replace", Verified: "token",
		Counted: "prospect id, else a hash",
	},
}

// webhookTypes follow a general convention.
var webhookTypes = []Type{
	{
		Name: "standard-webhooks", New: webhooks.NewStandard, Kind: ingest.LeadKind, Confidence: Proved,
		About: "Standard Webhooks with a field mapping", Verified: "HMAC-SHA256 or Ed25519, ± 5 min",
		Counted: "`webhook-id`",
	},
}
