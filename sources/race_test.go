//go:build race

package sources_test

// The race detector makes these tests ten times as slow and finds nothing in
// them: what is counted is done by one goroutine. It gets every ninth.
const stride = 9

// With it sync.Pool throws away a quarter of what it is given, at random, such as
// the buffer that package multipart needs for each part.
const lossy = 2
