// Package calls reads the webhooks of call tracking providers and telephone
// exchanges: who called which number, for how long, and which advertisement had
// shown the number.
//
// Its law: a call is one lead however often its provider speaks of it: every
// delivery about it is a newer version of the same event. A caller's number
// makes a lead; that the phone rang does not make a second one.
//
// Which calls are leads is said by four options that every type has:
//
//	min_duration      seconds that a call must last: of conversation where that
//	                  is known, else with ringing and menus (0)
//	answered_only     a call must be answered (false)
//	first_time_only   the caller must be new to the sender (false)
//	outbound          calls that were made, not received, are leads too (false)
//
// What an option asks for and the sender does not say turns a call away too. A
// call turned away is ignored; a later delivery of it may make it a lead. A call
// that is a lead stays one: what is ignored replaces nothing.
//
// Every type can have recordings fetched (see Recordings):
//
//	fetch_recordings     keep them as files in data_dir/recordings (false)
//	recording_hosts      where they may be fetched from, as in api.twilio.com; what
//	                     other hosts a webhook or an answer names is left alone
//	recording_retention  for how long the files are kept, as in 90d (for ever)
//
// with credentials user and password, or token, where the provider asks for them.
package calls
