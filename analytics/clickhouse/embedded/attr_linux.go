package embedded

import "syscall"

// childAttr has the kernel kill the child when the thread that started it
// ends; see (*Engine).spawn, which keeps that thread.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
