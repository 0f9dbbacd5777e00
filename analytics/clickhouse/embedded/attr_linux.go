package embedded

import "syscall"

// childAttr has the kernel kill the child when the thread that started it
// ends; see (*Engine).spawn, which keeps that thread.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// niceness of the engine: where processors are short, intake comes first and
// merges wait.
const niceness = 5

// standBack lowers the priority of the calling thread, and so that of the
// children it starts. It is no loss if the kernel refuses.
func standBack() { _ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, niceness) }
