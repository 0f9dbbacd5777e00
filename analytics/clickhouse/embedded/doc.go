// Package embedded starts the ClickHouse engine as a child process of ours and
// keeps it running.
//
// Its law: the child never outlives its parent, and whoever holds the URL can
// go on using it over a restart of the child. Only one process may use a
// directory at a time, and only the loopback interface is listened on.
//
// The child is this program again, called as "leadgate clickhouse". It loads
// libchdb.so with purego, so that no cgo is needed, and runs what
// clickhouse-local would run with a terminal before it, to which the child types
// SYSTEM START LISTEN. Closing the terminal is the graceful stop. The child also
// watches a pipe from its parent, and dies when that closes; on Linux the kernel
// kills it besides (PR_SET_PDEATHSIG).
//
// # Isolation
//
// Three layers keep the engine from the other users of the machine, and the
// gateway's files from the engine. Protection tells which are in use.
//
//   - Namespace. The child is alone in a network namespace: nobody else can connect
//     to it, and it reaches no network. The gateway gets its connections by a Unix
//     socket of mode 0600 in a directory of mode 0700: it asks, the child dials
//     127.0.0.1 and passes the descriptor. Commands beside the gateway do the same.
//     Root makes the namespace by itself, others by way of a user namespace. The
//     child gives up its capabilities before the engine is loaded; of root's it
//     keeps those over files. Where the kernel refuses, the engine listens on a
//     free port of the loopback interface, and the other two layers hold alone.
//   - Users. users.xml (mode 0600) has the user "leadgate" with all rights, and
//     "leadgate_sql" that reads within bounds, each with a password made anew at
//     each Start, and the reader if there is one. The engine insists on a user
//     "default" without password for its own session. That one may start listeners
//     only, and has one session at most: the engine's own, begun before anything
//     listens. The terminal belongs to this layer: an engine without one has no
//     handler for what escapes from a connection's thread, and aborts on a wrong
//     password, on a database that does not exist, on a reset.
//   - Files. Landlock keeps the child from all files but its data, the system's
//     libraries and /proc, for no grant governs the function file(). The child's
//     environment is its home directory alone.
//
// Proxies (see door) are for programs that cannot ask by the socket: one for the
// native protocol and one for HTTP, which tests and the bench ask for, and one for
// the reader. The native ones pass on only who knows the password.
//
// # What is tested
//
// From another uid, with namespaces as root and as uid 65534, and with namespaces
// refused: every path of the engine's directory and every port that is open,
// twelve logins with eleven statements each, sixteen kinds of broken handshake in
// 2,000 connections a port, requests of a web page by HTTP. None is answered and
// the engine lives on. Which user may do what is a table of statements
// (TestIntegrationEngine_Rights).
//
// Not tested: AppArmor's limits on user namespaces (Ubuntu), RestrictNamespaces of
// systemd, other processors than amd64, other systems than Linux. Not prevented:
// whoever is the gateway's own user or root can do as they like. The function
// file() reads the engine's own data, so the reader can see what lies in the store
// besides its tables, raw deliveries included. Where namespaces are refused, some
// thousand idle connections of a local user to the engine's port keep the gateway
// out until they end, though nothing is lost: deliveries stay in the journal.
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
