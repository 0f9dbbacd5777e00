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

// answers sends bytes, ends the sending side, and returns the status of each answer.
func answers(t *testing.T, s *server, sent string) (all []int) {
	t.Helper()
	c := dial(t, s, "")
	go func() {
		_, _ = io.WriteString(c, sent) // it may be refused before all is sent
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	for {
		answer, err := http.ReadResponse(r, nil)
		if err != nil {
			return all
		}
		all = append(all, answer.StatusCode)
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
	}
}

// A body that ends before it is whole is refused and not persisted, however it was
// announced and however much of it was there.
func TestBody_CutOff(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	const head = "POST /in/landing HTTP/1.1\r\nHost: a\r\n"
	for _, c := range []struct{ declared, sent int }{
		{100, 0}, {100, 99}, {8192, 8191}, {8193, 8192}, {60_000, 20_000}, {65_536, 65_535}, {65_537, 65_536}, {1_000_000, 70_000}, {1_000_000, 999_999},
	} {
		got := answers(t, s, fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, c.declared, strings.Repeat("x", c.sent)))
		if len(got) != 1 || got[0] != http.StatusBadRequest {
			t.Errorf("%d of %d bytes: %v, want 400", c.sent, c.declared, got)
		}
	}
	for _, rest := range []string{"", "5\r\nhel", "5\r\nhello\r\n", "5\r\nhello\r\n0\r\n", strings.Repeat("4000\r\n"+strings.Repeat("x", 0x4000)+"\r\n", 20)} {
		if got := answers(t, s, head+"Transfer-Encoding: chunked\r\n\r\n"+rest); len(got) != 1 || got[0] != http.StatusBadRequest {
			t.Errorf("chunks that end with %.20q: %v, want 400", rest, got)
		}
	}
	if n := len(s.journal.deliveries(t)); n != 0 {
		t.Errorf("%d cut-off deliveries were persisted", n)
	}
	if n := s.BodyMemory(); n != 0 {
		t.Errorf("%d bytes stay reserved", n)
	}
}

// What was not read of a body is never taken for a request: it is skipped, or the
// connection ends.
func TestBody_UnreadIsNoRequest(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *edge.Options, in *ingest.Intake, _ *journal) {
		o.API, o.APIKeys = http.NotFoundHandler(), []string{"key"}
		in.Authorized = authorised
	})
	const hidden = "POST /in/landing HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nhidden"
	const after = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
	for _, head := range []string{
		"POST /in/nobody", "POST /in/landing", "DELETE /in/landing", "OPTIONS /in/landing", "GET /healthz", "POST /healthz", "POST /api/v1/x", "PROPFIND /x", "GET /nothing",
	} {
		for _, size := range []int{len(hidden), 9_000, 60_000, 70_000, 300_000, 900_000} {
			body := hidden + strings.Repeat("x", size-len(hidden))
			got := answers(t, s, fmt.Sprintf("%s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s%s", head, size, body, after))
			if len(got) == 0 || len(got) > 2 || len(got) == 2 && got[1] != http.StatusOK {
				t.Errorf("%s with %d bytes: answers %v", head, size, got)
			}
			chunk := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", size, body)
			got = answers(t, s, fmt.Sprintf("%s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%s%s", head, chunk, after))
			if len(got) == 0 || len(got) > 2 || len(got) == 2 && got[1] != http.StatusOK {
				t.Errorf("%s with %d bytes in a chunk: answers %v", head, size, got)
			}
		}
	}
	for _, d := range s.journal.deliveries(t) {
		if string(d.Body) == "hidden" {
			t.Fatal("a part of a body became a delivery")
		}
	}
}

// Bodies in the smallest chunks arrive whole, over every size at which memory grows.
func TestBody_Chunks(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for _, size := range []int{0, 1, 4095, 4096, 4097, 8192, 8193, 65_535, 65_536, 65_537, 200_000, 1 << 20} {
		step := max(1, size/5000)
		var sent strings.Builder
		sent.WriteString("POST /in/landing HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
		want := strings.Repeat("0123456789", size/10+1)[:size]
		for at := 0; at < size; at += step {
			part := want[at:min(size, at+step)]
			fmt.Fprintf(&sent, "%x\r\n%s\r\n", len(part), part)
		}
		sent.WriteString("0\r\n\r\n")
		before := len(s.journal.deliveries(t))
		status := http.StatusOK
		if size == 0 {
			status = http.StatusBadRequest
		}
		if got := answers(t, s, sent.String()); len(got) != 1 || got[0] != status {
			t.Errorf("%d bytes: %v", size, got)
		} else if all := s.journal.deliveries(t); size > 0 && (len(all) != before+1 || string(all[before].Body) != want) {
			t.Errorf("%d bytes are not what was sent", size)
		}
	}
	if n := s.BodyMemory(); n != 0 {
		t.Errorf("%d bytes stay reserved", n)
	}
}
