package edge_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/edge"
)

// framing is a request as it is sent, before the request line of a second one
// that is pipelined behind it.
type framing struct {
	name, sent string
	status     int // of the answer
	// closes says that the connection ends behind the answer, so that the second
	// request is not seen as one; else the second one is answered too.
	closes bool
	kept   int    // deliveries that are taken in
	body   string // of the delivery, if one is
}

const (
	post11 = "POST /in/landing HTTP/1.1\r\nHost: a\r\n"
	second = "GET /healthz?second HTTP/1.1\r\nHost: a\r\n\r\n"
)

// line is a request with one body of five bytes and a header line more.
func line(l string) string { return post11 + l + "\r\nContent-Length: 5\r\n\r\nhello" }

// chunked is a request with a chunked body as it is given.
func chunked(body string) string { return post11 + "Transfer-Encoding: chunked\r\n\r\n" + body }

// trailer is a request whose chunked body is followed by a line.
func trailer(l string) string { return chunked("5\r\nhello\r\n0\r\n" + l + "\r\n\r\n") }

func taken(name, sent string) framing {
	return framing{name: name, sent: sent, status: 200, kept: 1, body: "hello"}
}

func refused(name, sent string, status int) framing {
	return framing{name: name, sent: sent, status: status, closes: true}
}

