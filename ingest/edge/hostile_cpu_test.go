package edge_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/edge"
)

// processorTime is what this process has used of the processors.
func processorTime(t testing.TB) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// sendAll writes a request as it is, says that nothing follows, and reads what is
// answered until the connection is closed.
func (s *server) sendAll(t testing.TB, request io.Reader) {
	t.Helper()
	c, end := s.pour(t, request, true)
	defer end()
	_, _ = io.Copy(io.Discard, c)
}

// What a client may send takes the processors no longer than so many plain posts of
// the same size, sending it included. The size of a compressed one is what it
// inflates to, as far as it is inflated. Both are measured in turn, and again where
// that is too much: the shortest times count, others include what the machine did
// besides.
func TestHostile_ProcessorTime(t *testing.T) { // not parallel: it counts what the process does
	const (
		limit    = 1 << 20
		maxTimes = 20
		again    = 8
	)
	s := start(t, func(o *edge.Options, _ *ingest.Intake, _ *journal) {
		o.MaxBody = func(string) int64 { return limit }
	})
	head := func(lines ...string) string {
		return "POST /in/landing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + strings.Join(append(lines, "\r\n"), "\r\n")
	}
	sized := func(body string, lines ...string) func() io.Reader {
		request := head(append(lines, fmt.Sprintf("Content-Length: %d", len(body)))...) + body
		return func() io.Reader { return strings.NewReader(request) }
	}
	endless := func(begin, text string, n int) func() io.Reader {
		return func() io.Reader { return io.MultiReader(strings.NewReader(begin), repeated(text, n)) }
	}
	const header = 15 << 10
	lines := func(line string) []string { // as many as fit
		return strings.Split(strings.TrimSuffix(strings.Repeat(line+"\r\n", header/(len(line)+2)), "\r\n"), "\r\n")
	}
	gzip := "Content-Encoding: gzip"
	accents := strings.Repeat("e\u0301\u0316", limit/5)
	for name, c := range map[string]struct {
		size    int
		request func() io.Reader
	}{
		"a bomb":                     {limit, sized(packed(t, make([]byte, 50*limit)), gzip)},
		"a bomb that just fits":      {limit, sized(packed(t, make([]byte, limit)), gzip)},
		"accents in wrong order":     {limit, sized(packed(t, []byte(accents)), gzip)},
		"a bomb in a bomb":           {limit, sized(packed(t, []byte(packed(t, make([]byte, 50*limit)))), gzip)},
		"endless members":            {limit, sized(strings.Repeat(packed(t, nil), limit/len(packed(t, nil))), gzip)},
		"members of a byte":          {limit, sized(strings.Repeat(packed(t, []byte("a")), limit/len(packed(t, []byte("a")))), gzip)},
		"no gzip":                    {limit, sized(strings.Repeat("\x1f\x8b\x08", limit/3), gzip)},
		"a name in gzip's header":    {limit, sized("\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\x03"+strings.Repeat("a", limit-64), gzip)},
		"no deflate":                 {limit, sized(strings.Repeat("\x00\x00\x00\xff\xff", limit/5), "Content-Encoding: deflate")},
		"chunks of a byte":           {limit, endless(head("Transfer-Encoding: chunked"), "1\r\na\r\n", limit/6)},
		"chunks with extensions":     {limit, endless(head("Transfer-Encoding: chunked"), "1;a=b\r\na\r\n", limit/10)},
		"an endless chunk's length":  {limit, endless(head("Transfer-Encoding: chunked"), "0", limit)},
		"trailers":                   {limit, endless(head("Transfer-Encoding: chunked")+"0\r\n", "A: b\r\n", limit/6)},
		"pipelined":                  {limit, endless("", "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", limit/50)},
		"a thousand headers":         {header, sized("x", lines("A-1: b")...)},
		"headers without a name":     {header, sized("x", lines(": b")...)},
		"empty headers":              {header, sized("x", lines("A:")...)},
		"cookies":                    {header, sized("x", "Cookie: "+strings.Repeat("_fbc=a;", header/7))},
		"one cookie":                 {header, sized("x", "Cookie: _gcl_aw="+strings.Repeat(".", header))},
		"a chain of proxies":         {header, sized("x", "X-Forwarded-For: "+strings.Repeat("1.1.1.1,", header/8))},
		"a chain of IPv6":            {header, sized("x", "X-Forwarded-For: "+strings.Repeat("::,", header/3))},
		"no chain":                   {header, sized("x", "X-Forwarded-For: "+strings.Repeat(",", header))},
		"languages":                  {header, sized("", "Accept: "+strings.Repeat("text/html;q=0.1,", header/16))},
		"an origin":                  {header, sized("x", "Origin: https://"+strings.Repeat("a.", header/2))},
		"a referrer":                 {header, sized("x", "Referer: https://a/"+strings.Repeat("%2f../", header/6))},
		"an agent":                   {header, sized("x", "User-Agent: "+strings.Repeat("(a; ", header/4))},
		"encodings":                  {header, sized("x", "Content-Encoding: "+strings.Repeat("gzip,", header/5))},
		"a type of parameters":       {header, sized("x", "Content-Type: text/plain"+strings.Repeat(";a=b", header/4))},
		"a type of continuations":    {header, sized("x", "Content-Type: text/plain"+strings.Repeat(";a*1=b", header/6))},
		"a boundary":                 {header, sized("x", "Content-Type: multipart/form-data; boundary="+strings.Repeat("b", header))},
		"a query of tokens":          {header, endless("POST /in/landing?"+strings.Repeat("token=a&", header/8)+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\n", "x", 1)},
		"a query of percent signs":   {header, endless("POST /in/landing?"+strings.Repeat("%", header)+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\n", "x", 1)},
		"a path of dots":             {header, endless("POST /in/landing"+strings.Repeat("/..", header/3)+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\n", "x", 1)},
		"a path of slashes":          {header, endless("POST "+strings.Repeat("/", header)+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\n", "x", 1)},
		"a path of encoded slashes":  {header, endless("POST /in/"+strings.Repeat("%252f", header/5)+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\n", "x", 1)},
		"an endless method":          {header, endless("", "POST", header/4)},
		"blank lines":                {header, endless("", "\r\n", header/2)},
		"multipart of small parts":   {limit, sized(strings.Repeat("--b\r\n\r\n\r\n", limit/9), "Content-Type: multipart/form-data; boundary=b")},
		"a body of percent encoding": {limit, sized(strings.Repeat("%25", limit/3), "Content-Type: application/x-www-form-urlencoded")},
	} {
		body := bytes.Repeat([]byte("Please call me back. "), c.size/21)
		took := func(request func() io.Reader) time.Duration {
			before := processorTime(t)
			s.sendAll(t, request())
			return processorTime(t) - before
		}
		plain := sized(string(body))
		worth := float64(maxTimes + 1)
		for i := 0; i < again && worth > maxTimes; i++ {
			known := min(took(plain), took(plain), took(plain))
			worth = min(worth, float64(took(c.request))/float64(known))
		}
		if worth > maxTimes {
			t.Errorf("%s takes as long as %.0f plain posts", name, worth)
		}
	}
	if r := s.do(t, "POST", "/in/landing", "x"); r.StatusCode != 200 {
		t.Errorf("afterwards it answers %d", r.StatusCode)
	}
}
