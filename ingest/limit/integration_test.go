package limit_test

import (
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest/limit"
	"github.com/leadgate/leadgate/ingest/redistest"
)

// redisServer starts a real Redis on addr and waits until it answers. stop
// kills it.
func redisServer(t testing.TB, addr string) (stop func()) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(redistest.Binary(t), "--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // "signal: killed"
		}
	}
	t.Cleanup(stop)
	client := patient(t, addr)
	for end := time.Now().Add(10 * time.Second); client.Ping(t.Context()).Err() != nil; {
		if time.Now().After(end) {
			t.Fatal("redis-server does not answer")
		}
	}
	return stop
}

func freeAddr(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

func TestIntegrationLimiter_RedisKilledAndRestarted(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	stop := redisServer(t, addr)
	var c clock
	o := limit.Options{Name: "source", Redis: patient(t, addr), Timeout: 5 * time.Second, Retry: time.Second, Now: c.now}
	one, two := newLimiter(t, o), newLimiter(t, o)
	take(t, one, "a")
	if r := take(t, two, "a"); r.Remaining != 1 || one.Degraded() {
		t.Fatalf("the nodes do not share: %+v", r)
	}
	if r := take(t, one, "a"); !r.Reset.After(time.Now().Add(59 * time.Minute)) {
		t.Errorf("the window ends at %v", r.Reset)
	}

	stop()
	wantThree(t, one, "a") // counted here from now on
	if !one.Degraded() {
		t.Error("not degraded without Redis")
	}

	redisServer(t, addr) // without the scripts that the first one knew
	c.advance(2 * time.Second)
	wantThree(t, one, "a")
	if r := take(t, two, "a"); r.Allowed || one.Degraded() || two.Degraded() {
		t.Errorf("not shared again: %+v, %v, %v", r, one.Degraded(), two.Degraded())
	}
}
