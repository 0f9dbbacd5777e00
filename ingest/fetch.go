package ingest

// Fetched is the method of a delivery that nobody sent: its body is what a
// platform answered when it was asked for what a notification only announced.
// The door takes no request with it, so whoever decodes one knows where it is
// from. It is neither verified nor answered.
const Fetched = "FETCHED"

// Reference names what an event only announces, and what must still be asked of
// its sender's platform: a lead by its id, a call's recording.
type Reference struct {
	// Kind is the source's own word for what it is: "lead", "contact".
	Kind string
	// ID is the thing's id as the platform has it.
	ID string
	// Args are what else the question needs, such as the form's id.
	Args map[string]string
}

// AnnouncedVersion is the Version of an event that only announces one. It is
// below every other: an announcement that is sent again replaces nothing.
const AnnouncedVersion = 1
