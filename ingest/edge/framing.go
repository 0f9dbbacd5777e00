package edge

import (
	"bytes"
	"net/http"

	"github.com/valyala/fasthttp"
)

// What the server's parser lets pass although two recipients can read it
// differently is refused here, with 400 or 505, and the connection is closed:
// what follows on it has no certain beginning. The parser itself refuses two
// Content-Length, every transfer coding but chunked, controls and the like;
// framing_test.go holds the whole table.
//
// The refusal is decided as soon as the header is there, so that no body is
// waited for, by a function that cannot answer. It therefore marks the header
// with a protocol that cannot be sent: the parser takes HTTP/ and two digits.
const (
	bothLengths = "Content-Length and Transfer-Encoding"
	folded      = "folded"
	bareLF      = "bare LF"
	blankInName = "blank in a name"
	identity    = "identity"
	badHost     = "host"
	tunnel      = "tunnel"
	tooLarge    = "too large"
)

var framingFailures = map[string]*failure{
	// RFC 9112, section 6.1: "ought to be handled as an error".
	bothLengths: malformed("the header has both Content-Length and Transfer-Encoding; send one of them"),
	// Section 5.2: refused, or the fold replaced before anybody reads it.
	folded: malformed("a line of the header begins with a blank; send each field on one line"),
	// Section 2.2 allows it, but a recipient before us may think otherwise.
	bareLF: malformed("a line of the header ends with LF alone; end it with CR LF"),
	// Section 5.1: a name is a token.
	blankInName: malformed("a name in the header contains a blank"),
	// Section 7: this coding was removed.
	identity: malformed("Transfer-Encoding may be chunked, and nothing else"),
	// Section 3.2.
	badHost: malformed("Host is not the name of a host, with or without a port"),
	// RFC 9110, section 9.3.6: bytes after it belong to a tunnel.
	tunnel: byStatus(http.StatusMethodNotAllowed),
	// Section 15.5.14. It is no fault of framing, but as early.
	tooLarge: byStatus(http.StatusRequestEntityTooLarge),
}

// errVersion answers all versions but HTTP/1.0 and HTTP/1.1 (RFC 9110, section 15.6.6).
var errVersion = &failure{Status: http.StatusHTTPVersionNotSupported, Code: "version_not_supported",
	Message: "send HTTP/1.1 or HTTP/1.0"}

func malformed(message string) *failure {
	return &failure{Status: http.StatusBadRequest, Code: "malformed", Message: message}
}

// checkFraming marks a header that is to be refused, for its framing or because it
// declares a body larger than limit tells. Its body is not read.
func checkFraming(h *fasthttp.RequestHeader, limit func() int64) {
	fault := framingFault(h)
	if declared := h.ContentLength(); fault == "" && declared > 0 && int64(declared) > limit() {
		fault = tooLarge
	}
	if fault == "" {
		return
	}
	h.SetProtocol(fault)
	h.SetContentLength(0)
}

// framingFailure returns what a request is refused with if its header was
// marked or has a version that is not served, else nil.
func framingFailure(h *fasthttp.RequestHeader) *failure {
	if h.IsHTTP11() || string(h.Protocol()) == "HTTP/1.0" {
		return nil
	}
	if f := framingFailures[string(h.Protocol())]; f != nil {
		return f
	}
	return errVersion
}

// framingFault returns what is wrong with a header, "" if nothing is. It reads
// the lines as they were sent, once: the parsed header shows neither folds nor
// a Content-Length beside a Transfer-Encoding.
func framingFault(h *fasthttp.RequestHeader) string {
	if !validHost(h.Host()) {
		return badHost
	}
	var length, coding bool
	for raw := h.RawHeaders(); len(raw) > 0; {
		end := bytes.IndexByte(raw, '\n')
		if end < 1 || raw[end-1] != '\r' {
			return bareLF
		}
		line := raw[:end-1]
		raw = raw[end+1:]
		if len(line) == 0 {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			return folded
		}
		name := line[:max(0, bytes.IndexByte(line, ':'))]
		if bytes.IndexByte(name, ' ') >= 0 {
			return blankInName
		}
		switch {
		case len(name) == len("Content-Length") && bytes.EqualFold(name, []byte("Content-Length")):
			length = true
		case len(name) == len("Transfer-Encoding") && bytes.EqualFold(name, []byte("Transfer-Encoding")):
			coding = true
		}
	}
	switch {
	case length && coding:
		return bothLengths
	case coding && h.ContentLength() != -1:
		return identity
	case h.IsConnect():
		return tunnel
	}
	return ""
}

// validHost reports whether a Host consists of characters that a host and a port
// may have (RFC 3986, section 3.2). An empty one is left to the parser: it is
// absent in HTTP/1.0.
func validHost(host []byte) bool {
	for _, c := range host {
		if !hostBytes[c] {
			return false
		}
	}
	return true
}

var hostBytes = func() (valid [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%!$&'()*+,;=:[]") {
		valid[c] = true
	}
	return valid
}()

// refuseFraming answers a request whose framing is refused, closes its
// connection, and reports whether it did.
func (e *Edge) refuseFraming(rc *fasthttp.RequestCtx) bool {
	f := framingFailure(&rc.Request.Header)
	if f == nil {
		return false
	}
	if c, ok := rc.Conn().(*conn); ok {
		c.linger.Store(true)
	}
	e.failRaw(rc, f)
	rc.SetConnectionClose()
	return true
}
