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

// Of returns the identity of the person behind an e-mail address (lower case)
// and a phone number (E.164), as package sources/normalize writes them. Either
// may be "". Workspaces do not share people. The contact is derived from the
// strongest identifier, the e-mail address before the phone number.
func Of(workspace, email, phone string) ingest.Identity {
	id := ingest.Identity{Email: key(workspace, "email", email), Phone: key(workspace, "phone", phone)}
	switch {
	case id.Email != "":
		id.Contact = ingest.Digest("contact", id.Email)
	case id.Phone != "":
		id.Contact = ingest.Digest("contact", id.Phone)
	}
	return id
}

func key(workspace, kind, value string) string {
	if value == "" {
		return ""
	}
	return ingest.Digest("identifier", workspace, kind, value)
}
