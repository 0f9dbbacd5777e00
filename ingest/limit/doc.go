// Package limit counts requests against a rate: ulule/limiter behind the one
// method that the edge needs.
//
// Its law: a limit never stands between a lead and the journal for longer than
// its timeout. It counts on this node, or in a Redis that nodes share; while
// Redis is away it counts on this node, asks Redis again now and then with one
// request, and returns to it by itself.
//
// Windows are fixed: a key that reaches its count is refused until the window
// that its first request opened has ended.
package limit
