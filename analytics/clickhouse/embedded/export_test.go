package embedded

import "os/exec"

// RefuseLoopback has this process's children fail to raise their loopback
// interface.
func RefuseLoopback(err error) { loopbackUp = func() error { return err } }

// RefuseConfinement has this process's children fail to be confined.
func RefuseConfinement(err error) { confineSelf = func(layout) error { return err } }

// With returns the options with ways of isolation to try, and a function that
// starts the child in one.
func (o Options) With(ways []Isolation, start func(*exec.Cmd, Isolation) error) Options {
	o.ways, o.start = ways, start
	return o
}
