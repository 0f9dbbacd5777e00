package forms

import (
	"cmp"
	"strings"

	"github.com/leadgate/leadgate/sources/normalize"
)

// scheduled are the facts about the meeting.
func scheduled(p payload, event string) map[string]string {
	status := cmp.Or(p.text("status"), "active")
	switch {
	case p.text("rescheduled") == "true":
		status = "rescheduled"
	case event == "invitee.canceled":
		status = "canceled"
	}
	return attrs(map[string]string{
		"status": status, "starts_at": p.text("scheduled_event.start_time"), "ends_at": p.text("scheduled_event.end_time"),
		"timezone": p.text("timezone"), "canceled_by": p.text("cancellation.canceler_type"),
		"new_invitee": p.text("new_invitee"), "routing_form_submission": p.text("routing_form_submission"),
		"salesforce_uuid": p.text("tracking.salesforce_uuid"),
	})
}

// routed are the facts about a routing form and where it led.
func routed(p payload) map[string]string {
	return attrs(map[string]string{
		"result": p.text("result.type"), "submitter": p.text("submitter"), "salesforce_uuid": p.text("tracking.salesforce_uuid"),
	})
}

// asksPhone tells whether a question in a whole sentence asks for a number, and
// the answer is one.
func asksPhone(question, answer, region string) bool {
	if len(question) > 500 {
		return false
	}
	key := normalize.Key(question)
	for _, word := range [...]string{"phone", "mobile", "handy", "whatsapp", "telefon", "téléphone", "teléfono", "телефон"} {
		if strings.Contains(key, word) {
			_, err := normalize.Phone(answer, region)
			return err == nil
		}
	}
	return false
}
