package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

const openForm = "sources:\n  - {name: form, type: form}\n"

// lead posts a lead that must be accepted.
func (p *process) lead(name string) {
	p.t.Helper()
	p.post(http.StatusOK, "/in/form", fmt.Sprintf(`{"id":%q,"email":"%s@example.com"}`, name, name), jsonHeader)
}

// says waits until the gateway has logged something.
func (p *process) says(text string) {
	p.t.Helper()
	p.until("logged: "+text, func() bool { return strings.Contains(p.said.String(), text) })
}

// complete checks that the store has these many leads, once each, and that
// nothing differs from the journal.
func (p *process) complete(leads int) {
	p.t.Helper()
	p.counted()
	if got := p.sql("SELECT count(), uniqExact(external_id), countIf(verdict = 'unique') FROM leads"); got != fmt.Sprintf("%d\t%d\t%d", leads, leads, leads) {
		p.t.Errorf("%d leads were accepted, the store has %s", leads, got)
	}
	today := time.Now().UTC()
	p.run("reconcile", "--from", today.AddDate(0, 0, -1).Format(time.DateOnly), "--to", today.AddDate(0, 0, 1).Format(time.DateOnly))
}

// Finding 21: SIGHUP ended the process without a word.
func TestIntegration_HangupEndsNothing(t *testing.T) {
	t.Parallel()
	p := serve(t, t.TempDir(), openForm)
	for range 3 {
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	p.says("SIGHUP is ignored")
	p.lead("a")
	p.complete(1)
	p.stop()
}

// Finding 22: the next line after the log's reader had ended killed the process.
func TestIntegration_ClosedLogEndsNothing(t *testing.T) {
	t.Parallel()
	for name, redirect := range map[string]string{
		"reader gone": "", "closed": "2>&- >&-", "full": "2>/dev/full", "reader stuck": "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := prepareServe(t, t.TempDir(), openForm+"log: {level: debug}\n")
			p.said, p.ended = &output{}, make(chan struct{})
			serving := p.command(t.Context(), "serve")
			p.cmd = exec.CommandContext(t.Context(), "sh", append([]string{"-c", `exec "$@" ` + redirect, "sh", serving.Path}, serving.Args[1:]...)...)
			p.cmd.Env = serving.Env
			reader, writer, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			p.cmd.Stdout, p.cmd.Stderr = writer, writer
			stuck := name == "reader stuck"
			if stuck {
				fillPipe(t, writer)
			}
			if err := p.cmd.Start(); err != nil {
				t.Fatal(err)
			}
			closes(t, writer)
			go func() { p.err = p.cmd.Wait(); close(p.ended) }()
			if redirect == "" && !stuck {
				if _, err := reader.Read(make([]byte, 1)); err != nil && err != io.EOF { // it logs
					t.Fatal(err)
				}
			}
			if !stuck {
				closes(t, reader)
			}
			p.ready()
			if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil { // which it logs
				t.Fatal(err)
			}
			p.lead("a")
			p.complete(1)
			p.stop()
			if stuck {
				closes(t, reader)
			}
		})
	}
}

// fillPipe has the next write to a pipe wait for its reader.
func fillPipe(t *testing.T, pipe *os.File) {
	t.Helper()
	raw, err := pipe.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var full error
	if err := raw.Control(func(fd uintptr) {
		full = syscall.SetNonblock(int(fd), true)
		for full == nil {
			_, full = syscall.Write(int(fd), make([]byte, 1024))
		}
		_, last := syscall.Write(int(fd), make([]byte, 1))
		for last == nil { // what is left of the last page
			_, last = syscall.Write(int(fd), make([]byte, 1))
		}
		_ = syscall.SetNonblock(int(fd), false)
	}); err != nil || full != syscall.EAGAIN {
		t.Fatalf("the pipe does not get full: %v, %v", full, err)
	}
}
