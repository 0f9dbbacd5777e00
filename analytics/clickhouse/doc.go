// Package clickhouse connects to the store, writes frozen batches to it and
// reads back what other rooms need to know.
//
// Its law: a batch is written once, however often it is tried. Every insert
// carries a token made of the batch's id and the table, every deduplication
// setting is set explicitly because their defaults changed between versions,
// and no error shows a password or a value of a row.
package clickhouse
