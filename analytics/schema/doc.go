// Package schema owns the tables and views of the store.
//
// Its law: what was released is never edited, only followed by a file with the
// next number; and every statement may be run twice, also by two processes at
// the same time. A database that is newer than the program is refused.
//
// The files in sql/ are templates. They know: table (a table's name, with
// _local behind it on a cluster), name (a view's or a table's name), onCluster,
// replacing (the engine), distributed (on a cluster, the table over the local
// ones), addColumn, setting (of a table that is there), settings (of a new
// table) and rawTTL. They are otherwise plain SQL, statements ended by a
// semicolon at the end of a line.
package schema
