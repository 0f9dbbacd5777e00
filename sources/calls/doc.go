// Package calls reads the webhooks of call tracking providers: who called
// which number, for how long, and which advertisement had shown the number.
//
// Its law: a call is one lead however often its provider speaks of it: every
// delivery about it is a newer version of the same event. A caller's number
// makes a lead; that the phone rang does not make a second one.
package calls
