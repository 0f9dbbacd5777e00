//go:build !race

package sources_test

const stride = 1
