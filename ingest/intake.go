package ingest

import "time"

// Intake is a source as the edge and the drain use it: its decoder normalises,
// validates and stamps events, and what the source can do besides stands in
// fields that are nil where it cannot. Package sources makes intakes.
type Intake struct {
	Config SourceConfig
	// FirstParty senders can mend their input: their deliveries are decoded
	// before they are kept, so that bad ones are refused with the fields named.
	FirstParty bool
	// Methods that the door takes; POST if empty.
	Methods []string
	// Below is set where the sender adds a path to the address that it is given:
	// the door then takes /in/<source>/… as it does /in/<source>.
	Below bool
	Source
	Authorized  func(*Delivery) error
	Challenge   func(*Delivery) (Answer, bool)
	Redact      func(*Delivery)
	Respond     func(*Delivery, []Event) Answer
	Refuse      func(Refusal) (Answer, bool)
	ReplayToken func(*Delivery) (string, time.Duration)
	Confirm     func(*Delivery) (string, bool)
	Fetcher     Fetcher
	Lister      Lister
}