// lengths is what RFC 9112, section 6, says of a body's length.
var lengths = []framing{
	taken("one length", line("A: b")),
	refused("two lengths, unequal", line("Content-Length: 6"), 400),
	refused("two lengths, equal", line("Content-Length: 5"), 400),
	refused("a list of lengths", post11+"Content-Length: 5, 5\r\n\r\nhello", 400),
	refused("a length of +5", post11+"Content-Length: +5\r\n\r\nhello", 400),
	refused("a length of 0x5", post11+"Content-Length: 0x5\r\n\r\nhello", 400),
	refused("a length of -1", post11+"Content-Length: -1\r\n\r\nhello", 400),
	refused("a length of 2^63", post11+"Content-Length: 9223372036854775808\r\n\r\nhello", 400),
	refused("a length of 2^64+5", post11+"Content-Length: 18446744073709551621\r\n\r\nhello", 400),
	refused("an empty length", post11+"Content-Length:\r\n\r\nhello", 400),
	refused("a length with a blank in it", post11+"Content-Length: 5 5\r\n\r\nhello", 400),
	refused("a length above the limit", post11+"Content-Length: 1048577\r\n\r\nhello", 413),
	refused("length and coding", line("Transfer-Encoding: chunked"), 400),
	refused("length and coding, body in chunks", post11+"Content-Length: 15\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400),
	refused("coding and length", post11+"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400),
	refused("length and coding in other letters", post11+"cOnTent-lenGth: 15\r\ntransfer-ENCODING: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400),
	refused("length and coding on GET", "GET /in/landing HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
	refused("length and coding in 1.0", "POST /in/landing HTTP/1.0\r\nContent-Length: 15\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400),
	refused("length and identity", line("Transfer-Encoding: identity"), 400),
	refused("identity", post11+"Transfer-Encoding: identity\r\n\r\nhello", 400),
	refused("gzip, chunked", post11+"Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400),
	refused("chunked, gzip", post11+"Transfer-Encoding: chunked, gzip\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400),
	refused("chunked, chunked", post11+"Transfer-Encoding: chunked, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400),
	refused("an empty coding", post11+"Transfer-Encoding:\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400),
	refused("an empty coding with a length", line("Transfer-Encoding:"), 400),
	refused("two codings", post11+"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400),
	refused("coding in 1.0", "POST /in/landing HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400),
	refused("xchunked", post11+"Transfer-Encoding: xchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400),
	refused("chunked behind a vertical tab", post11+"Transfer-Encoding: \vchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400),
	refused("chunked in quotes", post11+"Transfer-Encoding: \"chunked\"\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400),
	refused("chunked with a parameter", post11+"Transfer-Encoding: chunked;q=1\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400),
	refused("coding with a blank before the colon", post11+"Transfer-Encoding : chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400),
	refused("length with a blank before the colon", post11+"Content-Length : 5\r\n\r\nhello", 400),
	refused("chunked and a comma", post11+"Transfer-Encoding: chunked,\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400),
	refused("a comma and chunked", post11+"Transfer-Encoding: ,chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400),
	refused("a length of 1_0", post11+"Content-Length: 1_0\r\n\r\nhellohello", 400),
	refused("a length of 5;", post11+"Content-Length: 5;\r\n\r\nhello", 400),
	taken("a length of 05", post11+"Content-Length: 05\r\n\r\nhello"),
	taken("a length that the connection is to forget", line("Connection: Content-Length")),
	taken("chunked between tabs", post11+"Transfer-Encoding:\tchunked\t\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
	taken("CHUNKED", post11+"Transfer-Encoding: CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
	// An underscore is not a hyphen: it is a field that nobody knows.
	{name: "Content_Length", sent: post11 + "Content_Length: 5\r\n\r\n", status: 400},
	taken("Transfer_Encoding beside a length", line("Transfer_Encoding: chunked")),
	{name: "a request hidden in a body", sent: post11 + "Content-Length: 60\r\n\r\n" + fmt.Sprintf("%-60s", strings.Replace(second, "second", "hidden", 1)),
		status: 200, kept: 1, body: fmt.Sprintf("%-60s", strings.Replace(second, "second", "hidden", 1))},
	{name: "a body on GET", sent: "GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", status: 200},
	{name: "a body in chunks on GET", sent: "GET /healthz HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", status: 200},
	{name: "a body on DELETE", sent: "DELETE /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", status: 405},
	{name: "a body on OPTIONS", sent: "OPTIONS /in/landing HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", status: 204},
	{name: "POST without any length", sent: post11 + "\r\n", status: 400}, // as every empty delivery
	taken("an expectation", line("Expect: 100-continue")),
	refused("an expectation with a length above the limit", post11+"Expect: 100-continue\r\nContent-Length: 1048577\r\n\r\n", 413),
	taken("another expectation", line("Expect: something")),
}

// chunks is section 7.
var chunks = []framing{
	taken("chunks", chunked("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")),
	taken("a size with zeros", chunked("0005\r\nhello\r\n000\r\n\r\n")),
	taken("an extension", chunked("5;a=b\r\nhello\r\n0;c\r\n\r\n")),
	taken("a quoted extension", chunked("5;a=\"0\"\r\nhello\r\n0\r\n\r\n")),
	taken("a size and blanks", chunked("5  \r\nhello\r\n0\r\n\r\n")),
	refused("a blank before an extension", chunked("5 ;a\r\nhello\r\n0\r\n\r\n"), 400),
	refused("a size of 41 digits", chunked(strings.Repeat("0", 40)+"5\r\nhello\r\n0\r\n\r\n"), 400),
	refused("LF in an extension", chunked("5;a\nhello\r\n0\r\n\r\n"), 400),
	refused("CR in an extension", chunked("5;a\rb\r\nhello\r\n0\r\n\r\n"), 400),
	refused("LF behind a size", chunked("5\nhello\r\n0\r\n\r\n"), 400),
	refused("LF behind a chunk", chunked("5\r\nhello\n0\r\n\r\n"), 400),
	refused("CR behind a chunk", chunked("5\r\nhello\r0\r\n\r\n"), 400),
	refused("a chunk that is longer than its size", chunked("4\r\nhello\r\n0\r\n\r\n"), 400),
	refused("a last chunk twice", chunked("5\r\nhello\r\n0\r\n0\r\n\r\n"), 400),
	refused("a size of +5", chunked("+5\r\nhello\r\n0\r\n\r\n"), 400),
	refused("a size of -5", chunked("-5\r\nhello\r\n0\r\n\r\n"), 400),
	refused("a size of 0x5", chunked("0x5\r\nhello\r\n0\r\n\r\n"), 400),
	refused("a size of 5_0", chunked("5_0\r\nhello\r\n0\r\n\r\n"), 400),
	refused("a blank before a size", chunked(" 5\r\nhello\r\n0\r\n\r\n"), 400),
	refused("no size", chunked("\r\nhello\r\n0\r\n\r\n"), 400),
	refused("an extension without a size", chunked(";a\r\nhello\r\n0\r\n\r\n"), 400),
	refused("a size of 17 digits", chunked("10000000000000005\r\nhello\r\n0\r\n\r\n"), 400),
	refused("a size of 16 digits", chunked("ffffffffffffffff\r\nhello\r\n0\r\n\r\n"), 400),
	refused("a size of 2^63-1", chunked("7fffffffffffffff\r\nhello\r\n0\r\n\r\n"), 400),
	refused("a size above the limit", chunked("100001\r\n"+strings.Repeat("x", 1<<20+1)+"\r\n0\r\n\r\n"), 413),
}

// headers is sections 2, 3 and 5.
var headers = []framing{
	refused("a folded line", line("A: b\r\n c"), 400),
	refused("a line folded with a tab", line("A: b\r\n\tc"), 400),
	refused("a folded length", post11+"Content-Length:\r\n 5\r\n\r\nhello", 400),
	refused("a folded coding", post11+"Transfer-Encoding:\r\n chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400),
	refused("a folded address of a client", line("X-Forwarded-For: 203.0.113.7\r\n , 198.51.100.1"), 400),
	refused("a fold into nothing", line("A: b\r\n "), 400),
	refused("a first line that begins with a blank", "POST /in/landing HTTP/1.1\r\n Host: a\r\nContent-Length: 5\r\n\r\nhello", 400),
	refused("a line that ends with LF", post11+"A: b\nContent-Length: 5\r\n\r\nhello", 400),
	refused("a header that ends with LF", post11+"Content-Length: 5\n\r\nhello", 400),
	refused("a bare CR between lines", post11+"A: b\rContent-Length: 5\r\n\r\nhello", 400),
	refused("CR in a value", line("A: b\rc"), 400),
	refused("NUL in a value", line("A: b\x00c"), 400),
	refused("DEL in a value", line("A: b\x7fc"), 400),
	refused("ESC in a value", line("A: \x1b[2J"), 400),
	taken("a tab and other bytes than ASCII in a value", line("A: b\t\xc3\xa9\xff")),
	refused("NUL in a name", line("A\x00: b"), 400),
	refused("a control in a name", line("A\x01B: b"), 400),
	refused("a blank in a name", line("A B: b"), 400),
	refused("a tab in a name", line("A\tB: b"), 400),
	refused("a blank before the colon", line("A : b"), 400),
	refused("a name of other bytes than ASCII", line("A\xc3\xa9: b"), 400),
	refused("brackets in a name", line("A(B): b"), 400),
	refused("no name", line(": b"), 400),
	refused("no colon", line("A"), 400),
	taken("no value", line("A:")),
	taken("1,000 fields", line(strings.TrimSuffix(strings.Repeat("A: b\r\n", 1000), "\r\n"))),
	taken("a header of 16 KiB", sizedHeader(16<<10)),
	refused("a header of 16 KiB and a byte", sizedHeader(16<<10+1), 431),
	refused("an endless header", post11+strings.Repeat("A: b\r\n", 4000), 431),

	refused("no Host", "POST /in/landing HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 400),
	refused("an empty Host", "POST /in/landing HTTP/1.1\r\nHost:\r\nContent-Length: 5\r\n\r\nhello", 400),
	refused("two Hosts", line("Host: b"), 400),
	refused("two equal Hosts", line("Host: a"), 400),
	refused("a Host with a user", "POST /in/landing HTTP/1.1\r\nHost: user@a\r\nContent-Length: 5\r\n\r\nhello", 400),
	refused("a Host with a path", "POST /in/landing HTTP/1.1\r\nHost: a/b\r\nContent-Length: 5\r\n\r\nhello", 400),
	refused("a Host with a blank", "POST /in/landing HTTP/1.1\r\nHost: a b\r\nContent-Length: 5\r\n\r\nhello", 400),
	taken("a Host of IPv6", "POST /in/landing HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\nContent-Length: 5\r\n\r\nhello"),
	refused("no Host in 1.0", "POST /in/landing HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello", 200), // taken; 1.0 closes

	refused("HTTP/9.9", "POST /in/landing HTTP/9.9\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 505),
	refused("HTTP/1.2", "POST /in/landing HTTP/1.2\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 505),
	refused("HTTP/0.9", "GET /healthz HTTP/0.9\r\n\r\n", 505),
	refused("HTTP/2.0", "GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n", 505),
	refused("no version", "GET /healthz\r\n\r\n", 400),
	refused("HTTP/1.10", "GET /healthz HTTP/1.10\r\nHost: a\r\n\r\n", 400),
	refused("http/1.1", "GET /healthz http/1.1\r\nHost: a\r\n\r\n", 400),
	refused("HTTP/1.1 and a blank", "GET /healthz HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
	refused("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
	refused("a request line that ends with two CR", "POST /in/landing HTTP/1.1\r\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 400),
	// Section 2.2 allows LF; the line is all that came before the header.
	taken("a request line that ends with LF", "POST /in/landing HTTP/1.1\nHost: a\r\nContent-Length: 5\r\n\r\nhello"),
	refused("a blank of another kind in the request line", "POST /in/landing\xa0HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 400),
	taken("other bytes than ASCII in a query", "POST /in/landing?\xff HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"),
	refused("two blanks in the request line", "GET  /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
	refused("a tab in the request line", "GET\t/healthz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
	refused("a control in the target", "GET /healthz\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
	refused("a method that is no token", "G@T /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
	refused("PROXY protocol", "PROXY TCP4 203.0.113.7 192.0.2.1 4711 80\r\n"+line("A: b"), 400),
	refused("PROXY protocol, version 2", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xcb\x00\x71\x07\xc0\x00\x02\x01\x12\x67\x00\x50"+line("A: b"), 400),
	refused("TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
	taken("empty lines before a request", "\r\n\r\n"+line("A: b")),

	refused("CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 405),
	refused("CONNECT with a path", "CONNECT /in/landing HTTP/1.1\r\nHost: a\r\n\r\n", 405),
	{name: "TRACE", sent: "TRACE /healthz HTTP/1.1\r\nHost: a\r\n\r\n", status: 405},
	{name: "OPTIONS *", sent: "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", status: 404},
	refused("POST *", "POST * HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 400),
	refused("a target without a slash", "POST in/landing HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 400),
	taken("absolute form of another host", "POST http://b.example/in/landing HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"),
	taken("an upgrade to h2c", line("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__")),
	taken("an upgrade to a websocket", line("Connection: Upgrade\r\nUpgrade: websocket")),
	refused("close", line("Connection: close"), 200),
	refused("CLOSE in a list", line("Connection: keep-alive, CLOSE"), 200),
	refused("close in a second line", line("Connection: keep-alive\r\nConnection: close"), 200),
	taken("closed is not close", line("Connection: closed")),
	taken("keep-alive in 1.0", "POST /in/landing HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello"),
	// A singleton twice is not ambiguous for framing: the last media type counts.
	taken("two media types", line("Content-Type: a/b\r\nContent-Type: c/d")),
	taken("two authorizations", line("Authorization: Basic YQ==\r\nAuthorization: Basic Yg==")),
}

// trailers is RFC 9110, section 6.5.
var trailers = []framing{
	taken("a trailer", trailer("X-Trailer: evil")),
	taken("a trailer that was announced", strings.Replace(trailer("X-Trailer: evil"), "Host: a", "Host: a\r\nTrailer: X-Trailer", 1)),
	taken("a signature in a trailer", trailer("X-Signature: evil")),
	taken("a request id in a trailer", trailer("X-Request-Id: evil")),
	taken("an origin in a trailer", trailer("Origin: https://evil.example")),
	taken("Forwarded in a trailer", trailer("Forwarded: for=203.0.113.7")),
	refused("X-Forwarded-For in a trailer", trailer("X-Forwarded-For: 203.0.113.7"), 400),
	refused("X-Forwarded-Host in a trailer", trailer("X-Forwarded-Host: evil.example"), 400),
	refused("X-Forwarded-Proto in a trailer", trailer("x-forwarded-proto: http"), 400),
	refused("X-Real-IP in a trailer", trailer("X-Real-IP: 203.0.113.7"), 400),
	refused("Host in a trailer", trailer("Host: evil.example"), 400),
	refused("Content-Length in a trailer", trailer("Content-Length: 99"), 400),
	refused("Transfer-Encoding in a trailer", trailer("Transfer-Encoding: chunked"), 400),
	refused("Authorization in a trailer", trailer("Authorization: Bearer evil"), 400),
	refused("Content-Type in a trailer", trailer("Content-Type: evil/evil"), 400),
	refused("Content-Encoding in a trailer", trailer("Content-Encoding: gzip"), 400),
	refused("Cookie in a trailer", trailer("Cookie: evil=1"), 400),
	refused("a forbidden trailer that was announced", strings.Replace(trailer("X-Forwarded-For: 203.0.113.7"), "Host: a", "Host: a\r\nTrailer: X-Forwarded-For", 1), 400),
	// Trailers are dropped, so that it does not matter how their lines are joined.
	taken("a folded trailer", trailer("A: b\r\n c")),
	taken("a trailer that ends with LF", trailer("A: b\nB: c")),
	refused("X-Forwarded-For and a blank in a trailer", trailer("X-Forwarded-For : 203.0.113.7"), 400),
	refused("a blank in a trailer's name", trailer("X-Forwarded For: 203.0.113.7"), 400),
	refused("NUL in a trailer", trailer("A: b\x00c"), 400),
	refused("no colon in a trailer", trailer("evil"), 400),
	refused("endless trailers", chunked("5\r\nhello\r\n0\r\n"+strings.Repeat("A: b\r\n", 4000)), 431),
}

// sizedHeader is a request whose first line and header have n bytes together.
func sizedHeader(n int) string {
	rest := post11 + "Content-Length: 5\r\nA: \r\n\r\n"
	return strings.Replace(rest, "A: ", "A: "+strings.Repeat("x", n-len(rest)), 1) + "hello"
}

// What is sent, the status of its answer, whether the connection ends behind it
// and whether what follows is seen as a request, over real connections.
func TestFraming(t *testing.T) {
	t.Parallel()
	for group, table := range map[string][]framing{"lengths": lengths, "chunks": chunks, "headers": headers, "trailers": trailers} {
		t.Run(group, func(t *testing.T) {
			t.Parallel()
			s := start(t, nil)
			for _, f := range table {
				f.test(t, s)
			}
		})
	}
}

func (f framing) test(t *testing.T, s *server) {
	t.Helper()
	if f.closes && f.status == http.StatusOK { // by its own wish
		f.kept, f.body = 1, "hello"
	}
	before := len(s.journal.deliveries(t))
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, f.sent+second); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	status, closes, err := readAnswer(r)
	if err != nil || status != f.status {
		t.Errorf("%s: status %d, %v; want %d", f.name, status, err, f.status)
		return
	}
	if f.closes {
		if more, err := io.ReadAll(r); err != nil || len(more) > 0 || !closes {
			t.Errorf("%s: the connection does not end: %v, %q follows", f.name, err, more)
		}
	} else if status, _, err := readAnswer(r); err != nil || status != http.StatusOK || closes {
		t.Errorf("%s: what follows is not answered: %d %v", f.name, status, err)
	}
	added := s.journal.deliveries(t)[before:]
	if len(added) != f.kept {
		t.Errorf("%s: %d deliveries, want %d", f.name, len(added), f.kept)
		return
	}
	for _, d := range added {
		if string(d.Body) != f.body {
			t.Errorf("%s: body %q, want %q", f.name, d.Body, f.body)
		}
		if all := fmt.Sprint(d.Header, d.URL, d.RemoteAddr); strings.Contains(all, "evil") || strings.Contains(all, "203.0.113.7") {
			t.Errorf("%s: a trailer became part of the delivery: %s", f.name, all)
		}
	}
}

// readAnswer reads the next answer that is not an interim one, and tells whether
// it says that the connection ends.
func readAnswer(r *bufio.Reader) (status int, closes bool, err error) {
	for {
		answer, err := http.ReadResponse(r, nil)
		if err != nil {
			return 0, false, err
		}
		_, err = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusContinue {
			return answer.StatusCode, answer.Close, err
		}
	}
}

// A header that is refused is refused when it is there: its body is not waited
// for, and a large one that is on its way does not reset the connection before
// the answer is read.
func TestFraming_RefusedBeforeTheBody(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *edge.Options, _ *ingest.Intake, _ *journal) {
		o.ReadTimeout = time.Hour
		o.MaxBody = func(string) int64 { return 64 << 20 }
	})
	head := post11 + "Content-Length: 9000000\r\nTransfer-Encoding: chunked\r\n\r\n"
	if status := s.send(t, strings.NewReader(head)); status != http.StatusBadRequest {
		t.Errorf("without a body: %d", status)
	}
	if status := s.send(t, io.MultiReader(strings.NewReader(head), repeated("x", 8<<20))); status != http.StatusBadRequest {
		t.Errorf("with a large body: %d", status)
	}
}
