//go:build unix && !linux

package embedded

import (
	"errors"
	"os"
	"syscall"
)

const namespaces = false

func owned(string) bool { return false }

func childAttr(Isolation) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// standBack does nothing: priorities belong to processes here, not to threads.
func standBack() {}

func raiseLoopback() error { return errors.ErrUnsupported }

func shed() error { return nil }

func confinable() error { return errors.New("no Landlock on this system") }

func confine(layout) error { return errors.ErrUnsupported }

// throughDirectory is for systems with /proc/self/fd.
func throughDirectory(string) (string, func(), error) { return "", nil, errors.ErrUnsupported }

func ownProgram() (string, error) { return os.Executable() }
