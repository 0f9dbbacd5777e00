//go:build !race

package sources_test

const stride, lossy = 1, 1
