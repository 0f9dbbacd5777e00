// Command proof breaks Leadgate on purpose and shows that nothing is lost and
// nothing counted twice. It drives the real binary over HTTP with deliveries of
// all kinds, keeps a ledger of what was answered, injects faults, restarts, and
// compares the plain views and the CPL report with the ledger. It prints a
// table of faults and exits 1 if anything is lost, doubled or wrong.
//
// It is started by `make proof`; the short run is a test of this package. The
// package is a module of its own, so that what only it needs (Toxiproxy) is no
// dependency of the gateway.
//
// # The parts
//
//   - gateway: the real binary, built with -tags proof, on a directory of its
//     own: start, launch (without waiting), kill, stop, crashed; enginePID;
//     run (another leadgate command beside it); metrics; url.
//   - redisServer: a real redis-server: start, kill, stop; w.useRedis makes the
//     gateway use one.
//   - ledger: what was sent, with the rows that it must become, and how it was
//     answered.
//   - generator: seeded chains of deliveries. A chain is sent in order by one
//     sender, each delivery after the one before it was accepted.
//   - loader: sends chains at a bounded rate, repeats what got no answer (and
//     some of what got one), until it is stopped.
//   - check: holds the views and the report against the ledger.
//
// # Adding a scenario
//
// Write a function in a file fault_<what>.go and name it in scenarios.go:
//
//	func redisFlushed(ctx context.Context, w *world) error {
//		w.useRedis()                                      // before start; else embedded
//		w.configure("drain: {flush_interval: 50ms}")      // optional; top-level keys replace
//		if err := w.start(ctx); err != nil {              // env "NAME=value" may follow ctx
//			return err
//		}
//		load := w.startLoad(ctx, loadOptions{})           // runs until stop
//		if err := load.accepted(ctx, 100); err != nil {   // waits for that many more
//			return err
//		}
//		… break something; w.struck() counts a run of the fault …
//		return load.stop(ctx)
//	}
//
// After run returns, the runner starts the gateway if it does not run (without
// faults in its environment), sends again what is still unanswered, waits until
// all is counted, checks, and writes a line of the table. A scenario that has
// something else to prove returns an error; its text stands in the table. The
// ledger takes own deliveries through w.send and w.deliver.
//
// Without -minutes a scenario runs once and is short: two or three injections, a
// few hundred deliveries. With it, w.long() is true for a while (see there): a
// scenario may loop until it ends. What is random comes from w.random, so that a
// seed repeats the choices; the timing is the machine's.
//
// # Faults inside the gateway
//
// A binary built with -tags proof reads (cmd/leadgate/hooks_proof.go):
//
//	PROOF_CRASH=point:n[,point:n]     kill -9 of itself at the n-th passing of a point
//	PROOF_FS=write:EIO:after=N        the N+1-th and later writes of segments fail
//	PROOF_FS=sync:EIO:after=N         … fsyncs fail
//	PROOF_FS=write:ENOSPC:after=N:for=M   M writes fail, then they work again
//	PROOF_CLOCK_FILE=path             a file with a duration (-1h, 24h), read at
//	                                  each look at the clock, added to the time
//
// The points are listed in fault_crash.go.
package main
