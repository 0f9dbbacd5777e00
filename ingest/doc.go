// Package ingest holds the words of the program: what a delivery is, what it
// can mean, what may become of it, and the one path by which it is accepted.
//
// Its law: a delivery is acknowledged only after the journal has it on disk,
// and what it means is a pure function of its bytes and its time of receipt.
// The package imports the standard library only; every other room imports it.
package ingest
