package edge_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/edge"
)

// Many large bodies at once are all taken, though there is room for few; small
// ones do not wait for them; and who sends a part and no more holds up nobody for
// longer than the read timeout.
func TestBodies_TakeTurns(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	s := start(t, func(o *edge.Options, _ *ingest.Intake, _ *journal) {
		o.MaxBody = func(string) int64 { return size }
		o.BodyMemory, o.ReadTimeout = 1, 5*time.Second // what one body needs, then
	})
	var slow []net.Conn
	for range 8 { // more than there is room for, and never the rest
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		slow = append(slow, c)
		if _, err := fmt.Fprintf(c, "POST /in/landing HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", size, bytes.Repeat([]byte("s"), size*3/4)); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	if r := s.do(t, http.MethodPost, "/in/landing", "small"); r.StatusCode != http.StatusOK || time.Since(began) > 3*time.Second {
		t.Errorf("a small one: %d after %v", r.StatusCode, time.Since(began))
	}
	var senders sync.WaitGroup
	large := string(bytes.Repeat([]byte("l"), size))
	var mu sync.Mutex
	taken := 0
	for range 24 {
		senders.Go(func() {
			for range 20 { // a sender that is cut off sends again
				r, err := s.try(http.MethodPost, "/in/landing", bytes.NewReader([]byte(large)))
				if err == nil && r.StatusCode == http.StatusOK {
					mu.Lock()
					taken++
					mu.Unlock()
					return
				}
			}
		})
	}
	senders.Wait()
	if taken != 24 {
		t.Errorf("%d of 24 large ones are taken", taken)
	}
	if got := len(s.journal.deliveries(t)); got != 25 {
		t.Errorf("%d are kept", got)
	}
	for _, c := range slow { // they were cut off
		if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		var timeout net.Error
		if _, err := c.Read(make([]byte, 1)); errors.As(err, &timeout) && timeout.Timeout() { // else it is told why, or cut
			t.Error("a sender that sends no more is still connected")
		}
	}
}
