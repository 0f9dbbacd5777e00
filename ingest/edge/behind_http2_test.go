package edge_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// stream is a request over HTTP/2 as it is sent. A proxy makes HTTP/1.1 of it, in
// which a line break or a length that lies would become another request.
type stream struct {
	name    string
	header  []string // name, value, …; those that begin a request are made if absent
	body    string
	trailer []string
}

var (
	smuggled = "0\r\n\r\nPOST /in/landing?evil HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nevil"
	streams  = []stream{
		{name: "as it should be", body: "hello"},
		{name: "a length that is too short", header: []string{"content-length", "3"}, body: "hello"},
		{name: "a length that is too long", header: []string{"content-length", "10"}, body: "hello"},
		{name: "a length of 0", header: []string{"content-length", "0"}, body: smuggled[5:]},
		{name: "two lengths", header: []string{"content-length", "5", "content-length", "6"}, body: "hello"},
		{name: "a length of +5", header: []string{"content-length", "+5"}, body: "hello"},
		{name: "a coding", header: []string{"transfer-encoding", "chunked"}, body: smuggled},
		{name: "a coding and a length", header: []string{"transfer-encoding", "chunked", "content-length", fmt.Sprint(len(smuggled))}, body: smuggled},
		{name: "a coding behind a line break", header: []string{"x", "a\r\nTransfer-Encoding: chunked"}, body: smuggled},
		{name: "a coding behind LF", header: []string{"x", "a\nTransfer-Encoding: chunked"}, body: smuggled},
		{name: "a coding in a name", header: []string{"x: a\r\ntransfer-encoding", "chunked"}, body: smuggled},
		{name: "a colon in a name", header: []string{"transfer-encoding: chunked\r\nx", "a"}, body: smuggled},
		{name: "a client in a value", header: []string{"x", "a\r\nX-Forwarded-For: 203.0.113.7"}, body: "hello"},
		{name: "a request in a value", header: []string{"x", "a\r\n\r\n" + smuggled[5:]}, body: "hello"},
		{name: "a request in the path", header: []string{":path", "/in/landing HTTP/1.1\r\nHost: a\r\n\r\n" + smuggled[5:] + " "}, body: "hello"},
		{name: "a version in the path", header: []string{":path", "/in/landing HTTP/1.0 "}, body: "hello"},
		{name: "a request in the method", header: []string{":method", "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nPOST"}, body: "hello"},
		{name: "a line break in the authority", header: []string{":authority", proxyHost + "\r\nX-Forwarded-For: 203.0.113.7"}, body: "hello"},
		{name: "a user in the authority", header: []string{":authority", "evil@" + proxyHost}, body: "hello"},
		{name: "another host", header: []string{"host", "evil.example"}, body: "hello"},
		{name: "NUL in a value", header: []string{"x", "a\x00b"}, body: "hello"},
		{name: "a name in capitals", header: []string{"X-Forwarded-For", "203.0.113.7"}, body: "hello"},
		{name: "fields of the connection", header: []string{"connection", "x-forwarded-for, x-forwarded-proto"}, body: "hello"},
		{name: "te", header: []string{"te", "chunked"}, body: "hello"},
		{name: "an upgrade", header: []string{"upgrade", "websocket", "connection", "upgrade"}, body: "hello"},
		{name: "a scheme", header: []string{":scheme", "http"}, body: "hello"},
		{name: "a client in a trailer", body: "hello", trailer: []string{"x-forwarded-for", "203.0.113.7"}},
		{name: "a line break in a trailer", body: "hello", trailer: []string{"x", "a\r\n\r\n" + smuggled[5:]}},
		{name: "a path in a trailer", body: "hello", trailer: []string{":path", "/in/landing?evil"}},
	}
)

// What cannot be written in HTTP/1.1 does not become another request on the way.
func TestIntegration_Proxies_HTTP2(t *testing.T) {
	t.Parallel()
	for _, kind := range proxyKinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			p := kind.behind(t, nil)
			p.client = p.from(t, "127.0.0.9")
			for n, s := range streams {
				before := len(p.journal.deliveries(t))
				status := p.stream(t, s)
				if taken := status == "200"; n == 0 && !taken {
					t.Errorf("%s: %s", s.name, status)
				}
				p.probe(t, n, s.name, s.body, before)
				t.Logf("%s: %s", s.name, status)
			}
		})
	}
}

// stream sends one request on a connection of its own, and returns the status of
// its answer or how it was refused.
func (p *proxied) stream(t *testing.T, s stream) string {
	t.Helper()
	c := p.dial(t, "h2")
	defer func() { _ = c.Close() }()
	var sent bytes.Buffer
	sent.WriteString(http2.ClientPreface)
	write := http2.NewFramer(&sent, nil)
	write.AllowIllegalWrites = true
	_ = write.WriteSettings() // all of it into memory
	_ = write.WriteSettingsAck()
	_ = write.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block(s.header, true), EndHeaders: true})
	_ = write.WriteData(1, len(s.trailer) == 0, []byte(s.body))
	if len(s.trailer) > 0 {
		_ = write.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block(s.trailer, false), EndHeaders: true, EndStream: true})
	}
	_, _ = c.Write(sent.Bytes()) // it may close before it has all
	read := http2.NewFramer(io.Discard, c)
	read.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	for {
		frame, err := read.ReadFrame()
		if err != nil {
			return "closed"
		}
		switch f := frame.(type) {
		case *http2.MetaHeadersFrame:
			if status := f.PseudoValue("status"); status != "100" {
				return status
			}
		case *http2.RSTStreamFrame:
			return "reset: " + f.ErrCode.String()
		case *http2.GoAwayFrame:
			return "closed: " + f.ErrCode.String()
		}
	}
}

// block encodes a header; one that begins a request has all that it needs.
func block(header []string, begins bool) []byte {
	var b bytes.Buffer
	encode := hpack.NewEncoder(&b)
	write := func(name, value string) { _ = encode.WriteField(hpack.HeaderField{Name: name, Value: value}) } // into memory
	if begins {
		for _, field := range [][2]string{{":method", "POST"}, {":scheme", "https"}, {":authority", proxyHost}, {":path", "/in/landing"}} {
			given := ""
			for i := 0; i < len(header); i += 2 {
				if header[i] == field[0] {
					given = header[i+1]
				}
			}
			if given == "" {
				given = field[1]
			}
			write(field[0], given)
		}
	}
	for i := 0; i < len(header); i += 2 {
		if !begins || !strings.HasPrefix(header[i], ":") {
			write(header[i], header[i+1])
		}
	}
	return b.Bytes()
}
