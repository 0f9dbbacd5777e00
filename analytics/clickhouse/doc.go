// Package clickhouse connects to the store, writes frozen batches to it and
// reads back what other rooms need to know.
//
// Its law: a batch shows once, however often it is tried, and nothing that was
// tried again is dropped. Rows collapse on their ids; the engine's insert
// tokens are trusted only as far as Sink tells; every deduplication setting is
// set explicitly because their defaults changed between versions; and no error
// shows a password or a value of a row.
package clickhouse
