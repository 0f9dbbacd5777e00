// Package drain carries what the journal holds into the store: it decodes the
// deliveries, asks which events count, freezes a batch on disk, writes it and
// commits.
//
// Its law: the commit pointer moves only when every delivery before it is in
// the store with its verdict (or, if nothing else will have it, in a file
// beside the manifest); and a batch is frozen before its first attempt, so
// that after any crash the very same rows are offered under the same id.
//
// # Why counting once holds
//
// A batch's id is a hash of its manifest: positions, delivery ids, verdicts,
// event ids and what was claimed about them. After a crash the manifest tells
// which records to read again; decoding is pure, so the rows come out the same,
// and those that were written before collapse on their event ids in the store's
// ReplacingMergeTree tables. Where that is not so (a damaged manifest, a decoder
// that was changed meanwhile, a source that was removed) the manifest is set
// aside and the batch formed anew, perhaps of other records. That is safe too:
// the claims name their owners, so every delivery gets its own answers again.
//
// # Replays
//
// A delivery whose Replay is not zero was in the store before. Before its events
// are claimed, those that it meant then and does not mean now give up their
// windows (Options.Replays), so that what replaces them counts in their place;
// the sink marks their rows as gone. Its claims are the same as before, for it
// is their owner. Where the fault is not the delivery's (its source was removed,
// its decoder does not end in time) a replay changes nothing.
//
// # Together
//
// While there is a backlog, consecutive batches are written together, as one to
// the store: each is handed to it as it comes, nothing of them is there before
// they are ended, and before that one manifest says of all of them what it would
// say of each. So they can be far larger than what is in memory. If they fail,
// the manifest has them tried again one by one, as after a crash.
//
// # Ahead
//
// While a batch is written, the next one is gathered and, once it is full,
// claimed; its manifest replaces the one before when that is committed. Should
// the process die, its claims are made again by the same owners. What asks the
// store does not run ahead: a rebuild of the memory must find everything that
// was claimed before, and a replay what became of its delivery, so these wait
// until nothing is unwritten.
package drain
