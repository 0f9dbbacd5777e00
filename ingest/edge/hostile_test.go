package edge_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/edge"
)

// pour writes a request as it is on a connection of its own, beside what the caller
// reads of it. With last, the server is told that nothing follows. The caller ends both
// with what is returned.
func (s *server) pour(t testing.TB, request io.Reader, last bool) (c net.Conn, end func()) {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var writing sync.WaitGroup
	writing.Go(func() {
		_, _ = io.Copy(c, request) // the server may close before it has all
		if last {
			_ = c.(*net.TCPConn).CloseWrite()
		}
	})
	return c, func() {
		_ = c.Close()
		writing.Wait()
	}
}

// send writes a request as it is and returns the status of the answer; 0 if
// the connection was closed without one.
func (s *server) send(t testing.TB, request io.Reader) int {
	t.Helper()
	c, end := s.pour(t, request, false)
	defer end()
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

// repeated is text, n times, without the memory for it.
func repeated(text string, n int) io.Reader { return &repeater{text: text, left: n * len(text)} }

type repeater struct {
	text     string
	at, left int
}

func (r *repeater) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := 0
	for n < len(p) && r.left > 0 {
		k := copy(p[n:min(len(p), n+r.left)], r.text[r.at:])
		n, r.left, r.at = n+k, r.left-k, (r.at+k)%len(r.text)
	}
	return n, nil
}

// What a client may send costs the server a bounded multiple of the cap on
// bodies, whatever it would inflate or amount to, and the server goes on.
func TestHostile_Requests(t *testing.T) { // not parallel: it counts what the process allocates
	const limit = 1 << 20
	s := start(t, func(o *edge.Options, _ *ingest.Intake, _ *journal) {
		o.MaxBody = func(string) int64 { return limit }
	})
	head := func(lines ...string) string {
		return "POST /in/landing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + strings.Join(append(lines, "\r\n"), "\r\n")
	}
	sized := func(body string, lines ...string) io.Reader {
		return strings.NewReader(head(append(lines, fmt.Sprintf("Content-Length: %d", len(body)))...) + body)
	}
	bomb := packed(t, make([]byte, 512*limit/10)) // 1000 to 1
	member := packed(t, nil)
	for name, c := range map[string]struct {
		request io.Reader
		want    []int // 0: closed
	}{
		"a bomb":                   {sized(bomb, "Content-Encoding: gzip"), []int{413}},
		"a bomb in a bomb":         {sized(packed(t, []byte(bomb)), "Content-Encoding: gzip"), []int{200}}, // one layer is undone
		"two encodings":            {sized(packed(t, []byte(bomb)), "Content-Encoding: gzip, gzip"), []int{415}},
		"encodings in two lines":   {sized(bomb, "Content-Encoding: gzip", "Content-Encoding: gzip"), []int{415}},
		"endless members":          {sized(strings.Repeat(member, limit/len(member)), "Content-Encoding: gzip"), []int{400}}, // nothing is left of it
		"a member cut off":         {sized(bomb[:len(bomb)/2], "Content-Encoding: gzip"), []int{400, 413}},
		"an endless body":          {io.MultiReader(strings.NewReader(head("Content-Length: 1000000000000")), repeated("x", 8*limit)), []int{413}},
		"an endless chunked body":  {io.MultiReader(strings.NewReader(head("Transfer-Encoding: chunked")), repeated("5\r\nabcde\r\n", limit)), []int{413}},
		"a chunk without an end":   {io.MultiReader(strings.NewReader(head("Transfer-Encoding: chunked")), repeated("f", 8*limit)), []int{400, 413}},
		"a negative length":        {strings.NewReader(head("Content-Length: -1") + "x"), []int{400, 411}},
		"an endless header":        {io.MultiReader(strings.NewReader("POST /in/landing HTTP/1.1\r\nA: "), repeated("x", 8*limit)), []int{431, 0}},
		"endless headers":          {io.MultiReader(strings.NewReader("POST /in/landing HTTP/1.1\r\n"), repeated("A: b\r\n", limit)), []int{431, 0}},
		"headers that just fit":    {sized("x", strings.Split(strings.TrimSuffix(strings.Repeat("A: b\r\n", 2500), "\r\n"), "\r\n")...), []int{200}},
		"long cookies":             {sized("x", "Cookie: "+strings.Repeat("a=b;", 3500)), []int{200}},
		"an endless request line":  {io.MultiReader(strings.NewReader("POST /in/landing?"), repeated("token=x&", limit)), []int{431, 0}},
		"an endless method":        {repeated("POST", limit), []int{400, 431, 0}},
		"blank lines":              {repeated("\r\n", limit), []int{400, 431, 0}},
		"a long name of a source":  {strings.NewReader("POST /in/" + strings.Repeat("x", 15000) + " HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), []int{404}},
		"a long chain of proxies":  {sized("x", "X-Forwarded-For: "+strings.Repeat("10.0.0.1,", 1500)), []int{200}},
		"a long list of languages": {sized("", "Accept: "+strings.Repeat("text/html;q=0.1,", 900)), []int{400}},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got := s.send(t, c.request)
		runtime.ReadMemStats(&after)
		ok := false
		for _, want := range c.want {
			ok = ok || got == want
		}
		if !ok {
			t.Errorf("%s: status %d, want one of %v", name, got, c.want)
		}
		if spent := after.TotalAlloc - before.TotalAlloc; spent > 24*limit {
			t.Errorf("%s: cost %d bytes with bodies of at most %d", name, spent, limit)
		}
	}
	if r := s.do(t, "POST", "/in/landing", "x"); r.StatusCode != http.StatusOK {
		t.Errorf("afterwards it answers %d", r.StatusCode)
	}
}

// Compressed bodies are in memory at once as far as what they are undone to fits;
// the others are told to come again. Those that come as they are and are small do
// not wait for them.
func TestHostile_CompressedOnesWait(t *testing.T) {
	t.Parallel()
	const limit, places = 1 << 20, 1 // the memory is what one of them needs
	s := start(t, func(o *edge.Options, in *ingest.Intake, j *journal) {
		o.MaxBody = func(string) int64 { return limit }
		o.BodyMemory, o.ReadTimeout = edge.LeastBodyMemory(limit), 500*time.Millisecond
		in.Source = sender{verify: func(d *ingest.Delivery) error {
			if len(d.Body) == limit {
				j.entered <- struct{}{}
				<-j.hold
			}
			return nil
		}}
		j.entered, j.hold = make(chan struct{}, 100), make(chan struct{})
	})
	body := packed(t, make([]byte, limit))
	var wg sync.WaitGroup
	for range places {
		wg.Go(func() { _ = s.send(t, compressed(body)) })
		<-s.journal.entered
	}
	r, err := s.try("POST", "/in/landing", strings.NewReader(body), "Content-Encoding: gzip")
	if err != nil {
		t.Fatal(err)
	}
	r.wantError(t, 503, "busy")
	if r.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	var small sync.WaitGroup
	small.Go(func() {
		if status := s.send(t, compressed(packed(t, []byte("small")))); status != http.StatusOK {
			t.Errorf("a small compressed one: %d", status)
		}
	})
	<-s.journal.entered
	close(s.journal.hold)
	wg.Wait()
	small.Wait()
	for range 2 * places { // the memory is given back
		if r := s.do(t, "POST", "/in/landing", body, "Content-Encoding: gzip"); r.StatusCode != http.StatusOK {
			t.Errorf("got %d", r.StatusCode)
		}
	}
}

func compressed(body string) io.Reader {
	return strings.NewReader(fmt.Sprintf("POST /in/landing HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(body), body))
}
