// Package pending asks platforms for what their notifications only announced.
//
// Its law: a task is on disk before the delivery that made it is committed, and
// leaves it only when its answer, or the news that there is none, is in the
// journal. Tasks have a schedule of their own: whatever a platform does, the
// drain does not wait for it.
//
// # The way of a task
//
// The drain saves the tasks of a batch before it commits (Store.Save). A Worker
// asks as the event's source says (ingest.Fetcher), and hands the answer to the
// journal as a delivery of that source. What comes of it is deduplicated, stored
// and replayed like all deliveries. A crash at any point may ask twice, and
// counts once.
//
// What fails is asked again, ever rarer, until that is given up; then a delivery
// that says why goes through the journal to quarantine, and its replay asks
// again. Being asked too often, and a token that is refused, are no faults of a
// task: they hold up its whole source, and no task is given up meanwhile.
//
// # The file
//
// pending.log is a row of lines, each the CRC-32C of the rest in 8 hex digits, a
// space, and a JSON object: a task's latest state, the id of one that is done,
// or what is known of a source. Later lines replace earlier ones. A damaged line
// is set aside in pending.damaged and costs no other. When most of the file is
// outdated it is written anew. Memory holds an index of it, about 200 bytes for
// each task.
package pending
