//go:build unix && !linux

package embedded

import "syscall"

func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// standBack does nothing: priorities belong to processes here, not to threads.
func standBack() {}
