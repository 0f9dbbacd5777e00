package embedded

import (
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// openTerminal makes standard input a terminal and returns its other end, where
// it drains what is echoed. Closing that is the end of the input.
//
// An engine that is not interactive ends on whatever is thrown in a connection's
// thread (https://github.com/ClickHouse/ClickHouse/issues/115666); it takes itself
// for interactive if its input is a terminal.
func openTerminal() (*os.File, error) {
	ours, theirs, err := pty.Open()
	if err != nil {
		return nil, fmt.Errorf("terminal for the engine: %w", err)
	}
	defer func() { _, _ = ours.Close(), theirs.Close() }()
	if err := unix.Dup2(int(theirs.Fd()), syscall.Stdin); err != nil {
		return nil, fmt.Errorf("terminal for the engine: %w", err)
	}
	// A descriptor that does not block, so that Close ends what reads from it.
	end, err := unix.FcntlInt(ours.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(end, true)
	}
	if err != nil {
		return nil, fmt.Errorf("terminal for the engine: %w", err)
	}
	terminal := os.NewFile(uintptr(end), "terminal")
	go func() { _, _ = io.Copy(io.Discard, terminal) }()
	return terminal, nil
}
