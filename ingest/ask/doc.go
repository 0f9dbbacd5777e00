// Package ask makes the few requests that a sender's protocol wants made at
// once: for the certificate that it signs with, and the one that confirms a
// subscription.
//
// Its law: it asks no address but those that Allowed knows to be the platform's,
// over https, without following anybody elsewhere, for a bounded time and size;
// and nobody who sends can make it ask often.
package ask
