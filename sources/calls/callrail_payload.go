package calls

import "encoding/json"

// callRailPayload is what is read of CallRail's call, text message and form
// objects, with the names of its older webhooks. Everything else is ignored.
type callRailPayload struct {
	ID         text `json:"id"`
	ResourceID text `json:"resource_id"`
	Timestamp  text `json:"timestamp"`

	StartTime       text `json:"start_time"`
	CreatedAt       text `json:"created_at"`
	DateTime        text `json:"datetime"`
	CallType        text `json:"call_type"`
	Direction       text `json:"direction"`
	Duration        text `json:"duration"`
	Answered        text `json:"answered"`
	Voicemail       text `json:"voicemail"`
	FirstCall       text `json:"first_call"`
	Recording       text `json:"recording"`
	CustomerName    text `json:"customer_name"`
	CallerName      text `json:"callername"`
	CustomerPhone   text `json:"customer_phone_number"`
	CustomerNum     text `json:"customernum"`
	CallerNum       text `json:"callernum"`
	CustomerCity    text `json:"customer_city"`
	CustomerState   text `json:"customer_state"`
	CustomerCountry text `json:"customer_country"`
	TrackingPhone   text `json:"tracking_phone_number"`
	TrackingNum     text `json:"trackingnum"`
	Note            text `json:"note"`
	Transcription   text `json:"transcription"`

	SourceNumber      text `json:"source_number"`
	DestinationNumber text `json:"destination_number"`
	Content           text `json:"content"`
	MessageType       text `json:"message_type"`
	Agent             text `json:"agent"`

	FormData    json.RawMessage `json:"form_data"`
	FormURL     text            `json:"form_url"`
	SubmittedAt text            `json:"submitted_at"`

	LandingPageURL text `json:"landing_page_url"`
	LandingPage    text `json:"landingpage"`
	ReferringURL   text `json:"referring_url"`
	Referrer       text `json:"referrer"`
	UTMSource      text `json:"utm_source"`
	UTMMedium      text `json:"utm_medium"`
	UTMCampaign    text `json:"utm_campaign"`
	UTMTerm        text `json:"utm_term"`
	UTMContent     text `json:"utm_content"`
	GCLID          text `json:"gclid"`
	FBCLID         text `json:"fbclid"`
	MSCLKID        text `json:"msclkid"`

	Spam              text            `json:"spam"`
	LeadStatus        text            `json:"lead_status"`
	Source            text            `json:"source"`
	SourceName        text            `json:"source_name"`
	Medium            text            `json:"medium"`
	Campaign          text            `json:"campaign"`
	Keywords          text            `json:"keywords"`
	Value             text            `json:"value"`
	Tags              json.RawMessage `json:"tags"`
	CompanyID         text            `json:"company_id"`
	CompanyResourceID text            `json:"company_resource_id"`
	TrackerID         text            `json:"tracker_id"`
	TrackerResourceID text            `json:"tracker_resource_id"`
}
