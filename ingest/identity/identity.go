// Package identity says which contact an e-mail address or phone number
// belongs to. It is pure: the same workspace and the same identifiers give the
// same keys and the same candidate contact on every node and after any loss of
// memory.
//
// # Which id survives
//
// A person can be met twice before we know that it is one person: once by
// phone alone, once by e-mail alone. When a later lead carries both, two
// contact ids are known for it, and the one that was known first wins; the
// e-mail's on a tie. An identifier that is already known keeps its contact, an
// unknown one is linked to the survivor. So an id, once given out, stays valid
// for ever, and a known contact never loses to a newly made one. Package
// dedupe applies the rule, where the memory of identifiers is.
//
// The keys and ids are hashes without a secret: they keep personal data out of
// Redis, out of the analytical tables and out of sight, but whoever holds a
// list of addresses can test it against them. Treat them as pseudonyms.
package identity

import "github.com/leadgate/leadgate/ingest"

// Person is what is known of a person for telling one from another. Values are
// hashes; "" is unknown.
type Person struct {
	Email string
	Phone string
}

// Of returns the identifiers of the person behind an e-mail address (lower
// case) and a phone number (E.164), as package sources/normalize writes them.
// Either may be "". Workspaces do not share people.
func Of(workspace, email, phone string) Person {
	return Person{Email: key(workspace, "email", email), Phone: key(workspace, "phone", phone)}
}

// OfEvent returns the identifiers that an event carries; only leads and
// statuses have any.
func OfEvent(e *ingest.Event) Person {
	switch {
	case e.Lead != nil:
		return Of(e.Workspace, e.Lead.Person.Email, e.Lead.Person.Phone)
	case e.Status != nil:
		return Of(e.Workspace, e.Status.Email, e.Status.Phone)
	default:
		return Person{}
	}
}

// Known tells whether there is any way to tell the person from others.
func (p Person) Known() bool { return p.Email != "" || p.Phone != "" }

// Candidate returns the contact id that the person gets if none of the
// identifiers is known yet: derived from the strongest, the e-mail address
// before the phone number. It is "" for an unknown person.
func (p Person) Candidate() string {
	switch {
	case p.Email != "":
		return ingest.Digest("contact", p.Email)
	case p.Phone != "":
		return ingest.Digest("contact", p.Phone)
	default:
		return ""
	}
}

func key(workspace, kind, value string) string {
	if value == "" {
		return ""
	}
	return ingest.Digest("identifier", workspace, kind, value)
}
