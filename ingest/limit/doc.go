// Package limit counts requests against a rate: ulule/limiter behind the one
// method that the edge needs.
//
// Its law: a limit never stands between a lead and the journal for longer than
// its timeout. It counts on this node, or in a Redis that nodes share; while
// Redis is away it counts on this node, asks Redis again now and then with one
// request, and returns to it by itself.
//
// A request weighs one, or what it holds: events or bytes. It passes whole or not
// at all, and what is refused leaves what there was to lighter ones; in a shared
// limit to those of its node.
//
// Windows are fixed: a key that reaches its count is refused until the window
// that its first request opened has ended.
//
// A shared limit is leased: a node takes what it will need of a window ahead of
// need, in blocks that grow with what it has spent, so that few requests wait
// for Redis. All nodes together let no more pass than the limit, while Redis is
// there, and no less than 95 % of it, however many they are; what they hold
// when the window ends is void. Up to 20 a window nothing is taken ahead: such
// a limit is exact. What remains is told as Redis last knew it. A key that Redis
// refused is refused here for a second, or until its window ends.
package limit
