// Package embedded starts the ClickHouse engine as a child process of ours and
// keeps it running.
//
// Its law: the child never outlives its parent, and whoever holds the URL can
// go on using it over a restart of the child. Only one process may use a
// directory at a time, and only the loopback interface is listened on.
//
// The child is this program again, called as "leadgate clickhouse". It loads
// libchdb.so with purego, so that no cgo is needed, and runs what
// clickhouse-local would run: SYSTEM START LISTEN for both protocols, then a
// statement that blocks. Killing that statement is the graceful stop. The
// child also watches a pipe from its parent, and dies when that closes; on
// Linux the kernel kills it besides (PR_SET_PDEATHSIG).
//
// # Doors
//
// Run this way, the engine has no handler for what escapes from a connection's
// thread, and aborts: on a wrong password, on a database that does not exist,
// on a reset. Its own ports are therefore free ones that change at each start;
// the ports that are told belong to us (see door), stay the same over a
// restart, and pass on only what it can bear.
//
// # Access
//
// A users file (mode 0600) is passed by --config-file. It has the user
// "leadgate" with a password made anew at each Start. The engine insists on a
// user "default" without password for its own session; that one may start
// listeners and evaluate constants, and can neither see nor read any table or
// file.
//
// # The library
//
// package.json and package-lock.json beside this file pin the library; `npm ci
// --prefix analytics/clickhouse/embedded` fetches it (170 MB, 550 MB on disk).
// The lock holds checksums but no download addresses; .npmrc keeps it so. Only
// linux/amd64 is pinned: the packages for other platforms
// (@chdb/lib-linux-arm64-gnu, -darwin-arm64, -darwin-x64) could not be locked
// at this version. There, install the matching package yourself or name the
// library by LEADGATE_LIBCHDB.
package embedded
