// Package edge is the HTTP edge: routes, limits, copying, and the one place
// where errors become statuses. It is the only room that knows fiber.
//
// Its law: nothing that leaves a handler shares memory with the server's
// buffers, and what a client may spend here (bytes, time, requests) is bounded
// before anything is done for it. Answers have fixed texts: they repeat neither
// what was sent nor what went wrong inside.
//
// fiber's own conveniences are avoided where they are traps: Body inflates
// without a cap, IP and Hostname believe what can be forged, values alias
// pooled buffers, and its net/http adaptor hands out both. See intake.go,
// proxy.go and mount.go for what is done instead.
package edge
