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

// getAndPost are the methods of senders that let their user choose.
var getAndPost = []string{"GET", "POST"}

// callTypes are call tracking and telephony.
var callTypes = []Type{
	{
		Name: "callrail", New: calls.NewCallRail, Kind: ingest.LeadKind, Confidence: Proved,
		About: "CallRail calls, messages and forms; updates replace", Verified: "HMAC-SHA1",
		Counted: "call id",
	},
	{
		Name: "twilio", New: calls.NewTwilio, Kind: ingest.LeadKind, Methods: getAndPost, Confidence: Proved,
		About: "Twilio calls and messages: status callbacks, TwiML actions, recordings", Verified: "HMAC-SHA1 over URL and fields",
		Counted: "`CallSid`",
	},
	{
		Name: "calltrackingmetrics", New: calls.NewCallTrackingMetrics, Kind: ingest.LeadKind, Confidence: Documented,
		About: "CallTrackingMetrics calls, messages and forms; updates replace", Verified: "HMAC-SHA1, ± 30 min",
		Counted: "activity id",
	},
	{
		Name: "whatconverts", New: calls.NewWhatConverts, Kind: ingest.LeadKind, Confidence: Documented,
		About: "WhatConverts leads of all types; updates replace", Verified: "token",
		Counted: "`lead_id`",
	},
	{
		Name: "invoca", New: calls.NewInvoca, Kind: ingest.LeadKind, Methods: getAndPost, Confidence: Documented,
		About: "Invoca calls by your template; corrections replace", Verified: "token",
		Counted: "`transaction_id`, of a correction the corrected one",
	},
	{
		Name: "ringba", New: calls.NewRingba, Kind: ingest.LeadKind, Methods: getAndPost, Confidence: ThirdParty,
		About: "Ringba pixels", Verified: "token",
		Counted: "call id",
	},
	{
		Name: "calltouch", New: calls.NewCalltouch, Kind: ingest.LeadKind, Methods: getAndPost, Confidence: ThirdParty,
		About: "Calltouch calls and requests", Verified: "token, addresses",
		Counted: "`callId`",
	},
	{
		Name: "uis-comagic", New: calls.NewUISCoMagic, Kind: ingest.LeadKind, Methods: getAndPost, Confidence: ThirdParty,
		About: "UIS and CoMagic notifications by your template, broken JSON too", Verified: "token",
		Counted: "`call_session_id`",
	},
	{
		Name: "mango-office", New: calls.NewMangoOffice, Kind: ingest.LeadKind, Below: true, Confidence: ThirdParty,
		About: "Mango Office calls and recordings", Verified: "SHA-256 of key, JSON and salt",
		Counted: "`entry_id`",
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
		Name: "postmark", New: mail.NewPostmark, Kind: ingest.LeadKind, MaxBody: 48 << 20, Confidence: Documented,
		About: "inbound e-mail through Postmark", Verified: "Basic auth or token",
		Counted: "`MessageID`",
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
