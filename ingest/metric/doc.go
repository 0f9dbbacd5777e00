// Package metric holds the program's Prometheus collectors in one Set, which
// other rooms feed.
//
// Its law: a label holds only what the configuration or the program names,
// never what a sender sent, so that the number of series is bounded and no
// personal data can reach a scrape. A nil *Set takes every call and does
// nothing, so that tests and tools need none.
//
// Names and units follow https://prometheus.io/docs/practices/naming/.
package metric
