package main

import (
	"fmt"
	"log/slog"
	"net"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/analytics/clickhouse/embedded"
	"github.com/leadgate/leadgate/analytics/schema"
)

// ReaderConfig opens the embedded engine's native protocol to programs such as BI
// tools, for a user that reads the views. Empty: nobody.
type ReaderConfig struct {
	Listen   string `yaml:"listen"`
	Password Secret `yaml:"password"`
}

// leastReaderPassword in characters: whoever can connect may guess.
const leastReaderPassword = 12

// check returns the reader that the configuration means.
func (c ClickHouseConfig) checkReader(problems *Problems) (reader embedded.Reader) {
	r := c.Reader
	if r == (ReaderConfig{}) {
		return reader
	}
	if c.URL != "" {
		problems.add("clickhouse.reader", "is for the embedded engine: make a user on the server of clickhouse.url instead")
	}
	if _, port, err := net.SplitHostPort(r.Listen); err != nil || port == "" {
		problems.add("clickhouse.reader.listen", "not host:port such as 127.0.0.1:9000 (got %s)", r.Listen)
	}
	if r.Password == "" {
		problems.add("clickhouse.reader.password", "is needed with clickhouse.reader.listen (got none)")
		return reader
	}
	password := secretAt("clickhouse.reader.password", r.Password, leastReaderPassword, problems)
	return embedded.Reader{Listen: r.Listen, Password: password, Tables: schema.Readable(clickhouse.DefaultDatabase)}
}

// readerWarning says what is risky about the reader's port, or nothing.
func (s *Settings) readerWarning() string {
	if s.Reader.Listen == "" || loopback(s.Reader.Listen) {
		return ""
	}
	return fmt.Sprintf("clickhouse.reader.listen: the password and what is read, personal data included, cross the network unencrypted: "+
		"use 127.0.0.1 with a tunnel, or a network of your own (got %s)", s.Reader.Listen)
}

// engineOptions are those of the embedded engine.
func (s *Settings) engineOptions(library string, log *slog.Logger) embedded.Options {
	return embedded.Options{Dir: s.engineDir(), Library: library, Reader: s.Reader, Log: log}
}

// Names of the checks about access to the embedded engine.
const (
	checkIsolation = "engine isolation"
	checkReader    = "engine reader"
)

// isolationCheck says how the embedded engine is kept from others.
func isolationCheck(p embedded.Protection) check {
	c := check{Name: checkIsolation, State: stateWarning}
	switch {
	case p.Restricted != "":
		c.Detail = fmt.Sprintf("other local users can connect to the engine's port, where they are refused (%s): allow network namespaces "+
			"(user.max_net_namespaces, user.max_user_namespaces, the container's seccomp profile)", p.Restricted)
	case p.Unconfined != "":
		c.Detail = fmt.Sprintf("in a %s, but not kept from files besides its own (%s): that takes Linux 5.19 or newer with Landlock; "+
			"until then clickhouse.reader is not opened", p.Isolation, p.Unconfined)
	default:
		c.State, c.Detail = stateOK, fmt.Sprintf("in a %s, kept to its own files", p.Isolation)
	}
	return c
}

// accessChecks say how a running engine is kept from others, and whether the
// reader that the configuration names has a port.
func (s *Settings) accessChecks(engine *embedded.Engine) []check {
	checks := []check{isolationCheck(engine.Protection())}
	switch at := engine.ReaderAddr(); {
	case s.Reader.Listen == "":
	case at == "":
		checks = append(checks, check{Name: checkReader, State: stateWarning, Detail: "clickhouse.reader is not open: the log says why"})
	default:
		checks = append(checks, check{Name: checkReader, State: stateOK, Detail: "the views can be read at " + at})
	}
	return checks
}
