// Package dedupe is the memory, kept in Redis, of which events are known and
// of which person asked lately.
//
// Its law: a claim names its owner, the delivery, so the owner's own retry
// passes and anybody else's is a duplicate or an update; and Redis is an
// accelerator, never the truth, so the memory says ErrEmpty when it was lost
// and is rebuilt from the store.
//
// # Keys
//
// All keys of a workspace share a hash tag, so one script may touch them in a
// Redis Cluster, and every key has a time to live. The first key is all that the
// scripts declare; the others are in the same slot.
//
//	lg:{workspace}:known     that the memory is filled; the scripts refuse to run without it
//	lg:{workspace}:e<id>     of an event: flags, first received, owner, contact, duplicate_of, version, fingerprint
//	lg:{workspace}:c<id>     of a contact: since, linked to, window's lead, window's first received
//
// A lead is as many keys as it has identifiers, and one. An e-mail address or
// phone number stands under the contact that it alone would be given
// (Options.Identify): the entry tells since when it is linked to which contact,
// mostly that very one, and beside it which lead opened that contact's window.
// So what both identifiers are linked to is found by either, and a window is in
// one place. Ids and numbers are binary, and what follows from something else is
// left out (see entry.go and common.lua).
//
// Times are microseconds since 1970 of the receipt of deliveries. The window
// is fixed: it runs from the lead that opened it and is compared by these
// times, so neither a later duplicate nor a slow drain moves its end. A time to
// live only frees memory.
//
// # Older layouts
//
// The first key's name changes with the layout, so a new version finds the
// memory empty in a Redis that an older one filled, and rebuilds it from the
// store. It takes the older one's mark (epoch) away, and refuses to go on where
// that comes back: so after a step back, and forth again, either rebuilds what it
// missed instead of counting it twice. Versions of different layouts must not
// share a Redis for longer than that: the last old gateway stops before the first
// new one starts. Old keys go with their time to live, or at once by Clear.
//
// # What a claim answers
//
// An unknown event is new. For a known one, in this order: its last owner gets
// the same answer again; the same content is a duplicate; other content of a
// mutable event is an update, which keeps contact and window state of the
// first; anything else is a duplicate. A state older than the known one (see
// ingest.Event.Version) is an update that changes nothing here: the store
// sorts states by version.
//
// A lead that may count (not test, not spam, reachable) asks for its person's
// window once. Where it finds another lead's, by any of its person's contacts,
// less than a window away, it is a duplicate of that; else it is unique, and
// opens a window unless a newer lead has. The window of a unique lead that turns
// out to be a test, spam or unreachable is void.
//
// A Redis at its maxmemory, or one that may not write, refuses claims, of known
// events too: most claims are of what is new, so they ask by writing.
package dedupe
