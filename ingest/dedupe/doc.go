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
// Redis Cluster, and every key has a time to live. The scripts are given the
// epoch key and derive the others from it, all in the same slot.
//
//	lg:{workspace}:epoch     that the memory is filled; the scripts refuse to run without it
//	lg:{workspace}:e:<id>    received|owner|fingerprint|state|duplicate_of|contact|version|last decision
//	lg:{workspace}:i:<hash>  since|contact, by the hash of an e-mail address or phone number
//	lg:{workspace}:p:<id>    lead|received, by contact: the lead that opened the window
//
// Times are microseconds since 1970 of the receipt of deliveries. The window
// is fixed: it runs from the lead that opened it and is compared by these
// times, so neither a later duplicate nor a slow drain moves its end. A time to
// live only frees memory.
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
package dedupe
