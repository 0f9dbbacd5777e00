// Package journal keeps records, opaque bytes, on disk until they are dealt
// with. Its law: Append returns nil only after an fsync that covers the
// record, and nothing that was acknowledged is ever overwritten, truncated or
// deleted before it has been committed.
//
// # How it works
//
// The log is a row of segment files (FORMAT.md has every byte). One committer
// goroutine takes all the records that gathered while the previous fsync ran,
// writes them with one write, syncs once, and wakes their writers: the load
// sets the size of a batch, no timer does. Readers see what is fsynced and
// nothing else, in order, from any position. A commit pointer, durable in a
// file of fixed size, says what need not be read again; whole segments behind
// it are deleted once they are older than Options.Retention.
//
// # When things go wrong
//
//   - A failed fsync or write poisons the log: every waiting and later Append
//     fails with ErrPoisoned, because after a failed fsync the kernel may have
//     thrown the data away and a second fsync that succeeds proves nothing.
//     Reading and committing go on. A restart re-reads what is on disk.
//   - A full disk (ENOSPC, EDQUOT) or a spent byte budget is not damage: the
//     partial write is taken back and Append fails with ingest.ErrFull until
//     there is room again. Before it refuses, the log gives up committed
//     segments that Retention would still keep. Commit needs no new blocks.
//   - A tail that a crash cut short is moved aside into a .torn file on Open,
//     with a log line that counts its bytes. The log always goes on in a new
//     segment: a file that an earlier process wrote is never appended to.
//   - Damage anywhere else (a flipped bit, a zeroed page, a missing segment or
//     header) is logged as a *CorruptError, counted in Stat and stepped over
//     to the next record that is whole, in the same segment if there is one.
//     The damaged file stays where it is and is never deleted.
//
// # Why a log of our own
//
// The other candidate was github.com/hashicorp/raft-wal (v0.4.0 of March 2023,
// whose README calls it experimental). It is a fine log for Raft, which can
// fetch a lost entry from another node; we have one copy of a lead, and three
// things, read in its source and tried, decided against it.
//
//   - A failed fsync: it returns the error but marks nothing as failed. Its
//     write offset and in-memory index have moved on, the commit index has
//     not, so later appends are refused only because their index looks wrong,
//     with a message that says nothing of the disk.
//   - Damage in a sealed segment: Open fails as a whole when one sealed segment
//     is missing or its header is bad, and reading never verifies a checksum
//     (its CRC covers a batch and is used for the tail's repair), so a flipped
//     bit in a payload is handed out as data. We check every record on every
//     read, say which segment and offset is bad, and go on behind it.
//   - Code that is not ours to fix: about 3,500 lines, on top of bbolt (the
//     segment list is a database of its own, with its own ways to break),
//     parts of etcd v3.3, go-metrics and immutable maps, for indexes and
//     truncation at both ends that only Raft needs. Files are made 0644.
//
// What we took from there and from Prometheus' tsdb/wlog: whole records per
// segment, a fresh segment after repair, typed corruption errors, a file seam
// for faults, and tests named after the damage they do.
package journal
