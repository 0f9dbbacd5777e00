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
)

// A body that nobody needs, since the answer does not depend on it, is still a body:
// no request is found in it, and behind one that is malformed nothing is.
func TestFraming_BodiesThatAreNotNeeded(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	hidden := "GET /healthz HTTP/1.1\r\nHost: a\r\nX-Request-Id: hidden\r\n\r\n"
	many := strings.Repeat(hidden, 2500)
	sized := func(body string) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body) }
	chunks := func(body, end string) string {
		return fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n%s", len(body), body, end)
	}
	for _, head := range []string{
		"GET /healthz", "HEAD /healthz", "POST /healthz", "GET /in/landing", "DELETE /in/landing", "OPTIONS /in/landing", "POST /in/nobody", "POST /nowhere", "PROPFIND /nowhere",
	} {
		for _, c := range []struct {
			name, rest string
			malformed  bool
		}{
			{"sized", sized(hidden), false},
			{"sized, large", sized(many), false},
			{"sized, awaited", "Expect: 100-continue\r\n" + sized(hidden), false},
			{"in chunks", chunks(hidden, "0\r\n\r\n"), false},
			{"in chunks, large", chunks(many, "0\r\n\r\n"), false},
			{"with a trailer", chunks(hidden, "0\r\nX-Trailer: a\r\n\r\n"), false},
			{"with a forbidden trailer", chunks(hidden, "0\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n"), true},
			{"with two ends", chunks("hello", "0\r\n0\r\n\r\n") + hidden, true},
			{"with a chunk too long", "Transfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n0\r\n\r\n" + hidden, true},
			{"with LF behind a size", "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n" + hidden, true},
		} {
			answers := s.ids(t, head+" HTTP/1.1\r\nHost: a\r\nX-Request-Id: first\r\n"+c.rest+
				"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Request-Id: second\r\nConnection: close\r\n\r\n", strings.HasPrefix(head, "HEAD"))
			got := fmt.Sprint(answers)
			if got != "[first]" && (c.malformed && len(answers) != 1 || !c.malformed && got != "[first second]") || len(answers) == 0 || strings.Contains(got, "hidden") {
				t.Errorf("%s, a body %s: answered are %s", head, c.name, got)
			}
		}
	}
	if n := len(s.journal.deliveries(t)); n != 0 {
		t.Errorf("%d deliveries", n)
	}
}

// ids sends requests on one connection and returns the request ids of all answers,
// until it ends.
func (s *server) ids(t *testing.T, text string, headFirst bool) (ids []string) {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = io.WriteString(c, text) // it may be closed before it has all
	}()
	defer func() { _ = c.Close(); <-written }()
	r := bufio.NewReader(c)
	for {
		request := &http.Request{Method: http.MethodGet}
		if headFirst && len(ids) == 0 {
			request.Method = http.MethodHead
		}
		answer, err := http.ReadResponse(r, request)
		if err != nil {
			if len(ids) == 0 {
				t.Errorf("no answer: %v", err)
			}
			return ids
		}
		_, err = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusContinue {
			ids = append(ids, answer.Header.Get("X-Request-Id"))
		}
		if err != nil {
			return ids
		}
	}
}
